package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A redirect from https to http is rejected, because the answer would not be authenticated.
func TestInsecureRedirects(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer plain.Close()
	var target string
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/again" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	}))
	defer secure.Close()
	for name, c := range map[string]struct {
		from, to string
		refused  bool
	}{
		"https to http":         {secure.URL, plain.URL, true},
		"in two steps":          {secure.URL, secure.URL + "/again", true},
		"to another scheme":     {secure.URL, "ftp://127.0.0.1/x", true},
		"http mirror, no https": {plain.URL, "", false},
	} {
		target = c.to
		d := newDownloader(Options{pace: pace{time.Millisecond, time.Second}})
		d.client.Transport = secure.Client().Transport
		_, err := d.get(t.Context(), fetch{url: c.from, path: filepath.Join(t.TempDir(), "x"), limit: 100, json: true})
		if errors.Is(err, ErrInsecure) != c.refused || !c.refused && err != nil {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The credentials of a mirror are sent to the mirror only, and are neither stored nor printed.
func TestMirrorCredentials(t *testing.T) {
	h := newHub(t)
	asked := ""
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = user + ":" + password
		h.serveHub(w, r)
	}))
	defer mirror.Close()
	address := strings.Replace(mirror.URL, "http://", "http://someone:geheim@", 1)
	var log bytes.Buffer
	o := Options{Mirror: address, Log: slog.New(slog.NewTextHandler(&log, nil))}
	h.faults = []http.HandlerFunc{h.breakOff(40_000)}
	h.mustPull(t, o)
	record, err := os.ReadFile(filepath.Join(folder(), "source.json"))
	if err != nil || asked != "someone:geheim" || h.leaked {
		t.Errorf("the mirror got %q, the storage credentials: %v; error %v", asked, h.leaked, err)
	}
	mirror.Close()
	texts := []string{string(record), log.String()}
	for _, mirror := range []string{address, "ftp://someone:geheim@x", "http://someone:geheim@", "http://someone:geheim@[::1", address + "?geheim=1"} {
		_, err := Pull(t.Context(), "ViT-B/16", Options{Mirror: mirror, Log: o.Log, pace: pace{time.Millisecond, time.Second}})
		if err == nil {
			t.Fatalf("%s: no error", mirror)
		}
		texts = append(texts, err.Error())
		if e, ok := errors.AsType[*DownloadError](err); ok {
			texts = append(texts, fmt.Sprintf("%+v", *e))
		}
	}
	for _, text := range append(texts, log.String()) {
		if strings.Contains(text, "someone:") || strings.Contains(text, "geheim@") {
			t.Errorf("credentials in %s", text)
		}
	}
}

// A server whose answers alternate gets a bounded number of requests.
func TestAlternatingServers(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, n int){
		"versions": func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Etag", fmt.Sprintf(`"v%d"`, n%2))
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 500))
			panic(http.ErrAbortHandler)
		},
		"versions, in parts": func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Etag", fmt.Sprintf(`"v%d"`, n))
			at := 0
			if start, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
				at, _ = strconv.Atoi(strings.TrimSuffix(start, "-"))
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-999/1000", at))
				w.WriteHeader(http.StatusPartialContent)
			} else {
				w.Header().Set("Content-Length", "1000")
			}
			_, _ = w.Write(make([]byte, 500))
			panic(http.ErrAbortHandler)
		},
		"sizes": func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Etag", `"v"`)
			w.Header().Set("X-Linked-Size", strconv.Itoa(1000+n%3))
			_, _ = w.Write(make([]byte, 900+n%3))
		},
		"checksums": func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("X-Linked-Etag", fmt.Sprintf("%064x", n))
			_, _ = w.Write(make([]byte, 10))
		},
		"no such part": func(w http.ResponseWriter, r *http.Request, n int) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 500))
			panic(http.ErrAbortHandler)
		},
	} {
		var n atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, int(n.Add(1))) }))
		d := newDownloader(Options{pace: pace{time.Microsecond, time.Second}})
		_, err := d.get(t.Context(), fetch{url: server.URL, path: filepath.Join(t.TempDir(), "x"), limit: 1 << 20})
		server.Close()
		if err == nil || n.Load() > 20 {
			t.Errorf("%s: error %v after %d requests", name, err, n.Load())
		}
	}
}

// answers gives the same answer to every request.
type answers struct {
	status int
	header http.Header
	body   []byte
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)), Request: r}, nil
}

// For any answer of a hub, a file is stored only if it matches what the answer announced.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "", "", "", []byte("{}"), false)
	f.Add(206, `"a"`, "bytes 0-1/2", "3", []byte("[]"), true)
	f.Add(416, "", "bytes */2", "2", []byte(nil), true)
	f.Add(302, "", "", "", []byte("{}"), false)
	f.Add(200, `"`+strings.Repeat("0", 64)+`"`, "", "-1", []byte("x"), false)
	f.Fuzz(func(t *testing.T, status int, tag, part, size string, body []byte, left bool) {
		d := newDownloader(Options{pace: pace{time.Nanosecond, time.Second}})
		d.client.Transport = &answers{200 + (status%400+400)%400, http.Header{"Etag": {tag}, "X-Linked-Etag": {tag},
			"Content-Range": {part}, "X-Linked-Size": {size}, "Location": {part}, "Retry-After": {"0"}}, body}
		fetch := fetch{url: "https://hub.test/x", path: filepath.Join(t.TempDir(), "x"), limit: 1 << 16, json: true}
		if left {
			if err := os.WriteFile(fetch.partialName(remote{tag: unquote(tag), size: int64(len(body))}), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := d.get(t.Context(), fetch)
		stored, missing := os.ReadFile(fetch.path)
		if (err == nil) != (missing == nil) {
			t.Fatalf("error %v, file %v", err, missing)
		}
		if err == nil && (!json.Valid(stored) || int64(len(stored)) != got.size || got.sha256 != sum(stored)) {
			t.Errorf("stored %q as %+v", stored, got)
		}
	})
}
