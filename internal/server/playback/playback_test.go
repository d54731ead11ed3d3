package playback

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/video"
)

// makeVideo encodes three seconds of a test pattern with a tone.
func makeVideo(t *testing.T, name string, args ...string) string {
	t.Helper()
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=3", "-f", "lavfi", "-i", "sine=d=3"}, args...)
	if out, err := exec.Command("ffmpeg", append(all, path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func newPlayer(t *testing.T, o Options) *Player {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// program replaces ffmpeg by a script for conversions. Other calls reach the real one.
func program(t *testing.T, script string) {
	t.Helper()
	real, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "ffmpeg")
	text := "#!/bin/sh\ncase \"$*\" in *-progress*) " + script + ";; esac\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLIPCUE_FFMPEG", path)
}

// ask calls a handler, and returns its answer.
func ask(t *testing.T, ctx context.Context, handler func(http.ResponseWriter, *http.Request), headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	handler(w, r)
	return w
}

func (p *Player) fragment(path string, start, end float64) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		p.ServeFragment(w, r, path, video.Span{Start: start, End: end})
	}
}

// The original is sent with ranges if browsers play it. Other files are refused, above all
// those that are no videos.
func TestOriginal(t *testing.T) {
	p := newPlayer(t, Options{})
	path := makeVideo(t, "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := func(path string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { p.ServeFile(w, r, path) }
	}
	if w := ask(t, t.Context(), file(path)); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), content) || w.Header().Get("Content-Type") != "video/mp4" {
		t.Error(w.Code, w.Header())
	}
	w := ask(t, t.Context(), file(path), "Range: bytes=10-19")
	if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), content[10:20]) {
		t.Error(w.Code, w.Header())
	}
	if w := ask(t, t.Context(), file(path), "If-None-Match: "+w.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Error(w.Code)
	}
	other := makeVideo(t, "a.avi", "-c:v", "mpeg4")
	secret := filepath.Join(t.TempDir(), "secret.mp4")
	link := filepath.Join(t.TempDir(), "link.mp4")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, link); err != nil {
		t.Skip(err)
	}
	for path, want := range map[string]int{other: 415, secret: 422, link: 422, filepath.Dir(path): 422, path + "x": 410} {
		w := ask(t, t.Context(), file(path))
		if w.Code != want || strings.Contains(w.Body.String(), filepath.Dir(path)) || !strings.Contains(w.Body.String(), `"detail"`) {
			t.Errorf("%s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
}

// A fragment is a video that browsers play. The second time it comes from the cache.
func TestFragment(t *testing.T) {
	path := makeVideo(t, "a.avi", "-c:v", "mpeg4", "-c:a", "mp3")
	p := newPlayer(t, Options{})
	w := ask(t, t.Context(), p.fragment(path, 0.52, 1.5))
	if w.Code != 200 || w.Header().Get("X-Clipcue-Start") != "0.52" {
		t.Fatal(w.Code, w.Header(), w.Body)
	}
	made := filepath.Join(t.TempDir(), "made.mp4")
	if err := os.WriteFile(made, w.Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := video.Probe(t.Context(), made, video.Options{})
	if err != nil || info.BrowserType() != "video/mp4" || !info.HasAudio {
		t.Errorf("%+v %v", info, err)
	}
	program(t, "exit 1")
	if again := ask(t, t.Context(), p.fragment(path, 0.52, 1.5)); !bytes.Equal(again.Body.Bytes(), w.Body.Bytes()) {
		t.Error(again.Code, again.Body.Len())
	}
	if w := ask(t, t.Context(), p.fragment(path, 0.6, 1.5)); w.Code != 422 {
		t.Error(w.Code, w.Body)
	}
}

func TestClipAndPoster(t *testing.T) {
	path := makeVideo(t, "ä\u202e.mp4", "-c:v", "libx264")
	p := newPlayer(t, Options{})
	w := ask(t, t.Context(), func(w http.ResponseWriter, r *http.Request) { p.ServeClip(w, r, path, video.Span{Start: 1, End: 2.5}) })
	if name := w.Header().Get("Content-Disposition"); w.Code != 200 || name != "attachment; filename*=utf-8''%C3%A4_%201.0-2.5s.mp4" {
		t.Error(w.Code, name)
	}
	w = ask(t, t.Context(), func(w http.ResponseWriter, r *http.Request) { p.ServePoster(w, r, path, 2.99) })
	if w.Code != 200 || !bytes.HasPrefix(w.Body.Bytes(), []byte("\xff\xd8\xff")) {
		t.Error(w.Code, w.Body.Len())
	}
}

// What cannot be converted is one sentence, without a path.
func TestFragmentErrors(t *testing.T) {
	path := makeVideo(t, "a.avi", "-c:v", "mpeg4")
	for name, c := range map[string]struct {
		script, path string
		start, end   float64
		want         int
	}{
		"disappeared":  {"", path + "x", 0, 1, 410},
		"no length":    {"", path, 1, 1, 422},
		"negative":     {"", path, -1, 1, 422},
		"too long":     {"", path, 0, 61, 422},
		"beyond":       {"", path, 50, 51, 422},
		"hung":         {"sleep 1000", path, 0, 1, 504},
		"disk is full": {"echo '[error] av_write(): No space left on device' >&2; exit 1", path, 0, 1, 507},
		"crashed":      {"kill -9 $$", path, 0, 1, 422},
	} {
		t.Run(name, func(t *testing.T) {
			if c.script != "" {
				program(t, c.script)
			}
			o := Options{}
			if c.want == http.StatusGatewayTimeout {
				o.Timeout = time.Second
			}
			p := newPlayer(t, o)
			w := ask(t, t.Context(), p.fragment(c.path, c.start, c.end))
			if w.Code != c.want || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), filepath.Dir(path)) {
				t.Errorf("%d, want %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
}

// The number of processes is limited, and requests for one fragment share a process.
func TestTooMany(t *testing.T) {
	path := makeVideo(t, "a.avi", "-c:v", "mpeg4")
	log := filepath.Join(t.TempDir(), "log")
	program(t, "echo $$ >>"+log+"; sleep 1000")
	p := newPlayer(t, Options{Jobs: 1, Timeout: time.Minute})
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { ask(t, ctx, p.fragment(path, 0, 1)) })
	}
	pid := waitFor(t, log)
	w := ask(t, t.Context(), p.fragment(path, 1, 2))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Body)
	}
	// When all clients have gone, the process is killed.
	leave()
	all.Wait()
	p.running.Wait()
	if started := strings.Count(string(read(t, log)), "\n"); started != 1 {
		t.Errorf("%d processes", started)
	}
	if out, err := exec.Command("kill", "-0", strconv.Itoa(pid)).CombinedOutput(); err == nil {
		t.Errorf("the process still runs: %s", out)
	}
}

// waitFor waits until a script has written its process ID.
func waitFor(t *testing.T, log string) (pid int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		data, _ := os.ReadFile(log)
		if _, err := fmt.Sscan(string(data), &pid); err == nil {
			return pid
		}
	}
	t.Fatal("the script was not started")
	return 0
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The cache keeps its size, and ends with the player. Folders of killed servers are removed.
func TestCache(t *testing.T) {
	parent := t.TempDir()
	abandoned := filepath.Join(parent, folderPrefix+"1")
	if err := os.Mkdir(abandoned, 0o700); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(abandoned, past, past); err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t, Options{Dir: parent, Bytes: 100})
	build := func(size int) func(context.Context, string) error {
		return func(_ context.Context, to string) error { return os.WriteFile(to, make([]byte, size), 0o600) }
	}
	for _, c := range []struct {
		key  string
		size int
		want string
	}{{"a", 40, "a"}, {"b", 40, "a b"}, {"a", 0, "a b"}, {"c", 40, "a c"}, {"d", 200, "d"}} {
		f, err := p.get(t.Context(), c.key, p.convert, build(c.size))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		time.Sleep(time.Millisecond)
		var names []string
		entries, err := os.ReadDir(p.cache.folder.Path)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != c.want || err != nil {
			t.Errorf("after %s: %q, want %q", c.key, got, c.want)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

// Clips with one name are all in the ZIP file, and one that fails does not end it.
func TestWriteClips(t *testing.T) {
	path := makeVideo(t, "..a.mp4", "-c:v", "libx264")
	part := video.Span{Start: 0, End: 0.5}
	var file bytes.Buffer
	n := 0
	failed, err := WriteClips(t.Context(), &file, []Clip{{path, "", part}, {path + "x", "", part}, {path, "", part}, {path, "../b:c/. ", part}}, func() { n++ })
	if err != nil || len(failed) != 1 || failed[0].Path != path+"x" || n != 4 {
		t.Fatal(failed, err, n)
	}
	z, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || len(z.File) != 4 || z.File[0].Name != "a 0.0-0.5s.mp4" || z.File[1].Name != "a 0.0-0.5s (2).mp4" || z.File[2].Name != "b_c/a 0.0-0.5s.mp4" || z.File[3].Name != "clips.csv" {
		t.Fatal(z, err)
	}
}
