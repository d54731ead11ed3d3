package fleet

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// faultyS3 is a server of S3 that answers some requests with 503, breaks off bodies, and
// returns objects as they were before.
type faultyS3 struct {
	fresh, stale http.Handler
	on           atomic.Bool
	counts       [3]atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
}

// Faults of a server of S3.
const (
	unavailable = iota
	truncated
	outdated
)

// draw returns the fault of a request, or -1.
func (f *faultyS3) draw(r *http.Request) int {
	if !f.on.Load() {
		return -1
	}
	f.mu.Lock()
	n := f.random.IntN(100)
	f.mu.Unlock()
	object := strings.Count(r.URL.Path, "/") > 1
	switch {
	case n < 8:
		return unavailable
	case n < 14 && r.Method == http.MethodGet:
		return truncated
	case n < 20 && object && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return outdated
	}
	return -1
}

func (f *faultyS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := f.draw(r)
	if fault >= 0 {
		f.counts[fault].Add(1)
	}
	switch fault {
	case unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
	case truncated:
		f.truncate(w, r)
	case outdated:
		f.stale.ServeHTTP(w, r)
	default:
		f.fresh.ServeHTTP(w, r)
	}
}

// truncate sends half of a body and breaks the connection.
func (f *faultyS3) truncate(w http.ResponseWriter, r *http.Request) {
	whole := httptest.NewRecorder()
	f.fresh.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	body := whole.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(body[:len(body)/2])
	panic(http.ErrAbortHandler)
}
