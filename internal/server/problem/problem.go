// Package problem writes errors of the API that occur outside of its operations, in the
// format of RFC 9457.
package problem

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/clipcue/clipcue/internal/text"
)

// Write answers a request with an error. detail is a sentence for users; control and
// bidirectional characters in it are escaped.
func Write(w http.ResponseWriter, status int, detail string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client has gone
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": text.Quote(detail),
	})
}

// RetryAfter tells a client how long to wait before it repeats a request.
func RetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}
