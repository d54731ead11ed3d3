package access

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/server/problem"
	"github.com/prometheus/client_golang/prometheus"
)

// policy lets the page load only its own files, and no inline scripts or styles.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func setHeaders(h http.Header, c *call) {
	for name, value := range map[string]string{
		"Cache-Control":                "private, no-cache", // unless the handler knows better
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Frame-Options":              "DENY",
		"X-Request-Id":                 c.id,
	} {
		h.Set(name, value)
	}
}

// recorder records the status and size of an answer. A client that takes nothing for
// writeTime is disconnected.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
	bytes   int64
}

const writeTime = time.Minute

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.status = cmp.Or(r.status, http.StatusOK)
	r.extend()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// extend gives the client time to take what is written next.
func (r *recorder) extend() { _ = r.control.SetWriteDeadline(time.Now().Add(writeTime)) }

func (r *recorder) Flush() {
	r.extend()
	_ = r.control.Flush()
}

// recover answers a request whose handler panicked. Other requests go on.
func (g *Guard) recover(w *recorder, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if cause, ok := v.(error); ok && errors.Is(cause, http.ErrAbortHandler) {
		panic(v)
	}
	err := crash.New(v)
	g.log.Error("a request failed", "error", err, "request", RequestID(r.Context()), "stack", string(err.Stack))
	if w.status != 0 { // a part of the answer was sent; only closing tells the client
		panic(http.ErrAbortHandler)
	}
	problem.Write(w, http.StatusInternalServerError, "Internal error; the log has the details under "+RequestID(r.Context())+".")
}

// record logs a request that ended, and counts it. The query is not logged, because it says
// what somebody searches.
func (g *Guard) record(w *recorder, r *http.Request, start time.Time) {
	w.extend() // the server writes what is buffered
	c, took := callOf(r.Context()), time.Since(start)
	status := cmp.Or(w.status, http.StatusOK)
	level := slog.LevelInfo
	switch {
	case status >= 500:
		level = slog.LevelError
	case !isData(r.URL.Path) && status < 400:
		level = slog.LevelDebug
	}
	g.log.Log(context.WithoutCancel(r.Context()), level, "request", "method", r.Method, "path", r.URL.Path, "status", status,
		"bytes", w.bytes, "ms", took.Milliseconds(), "user", c.who.User, "address", c.address, "request", c.id)
	g.metrics.count(r, status, took)
}

// metrics count requests.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(to prometheus.Registerer) *metrics {
	m := &metrics{
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clipcue_http_requests_total", Help: "Requests that ended."}, []string{"route", "status"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "clipcue_http_request_seconds", Help: "Duration of requests.",
			Buckets: []float64{.005, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60}}, []string{"route"}),
	}
	if to != nil {
		to.MustRegister(m.requests, m.seconds)
	}
	return m
}

// count counts a request under the pattern of its handler, as paths would be too many.
func (m *metrics) count(r *http.Request, status int, took time.Duration) {
	route := cmp.Or(r.Pattern, "rejected")
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
