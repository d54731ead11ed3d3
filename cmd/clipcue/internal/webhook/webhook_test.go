package webhook

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEventsArriveSignedAndInOrder(t *testing.T) {
	var mu sync.Mutex
	var got, ids []string
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		calls++
		if r.Header.Get(SignatureHeader) != Signature([]byte("secret"), r.Header.Get(TimestampHeader), body) {
			t.Errorf("signature %q", r.Header.Get(SignatureHeader))
		}
		ids = append(ids, r.Header.Get(IDHeader))
		if calls < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got = append(got, string(body))
	}))
	defer server.Close()
	h, err := Start(server.URL, "secret", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h.pause = time.Millisecond
	for i := range 3 {
		if err := h.Send(i); err != nil {
			t.Fatal(err)
		}
	}
	h.Close()
	if strings.Join(got, " ") != "0 1 2" || ids[0] != ids[2] || ids[2] == ids[3] {
		t.Errorf("events %q, ids %q", got, ids)
	}
}

func TestAServerThatHangsBlocksNobody(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	var log strings.Builder
	h, err := Start(server.URL+"/services/s3cret?token=t0ken", "", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for i := range 2 * waiting {
		if err := h.Send(i); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("sending took %v", d)
	}
	h.cancel()
	h.Close()
	if !strings.Contains(log.String(), "dropped") {
		t.Error("dropped events are not logged")
	}
}

func TestErrorsOfAWebhook(t *testing.T) {
	for _, address := range []string{"", "host", "ftp://host/x", "http://", "file:///etc/passwd"} {
		if _, err := Start(address, "", slog.Default()); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	var log strings.Builder
	h, err := Start(server.URL, "", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Send("x"); err != nil {
		t.Fatal(err)
	}
	if n := h.Close(); n != 1 || calls != 1 || !strings.Contains(log.String(), "302") {
		t.Errorf("%d events were not delivered by %d calls, log %s", n, calls, log.String())
	}
	if strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), "t0ken") {
		t.Errorf("the log has the secrets of the address: %s", log.String())
	}
}
