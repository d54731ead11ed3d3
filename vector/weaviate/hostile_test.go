package weaviate_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/vector/weaviate"
)

// Any redirect is an error, and its target does not get the key.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var led atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		led.Add(1)
		fmt.Fprint(w, ours)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), "/elsewhere", "https://example.invalid"} {
			var asked atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				http.Redirect(w, r, to, status)
			}))
			_, err := weaviate.Open(t.Context(), s.URL, "C", 2, weaviate.Options{Key: "secret", Retries: 1})
			s.Close()
			if err == nil || !strings.Contains(err.Error(), "redirected") || strings.Contains(err.Error(), "secret") || asked.Load() != 1 {
				t.Errorf("%d to %s: %v after %d requests", status, to, err, asked.Load())
			}
		}
	}
	if n := led.Load(); n != 0 {
		t.Errorf("%d requests to another server", n)
	}
}

// An answer is read only up to the maximum length of an answer to the request.
func TestAnswersAreLimited(t *testing.T) {
	for _, status := range []int{200, 400} {
		c := mustFake(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			blank := []byte(strings.Repeat(" ", 1<<16))
			for range 1 << 14 { // a gigabyte
				if _, err := w.Write(blank); err != nil {
					return
				}
			}
		}, weaviate.Options{Retries: 1})
		if _, err := c.Len(t.Context()); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%d: counted: %v", status, err)
		}
		if _, err := c.Get(t.Context(), []int64{1}); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%d: got: %v", status, err)
		}
		if _, err := c.Search(t.Context(), []float32{1, 0}, 1<<62); err == nil {
			t.Errorf("%d: found", status)
		}
	}
}

// A password in an address would be printed, and stored in a library.
func TestAddressHasNoSecrets(t *testing.T) {
	for _, address := range []string{"http://user:hidden@localhost", "https://hidden@localhost", "http://localhost?key=hidden", "http://localhost#hidden"} {
		_, err := weaviate.Open(t.Context(), address, "C", 2, weaviate.Options{Retries: 1})
		if !errors.Is(err, weaviate.ErrAddress) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestKeyIsRefused(t *testing.T) {
	for _, status := range []int{401, 403} {
		c := mustFake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, weaviate.Options{Key: "secret"})
		if _, err := c.Len(t.Context()); !errors.Is(err, weaviate.ErrKey) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// Any answer gives a result or a one-line error within a short time.
func FuzzAnswers(f *testing.F) {
	for _, answer := range []string{
		``, `null`, `[]`, `{}`, stored, ours,
		`{"data":{"Get":{"C":[{"_additional":{"id":"636c6970-6375-6500-0000-000000000001","distance":0.25,"vector":[1,0]}}]},"Aggregate":{"C":[{"meta":{"count":3}}]}}}`,
		`{"objects":[{"id":"636c6970-6375-6500-0000-000000000001"},{"id":"636c6970-6375-6500-0000-000000000002"}]}`,
		`{"errors":[{"message":"no\nmore"}]}`, `{"error":[{"message":"x"}]}`, `{"results":{"failed":-1}}`, `{"data":{"Aggregate":{"C":[{"meta":{"count":1e400}}]}}}`,
	} {
		f.Add([]byte(answer), uint16(0))
		f.Add([]byte(answer), uint16(204))
	}
	var mu sync.Mutex
	var body []byte
	var status int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/schema/C" && r.Method == http.MethodGet {
			fmt.Fprint(w, ours)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(status)
		w.Write(body)
	}))
	f.Cleanup(s.Close)
	c, err := weaviate.Open(f.Context(), s.URL, "C", 2, weaviate.Options{Retries: 1, Timeout: 10 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte, code uint16) {
		mu.Lock()
		body, status = answer, 200+int(code)%400
		if status == 429 || status >= 500 || status < 200 { // these are retried, which takes time
			status = 200
		}
		mu.Unlock()
		check := func(err error) {
			t.Helper()
			if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
		}
		_, err := c.Len(t.Context())
		check(err)
		check(c.Add(t.Context(), []int64{1}, []float32{1, 0}))
		check(c.Delete(t.Context(), []int64{1}))
		x, err := c.Get(t.Context(), []int64{1})
		check(err)
		if err == nil && len(x) != 2 {
			t.Errorf("%d numbers", len(x))
		}
		_, err = c.Search(t.Context(), []float32{1, 0}, 3)
		check(err)
		n := 0
		for _, err := range c.IDs(t.Context()) {
			check(err)
			if n++; n > 2000 {
				break
			}
		}
	})
}
