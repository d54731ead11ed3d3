package hub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	repo    = "owner/name"
	config  = "open_clip_config.json"
	weights = "open_clip_model.safetensors"
)

// fakeHub is a hub whose large files are on another host, as with Hugging Face.
type fakeHub struct {
	hub, storage *httptest.Server

	mu       sync.Mutex
	files    map[string][]byte // by name in the repository
	unsigned bool              // the hub gives no SHA-256
	token    string            // that the hub demands
	// faults replace the storage's answers to the next requests for weights; nil lets a request
	// pass.
	faults []http.HandlerFunc
	log    []string // "hub name" or "storage name range"
	leaked bool     // the storage has seen a token
	err    error    // of the last mustFail
}

func newHub(t *testing.T) *fakeHub {
	h := &fakeHub{files: map[string][]byte{config: []byte(`{"model_cfg":{}}`), weights: content(100_000)}}
	h.storage = httptest.NewServer(http.HandlerFunc(h.serveStorage))
	t.Cleanup(h.storage.Close)
	h.hub = httptest.NewServer(http.HandlerFunc(h.serveHub))
	t.Cleanup(h.hub.Close)
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_ENDPOINT", h.hub.URL)
	t.Setenv("CLIPCUE_MODELS", t.TempDir())
	return h
}

// content returns n bytes that depend on their position.
func content(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i * i >> 5)
	}
	return out
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func (h *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name, ok := strings.CutPrefix(r.URL.Path, "/"+repo+"/resolve/main/")
	data, there := h.files[name]
	h.log = append(h.log, "hub "+name)
	switch {
	case h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token:
		http.Error(w, "no", http.StatusUnauthorized)
	case !ok || !there:
		http.NotFound(w, r)
	case strings.HasSuffix(name, ".json"):
		w.Header().Set("X-Repo-Commit", "c0ffee")
		w.Header().Set("Etag", `"git"`)
		_, _ = w.Write(data)
	default:
		if !h.unsigned {
			w.Header().Set("X-Linked-Etag", `"`+sum(data)+`"`)
			w.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
		}
		http.Redirect(w, r, h.storage.URL+"/"+name, http.StatusFound)
	}
}

func (h *fakeHub) serveStorage(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	data := h.files[name]
	h.log = append(h.log, strings.TrimSpace("storage "+name+" "+r.Header.Get("Range")))
	h.leaked = h.leaked || r.Header.Get("Authorization") != ""
	var fault http.HandlerFunc
	if len(h.faults) > 0 {
		fault, h.faults = h.faults[0], h.faults[1:]
	}
	h.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	w.Header().Set("Etag", `"v-`+sum(data)[:8]+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// pull pulls with short waits.
func (h *fakeHub) pull(ctx context.Context, o Options) (string, error) {
	o.pace = pace{time.Millisecond, 5 * time.Second}
	return Pull(ctx, "hf:"+repo, o)
}

// folder returns the destination folder of a pull.
func folder() string { return filepath.Join(os.Getenv("CLIPCUE_MODELS"), "hf--owner--name") }

// names lists the files in the folder.
func names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(folder())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// mustPull pulls, and compares the folder with the hub's files.
func (h *fakeHub) mustPull(t *testing.T, o Options, want ...string) {
	t.Helper()
	path, err := h.pull(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if path != folder() {
		t.Errorf("pulled into %s, want %s", path, folder())
	}
	if len(want) == 0 {
		want = []string{config, weights}
	}
	if got, want := names(t), append(want, "source.json"); !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	for _, name := range want {
		got, err := os.ReadFile(filepath.Join(path, name))
		if err != nil || !bytes.Equal(got, h.files[name]) {
			t.Errorf("%s differs, error %v", name, err)
		}
	}
}

// mustFail expects pulling to fail with a one-line error that contains all of want, and to
// store no weights.
func (h *fakeHub) mustFail(t *testing.T, want ...string) {
	t.Helper()
	_, err := h.pull(t.Context(), Options{})
	if err == nil {
		t.Fatal("no error")
	}
	h.err = err
	for _, w := range want {
		if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %q, want one line with %q", err, w)
		}
	}
	if _, ok, err := Resolve("hf:" + repo); ok || err != nil {
		t.Errorf("after a failure the model is found, error %v", err)
	}
}

// requests returns the log and clears it.
func (h *fakeHub) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.log
	h.log = nil
	return log
}

// breakOff sends the file up to byte n and closes the connection.
func (h *fakeHub) breakOff(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data := h.files[weights]
		at := 0
		if start, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			at, _ = strconv.Atoi(strings.TrimSuffix(start, "-"))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, len(data)-1, len(data)))
		}
		w.Header().Set("Etag", `"v-`+sum(data)[:8]+`"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)-at))
		if at > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(data[at:n])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestPull(t *testing.T) {
	h := newHub(t)
	var last, total int64
	h.mustPull(t, Options{Progress: func(d, n int64) { last, total = d, n }})
	if last != 100_000 || total != 100_000 {
		t.Errorf("progress ends at %d of %d", last, total)
	}
	data, err := os.ReadFile(filepath.Join(folder(), "source.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Repo != repo || r.Revision != "c0ffee" || len(r.Files) != 2 || r.Files[1].SHA256 != sum(h.files[weights]) || !r.Files[1].Verified || r.Files[1].Size != 100_000 {
		t.Errorf("the record is %+v", r)
	}
	if path, ok, err := Resolve("hf:" + repo); path != folder() || !ok || err != nil {
		t.Errorf("Resolve gives %q, %v, %v", path, ok, err)
	}
	h.requests()
	h.mustPull(t, Options{})
	if log := h.requests(); len(log) != 0 {
		t.Errorf("the second pull asks for %q", log)
	}
}

func TestTransformersLayout(t *testing.T) {
	h := newHub(t)
	data := h.files[weights]
	// OpenCLIP's configuration without weights is not a model, and is not kept.
	h.files = map[string][]byte{config: []byte("{}"), "config.json": []byte("{}"), "model.safetensors": data}
	h.mustPull(t, Options{}, "config.json", "model.safetensors")
}

func TestTransformersLayoutWithPreprocessor(t *testing.T) {
	h := newHub(t)
	h.files = map[string][]byte{"config.json": []byte("{}"), "preprocessor_config.json": []byte("{}"), "pytorch_model.bin": []byte("PK")}
	h.mustPull(t, Options{}, "config.json", "preprocessor_config.json", "pytorch_model.bin")
}

func TestNoSuchFiles(t *testing.T) {
	h := newHub(t)
	h.files = map[string][]byte{"README.md": []byte("hi")}
	h.mustFail(t, "no weight files", h.hub.URL+"/"+repo, weights)
	if _, err := os.Stat(folder()); err == nil {
		t.Error("an empty folder is left")
	}
}

func TestResumeAfterBreaks(t *testing.T) {
	h := newHub(t)
	h.faults = []http.HandlerFunc{h.breakOff(40_000), h.breakOff(70_000)}
	h.mustPull(t, Options{})
	var parts []string
	for _, l := range h.requests() {
		if part, ok := strings.CutPrefix(l, "storage "+weights); ok {
			parts = append(parts, part)
		}
	}
	if want := []string{"", " bytes=40000-", " bytes=70000-"}; !slices.Equal(parts, want) {
		t.Errorf("the parts asked for are %q, want %q", parts, want)
	}
}

func TestResumeAfterCancel(t *testing.T) {
	h := newHub(t)
	ctx, cancel := context.WithCancel(t.Context())
	h.faults = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(h.files[weights][:30_000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}}
	_, err := h.pull(ctx, Options{Progress: func(done, _ int64) {
		if done == 30_000 {
			cancel()
		}
	}})
	if _, ok := errors.AsType[*DownloadError](err); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if _, ok, _ := Resolve("hf:" + repo); ok {
		t.Error("half a model is found")
	}
	h.requests()
	h.mustPull(t, Options{})
	if log := h.requests(); !slices.Contains(log, "storage "+weights+" bytes=30000-") {
		t.Errorf("not resumed: %q", log)
	}
}

// leave writes the partial file of an earlier pull to the folder.
func (h *fakeHub) leave(t *testing.T, data []byte, of []byte) {
	t.Helper()
	if err := os.MkdirAll(folder(), 0o777); err != nil {
		t.Fatal(err)
	}
	f := fetch{path: filepath.Join(folder(), weights)}
	name := f.partialName(remote{tag: sum(of), size: int64(len(of))})
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestPartialFilesOfAllKinds(t *testing.T) {
	whole := content(100_000)
	damaged := slices.Clone(whole[:50_000])
	damaged[7] ^= 1
	for name, c := range map[string]struct{ partial, of []byte }{
		"the first half":    {whole[:50_000], whole},
		"all of it":         {whole, whole},
		"too much":          {append(slices.Clone(whole), 1), whole},
		"nothing":           {nil, whole},
		"a damaged half":    {damaged, whole},
		"another version's": {whole[:50_000], []byte("another version")},
		"more of another":   {content(200_000), content(300_000)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.leave(t, c.partial, c.of)
			h.mustPull(t, Options{})
		})
	}
}

func TestServersThatErr(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, fault := range map[string]func(h *fakeHub) []http.HandlerFunc{
		"ignores Range": func(h *fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{h.breakOff(40_000), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(h.files[weights]) }}
		},
		"sends another part": func(h *fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{h.breakOff(40_000), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", "bytes 50000-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(h.files[weights][50_000:])
			}}
		},
		"sends a part unasked": func(h *fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", "bytes 50000-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
			}}
		},
		"sends the rest wrong": func(h *fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{h.breakOff(40_000), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", "bytes 40000-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(make([]byte, 60_000))
			}}
		},
		"announces too little": func(h *fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "5000")
				_, _ = w.Write(h.files[weights][:5000])
			}}
		},
		"is busy, then in trouble": func(*fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{status(429), status(500), status(503), status(408)}
		},
		"stops sending": func(h *fakeHub) []http.HandlerFunc {
			return []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "100000")
				_, _ = w.Write(h.files[weights][:5000])
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.faults = fault(h)
			if _, err := Pull(t.Context(), "hf:"+repo, Options{pace: pace{time.Millisecond, 200 * time.Millisecond}}); err != nil {
				t.Fatal(err)
			}
			h.mustPull(t, Options{})
		})
	}
}

func TestWrongBytesAreDeleted(t *testing.T) {
	h := newHub(t)
	h.faults = []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100_000)) }}
	h.mustFail(t, weights, sum(make([]byte, 100_000)), sum(h.files[weights]), "deleted")
	if got := names(t); !slices.Equal(got, []string{config}) {
		t.Errorf("the folder holds %q", got)
	}
}

func TestServersThatStayWrong(t *testing.T) {
	always := func(f http.HandlerFunc) []http.HandlerFunc { return slices.Repeat([]http.HandlerFunc{f}, 100) }
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		want  []string
	}{
		"in trouble": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, []string{"500 Internal Server Error", weights}},
		"forbidden":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, []string{"403 Forbidden"}},
		"a web page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("<html>"))
		}, []string{"web page"}},
		"always short": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write(make([]byte, 10))
		}, []string{"broke off after 10 of 100000 bytes"}},
		"too much":      {func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 100_001)) }, []string{"100001 bytes instead of 100000"}},
		"without end":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, []string{"redirects without end"}},
		"a part always": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206) }, []string{"another part"}},
		"no part ever":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) }, []string{"no such part"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.faults = always(c.fault)
			h.mustFail(t, c.want...)
		})
	}
}

func TestAnnouncedSizeIsChecked(t *testing.T) {
	h := newHub(t)
	huge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Linked-Size", "1000000000000000")
		_, _ = w.Write([]byte("{}"))
	}))
	defer huge.Close()
	t.Setenv("HF_ENDPOINT", huge.URL)
	h.mustFail(t, "announces 1000000000000000 bytes")
}

func TestConfigurationThatIsNone(t *testing.T) {
	h := newHub(t)
	h.files[config] = []byte("Please log in")
	h.mustFail(t, config, "not JSON")
	if got := names(t); len(got) != 0 {
		t.Errorf("the folder holds %q", got)
	}
}

func TestUnverified(t *testing.T) {
	h := newHub(t)
	h.unsigned = true
	h.faults = []http.HandlerFunc{h.breakOff(40_000)}
	var log bytes.Buffer
	h.mustPull(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "unverified") || !strings.Contains(log.String(), weights) {
		t.Errorf("the log is %s", log.String())
	}
	data, err := os.ReadFile(filepath.Join(folder(), "source.json"))
	if err != nil || !strings.Contains(string(data), `"verified": false`) {
		t.Errorf("the record is %s, error %v", data, err)
	}
}

// Pull logs what a license forbids, before anything is downloaded.
func TestLicense(t *testing.T) {
	h := newHub(t)
	for name, limited := range map[string]bool{"MobileCLIP2-S0": true, "ViT-B/16": false} {
		var log bytes.Buffer
		_, err := Pull(t.Context(), name, Options{Mirror: h.hub.URL, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			t.Errorf("%s: the hub has it", name)
		}
		if got := strings.Contains(log.String(), "non-commercial research only"); got != limited {
			t.Errorf("%s: log %q", name, log.String())
		}
	}
}

func TestToken(t *testing.T) {
	h := newHub(t)
	h.token = "secret"
	h.mustFail(t, "401 Unauthorized")
	if e, ok := errors.AsType[*DownloadError](h.err); !ok || e.Status != 401 || e.Page != h.hub.URL+"/"+repo {
		t.Errorf("error %+v", e)
	}
	t.Setenv("HF_TOKEN", "secret")
	h.mustPull(t, Options{})
	if h.leaked {
		t.Error("the token was sent to another host")
	}
}

func TestTokenAndMirrorOptions(t *testing.T) {
	h := newHub(t)
	h.token = "given"
	t.Setenv("HF_TOKEN", "another")
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
	h.mustPull(t, Options{Token: "given", Mirror: h.hub.URL + "/"})
	for _, bad := range []string{"huggingface.co", "ftp://x", "https://", "%"} {
		if _, err := Pull(t.Context(), "ViT-B/16", Options{Mirror: bad}); err == nil || !strings.Contains(err.Error(), "mirror") {
			t.Errorf("mirror %q: got error %v", bad, err)
		}
	}
}

// Without a network, the error lists the files to download by hand and their destination.
func TestNoNetwork(t *testing.T) {
	newHub(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	t.Setenv("HF_ENDPOINT", closed.URL)
	start := time.Now()
	_, err := Pull(t.Context(), "ViT-B/16", Options{})
	e, ok := errors.AsType[*DownloadError](err)
	if !ok {
		t.Fatal(err)
	}
	base := closed.URL + "/timm/vit_base_patch16_clip_224.openai/resolve/main/"
	dir := filepath.Join(os.Getenv("CLIPCUE_MODELS"), "ViT-B-16")
	if !slices.Equal(e.Files, []string{base + config, base + weights}) || e.Dir != dir || !strings.Contains(err.Error(), base+config) {
		t.Errorf("got error %+v", e)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	// Following these instructions makes the model available.
	for _, name := range []string{config, weights} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if path, ok, err := Resolve("vit-b-16"); path != dir || !ok || err != nil {
		t.Errorf("Resolve gives %q, %v, %v", path, ok, err)
	}
}

func TestUnknownName(t *testing.T) {
	newHub(t)
	for _, name := range []string{"", "RN50", "hf:", "hf:noslash", "hf:../../x", "hf:a/b/c"} {
		if _, err := Pull(t.Context(), name, Options{}); !errors.As(err, new(*UnknownNameError)) || !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("%q: got error %v", name, err)
		}
	}
}

func TestSpellings(t *testing.T) {
	for name, want := range map[string]string{
		"ViT-B/32": "ViT-B/32", "vit-b-32": "ViT-B/32", " VIT_B": "", "ViT-B-32:openai": "ViT-B/32", "ViT-B-32-quickgelu:openai": "ViT-B/32",
		"ViT-L/14@336px": "ViT-L/14@336px", "ViT-L-14-336": "ViT-L/14@336px", "ViT-L-14@336px": "ViT-L/14@336px", "ViT-L/14": "ViT-L/14",
		"ViT-B/32:LAION2B_s34b_b79k": "ViT-B-32:laion2b_s34b_b79k", "ViT-B-16::laion2b_s34b_b88k": "ViT-B-16:laion2b_s34b_b88k",
	} {
		m, ok := lookup(name)
		if m.Name != want || ok != (want != "") {
			t.Errorf("%q is %q, want %q", name, m.Name, want)
		}
	}
}

func TestNamesAreDistinct(t *testing.T) {
	folders, spellings := map[string]bool{}, map[string]bool{}
	for _, m := range models {
		folders[strings.ToLower(m.folder())], spellings[spelling(m.Name)] = true, true
		if !filepath.IsLocal(m.folder()) || strings.ContainsAny(m.folder(), `/\:@`) || !repository.MatchString(m.Repository) {
			t.Errorf("%s has folder %q and repository %q", m.Name, m.folder(), m.Repository)
		}
	}
	if len(folders) != len(models) || len(spellings) != len(models) || len(Names()) != len(models) {
		t.Errorf("%d models have %d folders and %d spellings", len(models), len(folders), len(spellings))
	}
}

func TestResolve(t *testing.T) {
	newHub(t)
	dir := os.Getenv("CLIPCUE_MODELS")
	for path, data := range map[string]string{
		"ViT-B-32.pt":                                  "by hand, as OpenAI names it",
		"ViT-L-14/model.safetensors":                   "by hand",
		"ViT-B-16/open_clip_config.json":               "no weights yet",
		"ViT-B-16/" + weights + ".00000000.partial":    "no weights yet",
		"ViT-B-16.laion2b_s34b_b88k/" + weights:        "pulled",
		"mine/weights.pt":                              "a name of the user's own",
		"hf--openai--clip-vit-base-patch32/weights.pt": "a repository",
	} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]string{
		"ViT-B/32": "ViT-B-32.pt", "vit-l/14": "ViT-L-14", "ViT-B-16:laion2b_s34b_b88k": "ViT-B-16.laion2b_s34b_b88k", "mine": "mine",
		"hf:openai/clip-vit-base-patch32": "hf--openai--clip-vit-base-patch32",
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if path, ok, err := Resolve(name); path != filepath.Join(dir, found[name]) || !ok || err != nil {
			t.Errorf("%q: %q, %v, %v; want %q", name, path, ok, err, found[name])
		}
	}
	for _, name := range []string{"ViT-B/16", "ViT-L/14@336px", "", ".", "..", "../" + filepath.Base(dir), "/etc", "no-such", "mine/weights.pt", `a\b`, "C:x"} {
		if path, ok, err := Resolve(name); ok || err != nil {
			t.Errorf("%q: %q, %v, %v; want none", name, path, ok, err)
		}
	}
}
