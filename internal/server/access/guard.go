package access

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/clipcue/clipcue/internal/server/problem"
	"golang.org/x/time/rate"
)

// Options configure a [Guard]. The zero value accepts requests from this machine only.
type Options struct {
	Tokens  string         // path of the file of tokens; "" = no tokens
	Hosts   []string       // names under which others reach the server
	Proxies []netip.Prefix // addresses of proxies whose X-Forwarded headers count
	Log     *slog.Logger
	Metrics prometheus.Registerer // of the requests; nil = none

	// Others are asked who makes a request if no token or session says so.
	Others []Authenticator

	// Uploads are paths with a larger limit of the body, in bytes, that viewers may also
	// post to: such a file is an example for a search. Few are accepted at a time.
	Uploads map[string]int64
}

// Guard decides about every request.
type Guard struct {
	o         Options
	log       *slog.Logger
	tokens    *tokens
	sessions  sessions
	logins    attempts
	metrics   *metrics
	cross     *http.CrossOriginProtection
	localOnly bool // the server listens on a loopback address
	bodyTime  time.Duration
	uploads   *semaphore.Weighted
}

// New returns a guard. It fails if the file of tokens cannot be read.
func New(o Options) (*Guard, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t, err := openTokens(o.Tokens, o.Log)
	if err != nil {
		return nil, err
	}
	return &Guard{
		o: o, log: o.Log, tokens: t, localOnly: true, bodyTime: bodyTime,
		sessions: sessions{by: map[string]session{}},
		logins:   attempts{every: 6 * time.Second, burst: 10, by: map[string]*rate.Limiter{}},
		metrics:  newMetrics(o.Metrics),
		cross:    http.NewCrossOriginProtection(),
		uploads:  semaphore.NewWeighted(maxUploads),
	}, nil
}

// Required reports whether requests need a token.
func (g *Guard) Required() bool {
	_, required := g.tokens.current()
	return required || len(g.o.Others) > 0
}

// Handler returns next behind all checks. Requests reach it with an identity, see [Of].
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{id: requestID(r)}
		c.address, c.secure = g.client(r)
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		answer := &recorder{ResponseWriter: w, control: http.NewResponseController(w)}
		setHeaders(answer.Header(), c)
		defer g.record(answer, r, time.Now())
		defer g.recover(answer, r)
		c.who, c.session = g.identify(r)
		for _, check := range []func(*recorder, *http.Request) *rejection{
			g.checkHost, checkPath, g.checkOrigin, g.checkForwarded, g.checkRole, g.checkBody,
		} {
			if no := check(answer, r); no != nil {
				no.write(answer)
				return
			}
		}
		if _, upload := g.o.Uploads[r.URL.Path]; upload {
			if !g.uploads.TryAcquire(1) {
				problem.RetryAfter(answer.Header(), 5*time.Second)
				problem.Write(answer, http.StatusTooManyRequests, "Too many files are being uploaded. Try again in a moment.")
				return
			}
			defer g.uploads.Release(1)
		}
		next.ServeHTTP(answer, r)
	})
}

// maxUploads is how many uploads are accepted at a time.
const maxUploads = 4

// identify returns who makes a request, and the key of its session.
func (g *Guard) identify(r *http.Request) (Identity, string) {
	list, required := g.tokens.current()
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		t, _ := find(list, strings.TrimSpace(secret))
		return Identity{t.Name, t.Role}, ""
	}
	if cookie, err := r.Cookie(CookieName); err == nil {
		key := hash(cookie.Value)
		if token, ok := g.sessions.find(key); ok {
			for _, t := range list {
				if t.Hash == token {
					return Identity{t.Name, t.Role}, key
				}
			}
		}
	}
	for _, a := range g.o.Others {
		if who, ok := a.Authenticate(r); ok {
			return who, ""
		}
	}
	if required || len(g.o.Others) > 0 {
		return Identity{}, ""
	}
	return Identity{"", Edit}, ""
}

// Still reports whether the one who makes a request may still do so: its token exists and
// its session has not ended. It is for answers that take long.
func (g *Guard) Still(r *http.Request) bool {
	who, _ := g.identify(r)
	return who == Of(r.Context())
}

// client returns the address of the client of a request, and whether it uses TLS. Behind a
// trusted proxy these are what the proxy reports.
func (g *Guard) client(r *http.Request) (address string, secure bool) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	secure = r.TLS != nil
	if !g.trusts(address) {
		return address, secure
	}
	secure = secure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	// The last address that no trusted proxy has is the client's; those before it are
	// what the client claims.
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(chain) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(chain[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if address = hop; !g.trusts(hop) {
			break
		}
	}
	return address, secure
}

// trusts reports whether an address is that of a trusted proxy.
func (g *Guard) trusts(address string) bool {
	a, err := netip.ParseAddr(address)
	for _, p := range g.o.Proxies {
		if err == nil && p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

var requestIDs = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID returns the ID that the client or a proxy gave a request, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); requestIDs.MatchString(id) {
		return id
	}
	return rand.Text()[:16]
}
