package access

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// site is a server behind a guard, with the secrets of a viewer and an editor.
type site struct {
	t            *testing.T
	guard        *Guard
	url, tokens  string
	viewer, boss string
	log          *bytes.Buffer
}

func newSite(t *testing.T, o Options) *site {
	t.Helper()
	s := &site{t: t, tokens: filepath.Join(t.TempDir(), "clipcue", "tokens.json"), log: new(bytes.Buffer)}
	s.viewer, s.boss = add(t, s.tokens, "vera", View), add(t, s.tokens, "anna", Edit)
	o.Tokens, o.Log = s.tokens, slog.New(slog.NewJSONHandler(s.log, nil))
	s.serve(o)
	return s
}

func add(t *testing.T, path, name string, role Role) string {
	t.Helper()
	secret, err := AddToken(path, name, role)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// serve starts a server whose handlers answer with who asks.
func (s *site) serve(o Options) {
	s.t.Helper()
	g, err := New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.guard = g
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		io.WriteString(w, Of(r.Context()).User+"/"+string(Of(r.Context()).Role))
	})
	mux.HandleFunc("POST /api/v1/session", func(w http.ResponseWriter, r *http.Request) {
		secret, _ := io.ReadAll(r.Body)
		c, err := g.Login(r.Context(), string(secret))
		if many, ok := errors.AsType[*TooManyError](err); ok && many.Wait > 0 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.SetCookie(w, c)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /api/v1/session", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, g.Logout(r.Context()))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	server := httptest.NewUnstartedServer(nil)
	server.Config = g.Server(mux)
	server.Start()
	s.t.Cleanup(server.Close)
	s.url = server.URL
}

// reply is an answer whose body was read.
type reply struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
}

// do sends a request with headers given as "Name: value". A Host is set as such.
func (s *site) do(method, path, body string, headers ...string) (reply, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, answer.Cookies()}, string(text)
}

// Every kind of intruder is rejected, with an error in the format of the API, and those who
// may do what they ask for are not.
func TestIntruders(t *testing.T) {
	s := newSite(t, Options{Hosts: []string{"archive.example"}, Uploads: map[string]int64{"/api/v1/examples": 4 << 20}})
	asViewer, asEditor := "Authorization: Bearer "+s.viewer, "Authorization: Bearer "+s.boss
	long := strings.Repeat("x", maxURL)
	tests := []struct {
		name, method, path, body string
		headers                  []string
		want                     int
	}{
		{"nobody reads", "GET", "/api/v1/videos", "", nil, 401},
		{"nobody reads metrics", "GET", "/metrics", "", nil, 401},
		{"nobody writes", "POST", "/api/v1/labels", "{}", nil, 401},
		{"nobody sees the page", "GET", "/login", "", nil, 200},
		{"nobody sees health", "GET", "/healthz", "", nil, 200},
		{"nobody sees the session", "GET", "/api/v1/session", "", nil, 200},
		{"wrong token", "GET", "/api/v1/videos", "", []string{"Authorization: Bearer clipcue_x"}, 401},
		{"empty token", "GET", "/api/v1/videos", "", []string{"Authorization: Bearer "}, 401},
		{"wrong cookie", "GET", "/api/v1/videos", "", []string{"Cookie: clipcue=x"}, 401},
		{"viewer reads", "GET", "/api/v1/videos", "", []string{asViewer}, 200},
		{"viewer writes", "POST", "/api/v1/labels", "{}", []string{asViewer}, 403},
		{"viewer deletes", "DELETE", "/api/v1/labels/1", "", []string{asViewer}, 403},
		{"viewer uploads an example", "POST", "/api/v1/examples", "x", []string{asViewer}, 200},
		{"editor writes", "POST", "/api/v1/labels", "{}", []string{asEditor}, 200},
		{"another site writes", "POST", "/api/v1/labels", "{}", []string{asEditor, "Sec-Fetch-Site: cross-site"}, 403},
		{"another site reads", "GET", "/api/v1/videos", "", []string{asEditor, "Sec-Fetch-Site: cross-site"}, 403},
		{"another origin", "GET", "/api/v1/videos", "", []string{asEditor, "Origin: http://evil.example"}, 403},
		{"another port", "POST", "/api/v1/labels", "", []string{asEditor, "Origin: http://127.0.0.1:1"}, 403},
		{"own origin", "POST", "/api/v1/labels", "", []string{asEditor, "Origin: " + s.url}, 200},
		{"a link of another site", "GET", "/", "", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"rebinding", "GET", "/healthz", "", []string{"Host: evil.example"}, 421},
		{"rebinding to the port", "GET", "/healthz", "", []string{"Host: evil.example:80"}, 421},
		{"another address", "GET", "/healthz", "", []string{"Host: 192.168.1.5"}, 421},
		{"own name", "GET", "/healthz", "", []string{"Host: Archive.Example:443"}, 200},
		{"localhost", "GET", "/healthz", "", []string{"Host: localhost:80"}, 200},
		{"IPv6", "GET", "/healthz", "", []string{"Host: [::1]:80"}, 200},
		{"traversal", "GET", "/assets/../api/v1/videos", "", nil, 400},
		{"encoded traversal", "GET", "/assets/%2e%2e/%2e%2e/etc/passwd", "", nil, 400},
		{"backslashes", "GET", "/assets/..%5c..%5cx", "", nil, 400},
		{"two slashes", "GET", "//api/v1/videos", "", []string{asEditor}, 400},
		{"encoded path", "GET", "/%61pi/v1/videos", "", nil, 401},
		{"null byte", "GET", "/x%00.js", "", nil, 400},
		{"long query", "GET", "/api/v1/search?q=" + long, "", []string{asEditor}, 414},
		{"large body", "POST", "/api/v1/labels", strings.Repeat("x", maxBody+1), []string{asEditor}, 413},
		{"large upload", "POST", "/api/v1/examples", strings.Repeat("x", 4<<20), []string{asViewer}, 200},
	}
	for _, c := range tests {
		answer, text := s.do(c.method, c.path, c.body, c.headers...)
		isProblem := strings.Contains(text, `"detail"`) && answer.header.Get("Content-Type") == "application/problem+json"
		if answer.status != c.want || isProblem != (c.want >= 400) {
			t.Errorf("%s: %d, want %d: %.200s", c.name, answer.status, c.want, text)
		}
	}
	if strings.Contains(s.log.String(), s.boss) || strings.Contains(s.log.String(), "xxxx") {
		t.Error("the log has a secret or a query")
	}
}

// Few uploads are accepted at a time.
func TestManyUploads(t *testing.T) {
	s := newSite(t, Options{Uploads: map[string]int64{"/api/v1/examples": 4 << 20}})
	if !s.guard.uploads.TryAcquire(maxUploads - 1) {
		t.Fatal("an upload is running")
	}
	with := "Authorization: Bearer " + s.viewer
	if answer, _ := s.do("POST", "/api/v1/examples", "x", with); answer.status != http.StatusOK {
		t.Error(answer)
	}
	s.guard.uploads.TryAcquire(1)
	if answer, _ := s.do("POST", "/api/v1/examples", "x", with); answer.status != http.StatusTooManyRequests || answer.header.Get("Retry-After") == "" {
		t.Error(answer)
	}
}

// A body without a declared length is cut at the limit.
func TestEndlessBody(t *testing.T) {
	s := newSite(t, Options{})
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/v1/labels", io.MultiReader(strings.NewReader(strings.Repeat("x", maxBody+1))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.boss)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
}

// The longest path of the specification, whose characters take up to twelve bytes each, is refused
// with an explanation. Above that, net/http refuses the headers before any handler.
func TestLongAddresses(t *testing.T) {
	s := newSite(t, Options{})
	for n, want := range map[int]int{4096: http.StatusRequestURITooLong, 20000: http.StatusRequestHeaderFieldsTooLarge} {
		address := s.url + "/healthz?path=" + url.QueryEscape(strings.Repeat("\U00020834", n))
		r, err := http.NewRequestWithContext(t.Context(), "GET", address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%d characters: status %d, want %d", n, answer.StatusCode, want)
		}
	}
}

// A client that sends its headers or its body too slowly is disconnected.
func TestSlowRequests(t *testing.T) {
	s := newSite(t, Options{})
	s.guard.bodyTime = time.Second
	for name, sent := range map[string]string{
		"headers": "GET / HTTP/1.1\r\nHost: localhost\r\nX-A",
		"body":    "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, sent); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				answer.Body.Close()
			}
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Error("the connection is still open")
			}
			if err == nil && answer.StatusCode < 400 {
				t.Errorf("status %d", answer.StatusCode)
			}
		})
	}
}

// Every answer, also that to a rejected request, has the headers that protect the page.
func TestHeaders(t *testing.T) {
	s := newSite(t, Options{})
	for _, path := range []string{"/", "/api/v1/videos"} {
		answer, _ := s.do("GET", path, "", "X-Request-Id: given-by-proxy")
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "X-Request-Id": "given-by-proxy",
		} {
			if got := answer.header.Get(name); got != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
	}
	if answer, _ := s.do("GET", "/", "", "X-Request-Id: a\tb c d e f"); len(answer.header.Get("X-Request-Id")) != 16 {
		t.Error("a hostile request ID was taken over")
	}
}

// A browser logs in with a token, gets a cookie that scripts and other sites cannot use, and
// logs out.
func TestSession(t *testing.T) {
	s := newSite(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	answer, _ := s.do("POST", "/api/v1/session", s.viewer, "X-Forwarded-Proto: https")
	cookies := answer.cookies
	if answer.status != 204 || len(cookies) != 1 {
		t.Fatal(answer.status, cookies)
	}
	if c := cookies[0]; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || strings.Contains(c.Value, s.viewer) {
		t.Errorf("%+v", c)
	}
	with := "Cookie: clipcue=" + cookies[0].Value
	if _, who := s.do("GET", "/api/v1/videos", "", with); who != "vera/view" {
		t.Errorf("%q", who)
	}
	if answer, _ := s.do("POST", "/api/v1/labels", "", with); answer.status != 403 {
		t.Error(answer.status)
	}
	s.do("DELETE", "/api/v1/session", "", with)
	if answer, _ := s.do("GET", "/api/v1/videos", "", with); answer.status != 401 {
		t.Error("the session did not end")
	}
}

// Removing a token ends its sessions; removing the last one does not open the server.
func TestRemovedToken(t *testing.T) {
	s := newSite(t, Options{})
	answer, _ := s.do("POST", "/api/v1/session", s.boss)
	with := "Cookie: clipcue=" + answer.cookies[0].Value
	for _, name := range []string{"anna", "vera"} {
		if err := RemoveToken(s.tokens, name); err != nil {
			t.Fatal(err)
		}
	}
	s.guard.tokens.checked = time.Time{}
	for _, header := range []string{with, "Authorization: Bearer " + s.boss, "X-A: b"} {
		if answer, _ := s.do("GET", "/api/v1/videos", "", header); answer.status != 401 {
			t.Errorf("%.20s: %d", header, answer.status)
		}
	}
}

// Guessing is slowed down per client, also behind a proxy.
func TestLoginAttempts(t *testing.T) {
	s := newSite(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	login := func(secret, address string) int {
		answer, _ := s.do("POST", "/api/v1/session", secret, "X-Forwarded-For: 8.8.8.8, "+address)
		return answer.status
	}
	var got []int
	for range 12 {
		got = append(got, login("guess", "10.0.0.1"))
	}
	if i := slices.Index(got, 429); i != 10 || got[0] != 401 {
		t.Error(got)
	}
	if login(s.boss, "10.0.0.1") != 429 || login(s.boss, "10.0.0.2") != 204 {
		t.Error("the limit is not that of the address")
	}
}

// Without tokens everyone on this machine may edit, but nobody through a proxy.
func TestWithoutTokens(t *testing.T) {
	s := &site{t: t}
	s.serve(Options{Tokens: filepath.Join(t.TempDir(), "none.json")})
	if _, who := s.do("POST", "/api/v1/labels", ""); who != "/edit" || s.guard.Required() {
		t.Errorf("%q", who)
	}
	if answer, _ := s.do("GET", "/api/v1/videos", "", "X-Forwarded-For: 1.2.3.4"); answer.status != 403 {
		t.Error(answer.status)
	}
}

// A defect in one handler is one answer and one line of the log.
func TestPanic(t *testing.T) {
	s := newSite(t, Options{})
	answer, text := s.do("GET", "/panic", "")
	if id := answer.header.Get("X-Request-Id"); answer.status != 500 || !strings.Contains(text, id) || strings.Contains(text, "on purpose") {
		t.Errorf("%d %s", answer.status, text)
	}
	if !strings.Contains(s.log.String(), "on purpose") {
		t.Error("the log has no cause")
	}
}

func TestListen(t *testing.T) {
	open, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Listen(t.Context(), "0.0.0.0:0"); !errors.As(err, new(*OpenError)) {
		t.Error(err)
	}
	l, err := open.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := open.Listen(t.Context(), l.Addr().String()); !errors.As(err, new(*InUseError)) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Error(err)
	}
	named, _ := New(Options{Hosts: []string{"archive.example"}})
	if _, err := named.Listen(t.Context(), "127.0.0.1:0"); !errors.As(err, new(*OpenError)) {
		t.Error(err)
	}
	closed := newSite(t, Options{}).guard
	all, err := closed.Listen(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	all.Close()
}

// Requests are counted by their route, not by their path.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newSite(t, Options{Metrics: registry})
	s.do("GET", "/one", "")
	s.do("GET", "/two", "")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if m := f.GetMetric(); len(m) != 1 || f.GetName() == "clipcue_http_requests_total" && m[0].GetCounter().GetValue() != 2 {
			t.Errorf("%v", f)
		}
	}
}
