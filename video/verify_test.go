package video

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// extracted decodes a file at a rate and returns the number of frames.
func extracted(t *testing.T, path string, o Options) (n int, err error) {
	t.Helper()
	for f, err := range Frames(t.Context(), path, o) {
		if err != nil {
			return n, err
		}
		_ = f
		n++
	}
	return n, nil
}

func TestDamageIsOfFrames(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	tests := []struct {
		file   string
		frames int // all of them
		want   error
		note   string // of Check
	}{
		{"whole.mkv", 100, nil, ""},
		{"first-picture.mkv", 100, ErrDamaged, ""},
		{"race.mkv", 100, ErrDamaged, ""},
		{"cut.mxf", 10, ErrDamaged, ""},
		{"cut.ogv", 98, ErrDamaged, ""},
		{"half.ts", 50, nil, "ends within a frame"},
		{"delimiter.h264", 100, nil, ""},
		{"midgop.ts", 75, nil, "starts with 17 undecodable frames"},
	}
	for _, c := range tests {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join("testdata", c.file)
			for range 4 { // the answer must not depend on chance
				n, err := extracted(t, path, Options{})
				if !errors.Is(err, c.want) || c.want == nil && n != c.frames {
					t.Fatalf("%d frames, error %v; want %d and %v", n, err, c.frames, c.want)
				}
			}
			r, err := Check(t.Context(), path, CheckOptions{Decode: true})
			if !errors.Is(err, c.want) || !strings.Contains(strings.Join(r.Notes, "; "), c.note) {
				t.Errorf("check: %q, error %v", r.Notes, err)
			}
		})
	}
}

// Streams that were recorded from some moment on, and until some moment.
func TestStreamsStartAndEndAnywhere(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	sizes := map[string][]string{
		"h264.ts":   {"-c:v", "libx264", "-g", "25", "-bf", "2", "-x264-params", "open-gop=1"},
		"hevc.ts":   {"-c:v", "libx265", "-x265-params", "keyint=25:log-level=none", "-pix_fmt", "yuv420p"},
		"mpeg2.ts":  {"-c:v", "mpeg2video", "-g", "12", "-bf", "2"},
		"plain.264": {"-c:v", "libx264", "-g", "25", "-bf", "0", "-f", "h264"},
	}
	for name, codec := range sizes {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			run(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4"}, codec...), path)...)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all, err := extracted(t, path, Options{})
			if err != nil || all < 98 {
				t.Fatalf("%d frames, error %v", all, err)
			}
			for _, share := range []float64{0.5, 0.73, 0.999} {
				os.WriteFile(path, whole[:int(share*float64(len(whole)))], 0o600)
				n, err := extracted(t, path, Options{})
				if err != nil || n > all || share < 0.9 && n == all || float64(n) < 0.3*share*float64(all) {
					t.Errorf("first %g: %d of %d frames, error %v", share, n, all, err)
				}
			}
			if strings.HasSuffix(name, ".ts") {
				os.WriteFile(path, whole[len(whole)/188*188/10*3/188*188:], 0o600)
				n, err := extracted(t, path, Options{})
				if err != nil || n >= all || n < all/3 {
					t.Errorf("from 0.3: %d of %d frames, error %v", n, all, err)
				}
			}
		})
	}
}

func TestJoinedStreamsAreWhole(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	for name, codec := range map[string][]string{"a.ts": {"-c:v", "libx264"}, "a.ogv": {"-c:v", "libtheora"}, "a.mpg": {"-c:v", "mpeg2video"}, "a.264": {"-c:v", "libx264", "-f", "h264"}} {
		path := filepath.Join(dir, name)
		run(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2"}, codec...), path)...)
		one, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(path, []byte(strings.Repeat(string(one), 3)), 0o600)
		if n, err := extracted(t, path, Options{}); err != nil || n < 145 {
			t.Errorf("%s: %d frames, error %v", name, n, err)
		}
	}
}

// A container that is truncated anywhere is damaged if it promises more than it has.
func TestTruncatedContainers(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	for name, codec := range map[string][]string{
		"a.mxf": {"-c:v", "mpeg2video"}, "a.ogv": {"-c:v", "libtheora"}, "a.wmv": {"-c:v", "wmv2"}, "a.avi": {"-c:v", "mpeg4"},
		"a.mkv": {"-c:v", "libx264"}, "a.y4m": {"-pix_fmt", "yuv420p"}, "a.gif": {},
	} {
		path := filepath.Join(dir, name)
		run(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2"}, codec...), path)...)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := extracted(t, path, Options{}); err != nil {
			t.Errorf("%s: %d frames, error %v", name, n, err)
		}
		for _, share := range []float64{0.4, 0.61, 0.83} {
			os.WriteFile(path, whole[:int(share*float64(len(whole)))], 0o600)
			if n, err := extracted(t, path, Options{}); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s, first %g: %d frames, error %v", name, share, n, err)
			}
		}
	}
}

func TestLineCounter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([#x][ab]*\n){0,20}`).Draw(t, "text")
		var c lineCounter
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			c.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if want := strings.Count(text, "x"); c.n != want {
			t.Fatalf("%d lines of %q, want %d", c.n, text, want)
		}
	})
}
