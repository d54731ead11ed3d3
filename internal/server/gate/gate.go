// Package gate protects servers that anybody who reaches them may use, because their clients
// cannot send a token: it bounds the requests and their memory, rejects pages of other sites,
// logs and counts. Package access is for servers with users.
package gate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
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
	MaxBody  = 64 << 20 // bytes of a body
	maxPosts = 256      // at a time
)

// Gate decides whether requests are handled.
type Gate struct {
	log     *slog.Logger
	metrics prometheus.Registerer
	cross   *http.CrossOriginProtection
	posts   *semaphore.Weighted
	bodies  *budget
}

// New returns a gate that logs and counts requests.
func New(log *slog.Logger, metrics prometheus.Registerer) *Gate {
	return &Gate{log: log, metrics: metrics, cross: http.NewCrossOriginProtection(),
		posts: semaphore.NewWeighted(maxPosts), bodies: newBudget()}
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
		switch {
		case g.foreign(r):
			Reject(w, http.StatusForbidden, "the request comes from a page of another site")
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			next.ServeHTTP(w, r)
		default:
			g.admit(w, r, next)
		}
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
	switch {
	case r.ContentLength > MaxBody:
		Reject(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has %s; the limit is %s", humanize.IBytes(uint64(r.ContentLength)), humanize.IBytes(MaxBody)))
		return
	case !g.posts.TryAcquire(1):
		Busy(w, "too many requests are waiting")
		return
	}
	defer g.posts.Release(1)
	size := r.ContentLength
	if size < 0 {
		size = MaxBody
	}
	b := &counted{ReadCloser: Timed(w, http.MaxBytesReader(w, r.Body, MaxBody), size, bodyTime), ctx: r.Context(), budget: g.bodies, left: size}
	defer b.release()
	r.Body = b
	next.ServeHTTP(w, r)
}

// foreign reports whether a page that is not at an address of this machine sends a request. A name
// is not enough, because its owner could point it at this machine. Programs may use any name, and
// send an origin that is not one.
func (g *Gate) foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if strings.EqualFold(origin, "null") {
		return true
	}
	page := len(origin) >= 4 && strings.EqualFold(origin[:4], "http") || r.Header.Get("Sec-Fetch-Site") != ""
	if !page {
		return false
	}
	r = r.Clone(r.Context())
	r.Method = http.MethodPost // safe methods are not checked
	return !KnownHost(r.Host, nil, false) || g.cross.Check(r) != nil
}

// KnownHost reports whether the Host of a request is one of names, localhost or an address, which
// must be a loopback one if localOnly. A name that an attacker owns could be pointed at this
// machine, which makes the attacker's page part of the server's site. Addresses cannot.
func KnownHost(host string, names []string, localOnly bool) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, host) }) {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || !localOnly)
}

// Busy answers a request that may be repeated soon.
func Busy(w http.ResponseWriter, detail string) {
	problem.RetryAfter(w.Header(), time.Second)
	Reject(w, http.StatusServiceUnavailable, detail)
}

// Fail logs an error, and answers with it. An error of the server may have paths of this machine,
// so its detail is only in the log.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, status int, detail string) {
	if r.Context().Err() == nil { // else the client has gone
		log.WarnContext(r.Context(), "a request failed", "path", r.URL.Path, "status", status, "error", detail)
	}
	switch status {
	case http.StatusServiceUnavailable:
		Busy(w, detail)
	case http.StatusInternalServerError:
		Reject(w, status, "the server failed; its log has the reason")
	default:
		Reject(w, status, detail)
	}
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
