package access

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/server/gate"
	"github.com/clipcue/clipcue/internal/server/problem"
	"github.com/dustin/go-humanize"
)

// Limits of a request.
const (
	maxURL  = 8 << 10 // bytes of the path and the query
	maxBody = 1 << 20 // bytes
)

// sessionPath is the only path of the API that needs no identity.
const sessionPath = "/api/v1/session"

// rejection is the answer to a request that does not pass a check.
type rejection struct {
	status int
	detail string
}

func (r *rejection) write(w http.ResponseWriter) {
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="clipcue"`)
	}
	problem.Write(w, r.status, r.detail)
}

// isData reports whether a path has data. Everything else is the page and the health checks.
func isData(p string) bool {
	return p == "/api" || strings.HasPrefix(p, "/api/") || p == "/metrics" || strings.HasPrefix(p, "/metrics/") || strings.HasPrefix(p, "/debug/")
}

// checkHost rejects host names that are not the server's.
func (g *Guard) checkHost(_ *recorder, r *http.Request) *rejection {
	if gate.KnownHost(r.Host, g.o.Hosts, g.localOnly) {
		return nil
	}
	return &rejection{http.StatusMisdirectedRequest, fmt.Sprintf("This server is not known as %q.", r.Host)}
}

// checkPath rejects paths that a later handler could read differently, and long ones.
func checkPath(_ *recorder, r *http.Request) *rejection {
	p := r.URL.Path
	if len(r.URL.EscapedPath())+len(r.URL.RawQuery) > maxURL {
		return &rejection{http.StatusRequestURITooLong, fmt.Sprintf("The address of the request is longer than %s.", humanize.IBytes(maxURL))}
	}
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	if !strings.HasPrefix(p, "/") || clean != p || strings.ContainsAny(p, "\\\x00") {
		return &rejection{http.StatusBadRequest, "The path of the request is not valid."}
	}
	return nil
}

// checkOrigin rejects what other sites send: any request to the API, and those to the page
// that change something. Without tokens, reading would need no cookie.
func (g *Guard) checkOrigin(_ *recorder, r *http.Request) *rejection {
	checked := r
	if isData(r.URL.Path) {
		checked = r.Clone(r.Context())
		checked.Method = http.MethodPost // safe methods are not checked
	}
	if g.cross.Check(checked) != nil {
		return &rejection{http.StatusForbidden, "The request comes from another site."}
	}
	return nil
}

// checkForwarded rejects requests through a proxy while nobody needs a token: the proxy may
// be open to everyone.
func (g *Guard) checkForwarded(_ *recorder, r *http.Request) *rejection {
	if h := r.Header; !g.Required() && (h.Get("X-Forwarded-For") != "" || h.Get("Forwarded") != "" || h.Get("Via") != "") {
		return &rejection{http.StatusForbidden, "The request comes through a proxy, and the server has no tokens."}
	}
	return nil
}

// checkRole rejects requests without the role that they need.
func (g *Guard) checkRole(_ *recorder, r *http.Request) *rejection {
	who := Of(r.Context())
	_, upload := g.o.Uploads[r.URL.Path]
	switch {
	case !isData(r.URL.Path), r.URL.Path == sessionPath:
		return nil
	case who.Role == "":
		return &rejection{http.StatusUnauthorized, "Log in, or send a valid token."}
	case who.Role == Edit, r.Method == http.MethodGet, r.Method == http.MethodHead, upload && r.Method == http.MethodPost:
		return nil
	}
	return &rejection{http.StatusForbidden, fmt.Sprintf("%s may only view.", who.User)}
}

// bodyTime is the least time within which a body must arrive.
const bodyTime = 15 * time.Second

// checkBody rejects a body above the limit, and limits the rest of it while it is read.
func (g *Guard) checkBody(w *recorder, r *http.Request) *rejection {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limit, ok := g.o.Uploads[r.URL.Path]
	if !ok {
		limit = maxBody
	}
	if r.ContentLength > limit {
		return &rejection{http.StatusRequestEntityTooLarge, fmt.Sprintf("The request has %s; the limit is %s.",
			humanize.IBytes(uint64(r.ContentLength)), humanize.IBytes(uint64(limit)))}
	}
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	r.Body = gate.Timed(w.ResponseWriter, http.MaxBytesReader(w.ResponseWriter, r.Body, limit), size, g.bodyTime)
	return nil
}
