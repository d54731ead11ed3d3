package encode

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/video"
)

// ErrBusy reports that a model cannot be loaded because others are in use.
var ErrBusy = errors.New("too many models are in use")

// MissingError reports a model that is not on this machine.
type MissingError struct {
	Model string
	Pull  string // name under which it can be downloaded, or ""
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("the model %q is not on this machine", e.Model)
}

// statusGone is the status in the log of a request whose client has gone.
const statusGone = 499

// Status returns the HTTP status for an error of an [Encoder].
func Status(err error) int {
	if _, ok := errors.AsType[*MissingError](err); ok {
		return http.StatusNotFound
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

var statuses = []struct {
	err    error
	status int
}{
	{ErrBusy, http.StatusServiceUnavailable},
	{clip.ErrNoImage, http.StatusUnprocessableEntity},
	{clip.ErrNoText, http.StatusUnprocessableEntity},
	{video.ErrFormat, http.StatusUnprocessableEntity},
	{video.ErrUnsupported, http.StatusUnsupportedMediaType},
	{video.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{context.Canceled, statusGone},
}
