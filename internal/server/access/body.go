package access

import (
	"io"
	"net/http"
	"time"
)

// body ends the time limit of a request's body when all of it was read. The limit would
// otherwise cancel a handler that works longer than the body took.
type body struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
