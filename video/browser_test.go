package video

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func probe(t *testing.T, path string) *Info {
	t.Helper()
	info, err := Probe(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// reds returns the times and the red of the middle of all frames.
func reds(t *testing.T, path string) (times, red []float64) {
	t.Helper()
	for f, err := range Frames(t.Context(), path, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		times, red = append(times, f.Time), append(red, float64(f.Pix[3*(f.Height/2*f.Width+f.Width/2)]))
	}
	return times, red
}

// Time 0 of a preview is its start, whatever the container, also between two frames and far
// from the start of the file.
func TestPreviewTimes(t *testing.T) {
	pictures := make([][]byte, 25*24) // 24 s, dark and bright by turns
	for i := range pictures {
		pictures[i] = bytes.Repeat([]byte{byte(30 + 170*(i/25%2))}, 3*34*20)
	}
	for name, args := range map[string][]string{
		"one keyframe.mp4": {"-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv420p", "-g", "1000"},
		"late.mkv":         {"-c:v", "libx264", "-crf", "5", "-g", "50", "-output_ts_offset", "7"},
		"transport.ts":     {"-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv420p", "-g", "100", "-bf", "3"},
		"index at end.avi": {"-c:v", "mpeg4", "-q:v", "2", "-g", "100", "-enc_time_base", "1:25"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := probe(t, encode(t, name, 34, 20, pictures, nil, args...))
			to := filepath.Join(t.TempDir(), "preview.mp4")
			if err := Preview(t.Context(), info, 19.67, 22.2, to); err != nil {
				t.Fatal(err)
			}
			times, red := reds(t, to)
			for i, at := range times {
				second := int(19.67 + at + 0.02) // half a frame, as AVI counts frames
				if math.Abs(red[i]-30-170*float64(second%2)) > 20 {
					t.Fatalf("at %.3f s the level is %.0f", at, red[i])
				}
			}
			if len(times) < 62 || len(times) > 64 || math.Abs(times[0]-0.01) > 0.011 {
				t.Errorf("%d frames from %.3f s", len(times), times[0])
			}
			still := filepath.Join(t.TempDir(), "still.jpg")
			if err := Still(t.Context(), info, 5.99, still); err != nil {
				t.Fatal(err)
			}
			f, err := ReadImage(still)
			if err != nil || math.Abs(float64(f.Pix[0])-200) > 4 {
				t.Errorf("level %v, %v", f.Pix[:1], err)
			}
		})
	}
}

// A preview looks like the video: its colors, its orientation and its shape.
func TestPreviewLooks(t *testing.T) {
	const w, h = 320, 180
	red := make([]byte, 3*w*h) // left; the right half is blue
	for y := range h {
		for x := range w {
			p := []byte{200, 30, 30}
			if x >= w/2 {
				p = []byte{30, 30, 200}
			}
			copy(red[3*(y*w+x):], p)
		}
	}
	plain := encode(t, "plain.mp4", w, h, [][]byte{red, red, red}, nil, "-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv420p")
	rotated := filepath.Join(t.TempDir(), "rotated.mp4")
	out, err := exec.Command("ffmpeg", "-loglevel", "error", "-i", plain, "-c", "copy", "-metadata:s:v", "rotate=90", rotated).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wide := encode(t, "wide.mkv", w, h, [][]byte{red, red, red}, nil, "-c:v", "ffv1", "-aspect", "32:9")
	for _, path := range []string{plain, rotated, wide} {
		info := probe(t, path)
		to := filepath.Join(t.TempDir(), "preview.mp4")
		if err := Preview(t.Context(), info, 0, 1, to); err != nil {
			t.Fatal(err)
		}
		var want, got Frame
		for f := range Frames(t.Context(), path, Options{}) {
			want = f
			want.Pix = bytes.Clone(f.Pix)
			break
		}
		for f := range Frames(t.Context(), to, Options{}) {
			got = f
			got.Pix = bytes.Clone(f.Pix)
			break
		}
		if got.Width != want.Width || got.Height != want.Height {
			t.Fatalf("%s: %dx%d, want %dx%d", path, got.Width, got.Height, want.Width, want.Height)
		}
		for _, at := range [][2]int{{10, 10}, {got.Width - 10, 10}, {10, got.Height - 10}, {got.Width - 10, got.Height - 10}} {
			p := 3 * (at[1]*got.Width + at[0])
			for c := range 3 {
				if math.Abs(float64(got.Pix[p+c])-float64(want.Pix[p+c])) > 8 {
					t.Errorf("%s: at %v %v, want %v", path, at, got.Pix[p:p+3], want.Pix[p:p+3])
					break
				}
			}
		}
		if preview := probe(t, to); preview.BrowserType() != "video/mp4" || preview.Matrix != "bt709" {
			t.Errorf("%s: %+v", path, preview)
		}
	}
}

func TestPreviewSize(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{320, 180, 320, 180}, {1920, 1080, 1280, 720}, {1080, 1920, 720, 1280}, {4096, 1000, 1280, 312}, {641, 361, 642, 362}, {7000, 2, 1280, 2},
	} {
		if w, h := (&Info{Width: c.w, Height: c.h}).within(1280, 720); w != c.wantW || h != c.wantH {
			t.Errorf("%dx%d becomes %dx%d", c.w, c.h, w, h)
		}
	}
}

func TestBrowserType(t *testing.T) {
	needFFmpeg(t)
	tone := []string{"-f", "lavfi", "-i", "sine=d=1"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"plain.mp4": {[]string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"}, "video/mp4"},
		"plain.mov": {[]string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"}, "video/mp4"},
		"pcm.mov":   {[]string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"}, ""},
		"high.mp4":  {[]string{"-c:v", "libx264", "-pix_fmt", "yuv444p"}, ""},
		"ten.mp4":   {[]string{"-c:v", "libx264", "-pix_fmt", "yuv420p10le"}, ""},
		"mpeg4.mp4": {[]string{"-c:v", "mpeg4"}, ""},
		"h264.mkv":  {[]string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}, ""},
		"vp8.webm":  {[]string{"-c:v", "libvpx", "-c:a", "libopus"}, "video/webm"},
		"vp8.mkv":   {[]string{"-c:v", "libvpx", "-c:a", "libopus"}, ""},
		"late.mp4":  {[]string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-output_ts_offset", "5"}, ""},
	} {
		path := filepath.Join(t.TempDir(), name)
		run(t, append(append(append([]string{"-f", "lavfi", "-i", second}, tone...), c.args...), path)...)
		if got := probe(t, path).BrowserType(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A full disk is reported as such, with the file that could not be written.
func TestCutFullDisk(t *testing.T) {
	path := encode(t, "a.mp4", 16, 16, greys(16, 16, 25), nil, "-c:v", "libx264", "-pix_fmt", "yuv420p")
	real, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip(err)
	}
	script := filepath.Join(t.TempDir(), "ffmpeg")
	text := "#!/bin/sh\ncase \"$*\" in *-progress*) echo '[error] av_interleaved_write_frame(): No space left on device' >&2; exit 1;; esac\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLIPCUE_FFMPEG", script)
	err = Cut(t.Context(), path, 0, 1, filepath.Join(t.TempDir(), "part.mp4"))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "part.mp4") {
		t.Error(err)
	}
}
