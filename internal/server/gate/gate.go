// Package gate protects servers that anybody who reaches them may use, because their clients
// cannot send a token: it bounds the requests and their memory, rejects pages of other sites,
// logs and counts. Package access is for servers with users.
package gate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"

	"github.com/clipcue/clipcue/internal/server/problem"
)

// Limits of requests with a body.
const (
	MaxBody   = 64 << 20  // bytes of a body
	maxBodies = 256 << 20 // bytes of all bodies
	maxPosts  = 256       // at a time
	bodyTime  = 15 * time.Second
	bodyRate  = 64 << 10 // bytes per second, at least
)

// Gate decides whether requests are handled.
type Gate struct {
	log     *slog.Logger
	metrics prometheus.Registerer
	cross   *http.CrossOriginProtection
	posts   *semaphore.Weighted
	bodies  *semaphore.Weighted
}

// New returns a gate that logs and counts requests.
func New(log *slog.Logger, metrics prometheus.Registerer) *Gate {
	return &Gate{log: log, metrics: metrics, cross: http.NewCrossOriginProtection(),
		posts: semaphore.NewWeighted(maxPosts), bodies: semaphore.NewWeighted(maxBodies)}
}

// Server returns a server for a handler.
func (g *Gate) Server(next http.Handler) *http.Server {
	return &http.Server{
		Handler:           g.handler(next),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelError),
	}
}

func (g *Gate) handler(next http.Handler) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clipcue_http_requests_total", Help: "Requests that ended."}, []string{"code", "method"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "clipcue_http_request_seconds", Help: "Duration of requests.",
		Buckets: []float64{.005, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60}}, []string{"method"})
	g.metrics.MustRegister(requests, seconds)
	admitted := promhttp.InstrumentHandlerCounter(requests, promhttp.InstrumentHandlerDuration(seconds, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		g.admit(w, r, next)
	})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, answer := time.Now(), &recorder{ResponseWriter: w}
		admitted.ServeHTTP(answer, r)
		level := slog.LevelInfo
		if r.Method == http.MethodGet {
			level = slog.LevelDebug
		}
		g.log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", cmp.Or(answer.status, http.StatusOK),
			"ms", time.Since(start).Milliseconds(), "address", r.RemoteAddr)
	})
}

// recorder records the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	r.status = cmp.Or(r.status, status)
	r.ResponseWriter.WriteHeader(status)
}

// admit handles a request with a body, unless there are too many.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request, next http.Handler) {
	size := r.ContentLength
	if size < 0 {
		size = MaxBody
	}
	switch {
	case g.foreign(r):
		Reject(w, http.StatusForbidden, "the request comes from a page of another site")
		return
	case size > MaxBody:
		Reject(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has %s; the limit is %s", humanize.IBytes(uint64(size)), humanize.IBytes(MaxBody)))
		return
	case !g.posts.TryAcquire(1):
		Busy(w, "too many requests are waiting")
		return
	}
	defer g.posts.Release(1)
	if g.bodies.Acquire(r.Context(), size) != nil {
		return // the client has gone
	}
	defer g.bodies.Release(size)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime + time.Duration(size)*time.Second/bodyRate))
	r.Body = &body{http.MaxBytesReader(w, r.Body, MaxBody), control}
	next.ServeHTTP(w, r)
}

// foreign reports whether a page of another site sends a request. Programs may send an origin
// that is not one.
func (g *Gate) foreign(r *http.Request) bool {
	if !strings.HasPrefix(r.Header.Get("Origin"), "http") {
		r = r.Clone(r.Context())
		r.Header.Del("Origin")
	}
	return g.cross.Check(r) != nil
}

// body ends the time limit of a request's body when all of it was read, because handlers may
// work longer.
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

// Busy answers a request that may be repeated soon.
func Busy(w http.ResponseWriter, detail string) {
	problem.RetryAfter(w.Header(), time.Second)
	Reject(w, http.StatusServiceUnavailable, detail)
}

// Reject answers a request with an error, in a form that clients of FastAPI, such as Immich, and
// clients of OpenAI read.
func Reject(w http.ResponseWriter, status int, detail string) {
	kind := "invalid_request_error"
	if status >= 500 {
		kind = "server_error"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client has gone
		"detail": detail, "error": map[string]any{"message": detail, "type": kind, "param": nil, "code": nil},
	})
}
