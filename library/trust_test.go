package library_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/library"
)

// recorder is a server that records the keys it is sent.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	keys []string
}

func record(t *testing.T, answer http.HandlerFunc) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.keys = append(r.keys, q.Header.Get("Authorization"))
		r.mu.Unlock()
		answer(w, q)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := r.keys
	r.keys = nil
	return keys
}

// The key goes to the address that the caller gave, and no library, mirror or redirect
// makes clipcue connect to another one.
func TestServerOfAForeignLibrary(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	width := w.open().Settings().Width
	collection := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"class":"Mine_1","description":"clipcue: unit vectors of width %d","vectorIndexConfig":{"distance":"cosine"}}`, width)
	}
	named, given := record(t, collection), record(t, collection)
	name := func(address string) {
		t.Helper()
		execute(t, filepath.Join(w.lib, "library.db"), fmt.Sprintf("UPDATE settings SET json = json_set(json, '$.server', '%s', '$.collection', 'Mine')", address))
	}
	name(named.URL)
	for what, servers := range map[string][]library.Server{
		"none":         nil,
		"another":      {{Address: given.URL, Key: "secret"}},
		"without path": {{Address: named.URL + "/path", Key: "secret"}},
		"https":        {{Address: strings.Replace(named.URL, "http", "https", 1), Key: "secret"}},
		"empty":        {{Key: "secret"}},
	} {
		l, err := library.Open(t.Context(), w.lib, servers...)
		if e := (*library.ServerError)(nil); !errors.As(err, &e) || e.Address != named.URL {
			t.Errorf("%s: %v", what, err)
		}
		if l != nil {
			l.Close()
		}
	}
	w.o.ServerKey = "secret"
	for _, address := range []string{"", given.URL} {
		w.o.Settings.Server = address
		if _, err := w.try(w.videos); err == nil {
			t.Errorf("%q: indexed", address)
		}
	}
	if n := len(named.sent()) + len(given.sent()); n > 0 {
		t.Errorf("%d requests", n)
	}

	l, err := library.Open(t.Context(), w.lib, library.Server{Address: strings.ToUpper(named.URL[:4]) + named.URL[4:] + "/", Key: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if keys := named.sent(); len(keys) == 0 || keys[0] != "Bearer secret" {
		t.Errorf("%q", keys)
	}

	leading := record(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, given.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	name(leading.URL)
	if _, err := library.Open(t.Context(), w.lib, library.Server{Address: leading.URL, Key: "secret"}); err == nil {
		t.Error("opened through a redirect")
	}
	if keys := given.sent(); len(keys) > 0 {
		t.Errorf("a redirect has led to %q", keys)
	}
}
