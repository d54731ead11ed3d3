package video

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// watched is how many frames a source gives.
func watched(t *testing.T, l Live) (n int, err error) {
	t.Helper()
	l.FPS, l.Size = 5, 16
	last := -1.0
	for f, e := range l.Frames(t.Context()) {
		if e != nil {
			return n, e
		}
		if f.Width != 16 || f.Height != 16 || f.Time <= last {
			t.Errorf("frame %d is %dx%d at %g s, after %g", n, f.Width, f.Height, f.Time, last)
		}
		last = f.Time
		n++
	}
	return n, nil
}

func liveFilm(t *testing.T) (path string, data []byte) {
	path = film(t, "live.ts", "testsrc2=s=64x48:r=25:d=8", "-c:v", "libx264", "-g", "25")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

func TestWatchGrowingFile(t *testing.T) {
	_, data := liveFilm(t)
	path := filepath.Join(t.TempDir(), "grows.ts")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Write(data[:len(data)/2])
	go func() {
		time.Sleep(700 * time.Millisecond)
		f.Write(data[len(data)/2:])
	}()
	if n, err := watched(t, Live{Source: path, IdleTimeout: 2 * time.Second}); n != 40 || err != nil {
		t.Errorf("%d frames, %v", n, err)
	}
}

func TestWatchPipe(t *testing.T) {
	path, _ := liveFilm(t)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := watched(t, Live{Source: "-", Stdin: f}); n != 40 || err != nil {
		t.Errorf("%d frames, %v", n, err)
	}
}

func TestWatchHTTP(t *testing.T) {
	_, data := liveFilm(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.Header().Set("Content-Length", "100000000")
			w.Write(data[:len(data)/2])
			panic(http.ErrAbortHandler)
		}
		w.Write(data)
	}))
	defer server.Close()
	if n, err := watched(t, Live{Source: server.URL + "/whole"}); n != 40 || err != nil {
		t.Errorf("%d frames, %v", n, err)
	}
	var fault *Error
	if n, err := watched(t, Live{Source: server.URL + "/broken"}); n < 5 || !errors.As(err, &fault) {
		t.Errorf("%d frames, then %v", n, err)
	}
	if _, err := watched(t, Live{Source: server.URL[:len(server.URL)-1]}); err == nil {
		t.Error("no error from a server that is not there")
	}
}

// What comes from outside may not lead to files.
func TestLiveOpensNoFiles(t *testing.T) {
	path, _ := liveFilm(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\nfile://" + path + "\n#EXT-X-ENDLIST\n"))
	}))
	defer server.Close()
	if n, err := watched(t, Live{Source: server.URL + "/list.m3u8"}); n > 0 || err == nil {
		t.Errorf("%d frames, %v", n, err)
	}
}

func TestKind(t *testing.T) {
	for source, want := range map[string]string{"-": "pipe", "rtsp://x/y": "url", "https://x": "url", "http:x.mkv": "file", "file.ts": "file", "concat:a|b": "file"} {
		if got := (Live{Source: source}).Kind(); got != want {
			t.Errorf("%s is a %s, want %s", source, got, want)
		}
	}
}

// A wrong timestamp neither stops a live source nor makes it repeat frames for hours, and
// one that starts again continues.
func TestWatchPastWrongTimestamps(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.ts")
	run(t, "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=8", "-c:v", "libx264", "-bf", "0", "-output_ts_offset", "1000", plain)
	once, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		wrong map[int]float64
		times int // how often the recording is repeated
		want  int
	}{
		"none":           {nil, 1, 40},
		"ahead":          {map[int]float64{60: 9000}, 1, 40},
		"back":           {map[int]float64{60: -300}, 1, 40},
		"three in a row": {map[int]float64{60: 9000, 61: 9000, 62: 9000}, 1, 40},
		"starts again":   {nil, 2, 79},
	} {
		path := filepath.Join(dir, name+".ts")
		shiftTS(t, plain, path, c.wrong)
		if c.times > 1 {
			if err := os.WriteFile(path, bytes.Repeat(once, c.times), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := watched(t, Live{Source: "-", Stdin: f})
		f.Close()
		if n < c.want-1 || n > c.want+1 || err != nil {
			t.Errorf("%s: %d frames, want %d (%v)", name, n, c.want, err)
		}
	}
}
