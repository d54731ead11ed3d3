package gate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// Clients that announce large bodies and send nothing do not keep others waiting.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for range 20 {
		c, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n--b", MaxBody-1); err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	r, err := client.Post(address, "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.Close(); r.StatusCode != 200 {
		t.Error(r.Status)
	}
}

// A body that pauses for too long ends with a timeout.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, Timed(w, r.Body, MaxBody, 100*time.Millisecond))
		ended <- err
	}))
	defer s.Close()
	in, out := io.Pipe()
	defer out.Close()
	go func() {
		if r, err := http.Post(s.URL, "", in); err == nil {
			r.Body.Close()
		}
	}()
	if _, err := io.WriteString(out, "a"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) || BodyStatus(err) != http.StatusRequestTimeout {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the body is still read")
	}
}

// Bodies that together need more than all memory arrive one after the other.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := newBudget()
	read := func() *counted {
		c := &counted{ReadCloser: io.NopCloser(io.LimitReader(zero{}, MaxBody)), ctx: t.Context(), budget: b, left: MaxBody}
		if n, err := io.Copy(io.Discard, c); n != MaxBody || err != nil {
			t.Error(n, err)
		}
		return c
	}
	done := make(chan *counted)
	for range 8 {
		go func() { done <- read() }()
	}
	for range 8 {
		select {
		case c := <-done:
			b.mu.Lock()
			if b.free < 0 {
				t.Errorf("%d bytes are free", b.free)
			}
			b.mu.Unlock()
			c.release()
		case <-time.After(time.Minute):
			t.Fatal("bodies wait for each other")
		}
	}
	if b.free != maxBodies || b.reserved {
		t.Errorf("%d bytes are free, and the reserve is used: %v", b.free, b.reserved)
	}
}
