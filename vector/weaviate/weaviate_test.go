package weaviate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/vector/weaviate"
)

const ours = `{"class":"C","description":"clipcue: unit vectors of width 2","vectorIndexConfig":{"distance":"cosine"}}`

// fake is a server that has the collection C and passes all other requests to handle.
func fake(t *testing.T, handle http.HandlerFunc, o weaviate.Options) (vector.Index, error) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/schema/C" && r.Method == http.MethodGet {
			fmt.Fprint(w, ours)
			return
		}
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return weaviate.Open(t.Context(), s.URL, "C", 2, o)
}

func mustFake(t *testing.T, handle http.HandlerFunc, o weaviate.Options) vector.Index {
	t.Helper()
	c, err := fake(t, handle, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const stored = `[{"result":{"status":"SUCCESS"}}]`

// Temporary failures are retried, refusals are not.
func TestRetries(t *testing.T) {
	for _, status := range []int{429, 500, 502, 503, 504} {
		var tries atomic.Int32
		c := mustFake(t, func(w http.ResponseWriter, r *http.Request) {
			if tries.Add(1) < 3 {
				w.WriteHeader(status)
				return
			}
			fmt.Fprint(w, stored)
		}, weaviate.Options{})
		if err := c.Add(t.Context(), []int64{1}, []float32{1, 0}); err != nil || tries.Load() != 3 {
			t.Errorf("%d: %v after %d attempts", status, err, tries.Load())
		}
	}
	for _, status := range []int{400, 401, 404, 422} {
		var tries atomic.Int32
		c := mustFake(t, func(w http.ResponseWriter, r *http.Request) {
			tries.Add(1)
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":[{"message":"the reason"}]}`)
		}, weaviate.Options{})
		if err := c.Add(t.Context(), []int64{1}, []float32{1, 0}); err == nil || !strings.Contains(err.Error(), "the reason") || tries.Load() != 1 {
			t.Errorf("%d: %v after %d attempts", status, err, tries.Load())
		}
	}
}

func TestGivesUp(t *testing.T) {
	busy := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
	c := mustFake(t, busy, weaviate.Options{Retries: 1})
	if _, err := c.Len(t.Context()); err == nil || !strings.Contains(err.Error(), "2 attempts") {
		t.Errorf("%v", err)
	}
	c = mustFake(t, busy, weaviate.Options{Retries: 1000})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Delete(ctx, []int64{1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := weaviate.Open(t.Context(), "http://127.0.0.1:1", "C", 2, weaviate.Options{Retries: 1}); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("no server: %v", err)
	}
}

// A server that does not answer costs at most the time limit.
func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	c := mustFake(t, func(http.ResponseWriter, *http.Request) { <-release }, weaviate.Options{Timeout: 500 * time.Millisecond, Retries: 1})
	defer close(release)
	if _, err := c.Search(t.Context(), []float32{1, 0}, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// Invalid answers are errors.
func TestStrangeAnswers(t *testing.T) {
	for _, answer := range []string{
		``, `[`, `null`, `7`, `{}`, `[]`, `[{}]`, `{"errors":[{"message":"no"}]}`,
		`[{"result":{"status":"FAILED","errors":{"error":[{"message":"full"}]}}}]`,
		`{"data":{"Get":{"C":[{"_additional":{"id":"x","vector":[1]}}]},"Aggregate":{"C":[]}},"objects":[{"id":"x"}]}`,
		`{"data":{"Get":{"C":[{"_additional":{"id":"636c6970-6375-6500-0000-00000000000g"}}]}},"objects":[{"id":"636c6970-6375-6500-0000-000000000001"},{"id":"636c6970-6375-6500-0000-000000000001"}]}`,
	} {
		c := mustFake(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }, weaviate.Options{Retries: 1})
		if err := c.Add(t.Context(), []int64{1}, []float32{1, 0}); err == nil {
			t.Errorf("%s: added", answer)
		}
		if _, err := c.Get(t.Context(), []int64{1}); err == nil {
			t.Errorf("%s: got", answer)
		}
		if _, err := c.Len(t.Context()); err == nil {
			t.Errorf("%s: counted", answer)
		}
		if hits, err := c.Search(t.Context(), []float32{1, 0}, 1); err == nil && len(hits) > 0 {
			t.Errorf("%s: found %v", answer, hits)
		}
		n := 0
		for range c.IDs(t.Context()) {
			if n++; n > 5 {
				t.Fatalf("%s: ids without end", answer)
			}
		}
	}
}

func TestKey(t *testing.T) {
	c := mustFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(401)
			return
		}
		fmt.Fprint(w, stored)
	}, weaviate.Options{Key: "secret"})
	if err := c.Add(t.Context(), []int64{1}, []float32{1, 0}); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, o := range map[string][2]string{
		"no address":       {"localhost:8080", "C"},
		"another protocol": {"ftp://localhost", "C"},
		"a small letter":   {"http://localhost", "c"},
		"a brace":          {"http://localhost", "C{"},
	} {
		if _, err := weaviate.Open(t.Context(), o[0], o[1], 2, weaviate.Options{}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
