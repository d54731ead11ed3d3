package gate

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(New(slog.New(slog.DiscardHandler), prometheus.NewRegistry()).Server(h).Handler)
	t.Cleanup(s.Close)
	return s.URL
}

// Programs may send requests, pages of other sites may not.
func TestOrigin(t *testing.T) {
	t.Parallel()
	address := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"User-Agent", "node", 200},
		{"Sec-Fetch-Mode", "cors", 200}, // Node's fetch
		{"Origin", "client", 200},
		{"Origin", address, 200},
		{"Origin", "null", 403},
		{"Origin", "HTTPS://evil.example", 403},
		{"Origin", "https://evil.example", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(c.name, c.value)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != c.status {
			t.Errorf("%s %s: %s", c.name, c.value, answer.Status)
		}
	}
}

// A name that an attacker points at the server does not make the attacker's page part of it. Programs
// may use any name.
func TestRebinding(t *testing.T) {
	t.Parallel()
	address := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, c := range []struct {
			host, name, value string
			status            int
		}{
			{"clipcue:3003", "User-Agent", "node", 200},
			{"evil.example:3003", "Origin", "http://evil.example:3003", 403},
			{"evil.example:3003", "Sec-Fetch-Site", "same-origin", 403},
			{"localhost:3003", "Origin", "http://localhost:3003", 200},
			{"[::1]:3003", "Origin", "http://[::1]:3003", 200},
			{"localhost:3003", "Sec-Fetch-Site", "same-site", 403},
		} {
			r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = c.host
			r.Header.Set(c.name, c.value)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Body.Close(); answer.StatusCode != c.status {
				t.Errorf("%s, %+v: %s", method, c, answer.Status)
			}
		}
	}
}

// A body above the limit is rejected, whether its size is declared or not.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			Reject(w, http.StatusRequestEntityTooLarge, err.Error())
		}
	})
	zeros := io.LimitReader(zero{}, MaxBody+1)
	for what, body := range map[string]io.Reader{"declared": strings.NewReader(strings.Repeat("a", MaxBody+1)), "not declared": struct{ io.Reader }{zeros}} {
		r, err := http.Post(address, "", body)
		if err != nil {
			continue // the server closes the connection while the client still writes
		}
		if r.Body.Close(); r.StatusCode != 413 {
			t.Errorf("%s: %s", what, r.Status)
		}
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// More requests than are accepted at a time get 503 and when to come back.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	started, finish := make(chan bool, maxPosts), make(chan bool)
	address := serve(t, func(http.ResponseWriter, *http.Request) { started <- true; <-finish })
	var all sync.WaitGroup
	for range maxPosts {
		all.Go(func() {
			if r, err := http.Post(address, "", strings.NewReader("x")); err != nil || r.StatusCode != 200 {
				t.Error(err)
			} else {
				r.Body.Close()
			}
		})
	}
	for range maxPosts {
		<-started
	}
	r, err := http.Post(address, "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.Close(); r.StatusCode != 503 || r.Header.Get("Retry-After") != "1" {
		t.Errorf("%s, Retry-After %q", r.Status, r.Header.Get("Retry-After"))
	}
	close(finish)
	all.Wait()
}
