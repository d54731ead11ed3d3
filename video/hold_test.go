package video

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The last frame is displayed as long as its packet declares, by every route.
func TestLastFrameIsHeld(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	make := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		run(t, append(args, path)...)
		return path
	}
	still := func(name string, args ...string) string {
		return make(name, append([]string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/10:d=10", "-frames:v", "1"}, args...)...)
	}
	vfr := []string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=3", "-vf", "select='lt(n,3)+gt(n,27)'", "-vsync", "passthrough", "-c:v", "libx264"}
	for _, c := range []struct {
		path string
		want int // samples at 2 per second
	}{
		{delays(t, filepath.Join(dir, "last.gif"), 30, 30, 30, 300), 8},
		{delays(t, filepath.Join(dir, "first.gif"), 300, 30, 30, 30), 8},
		{delays(t, filepath.Join(dir, "long.gif"), 10, 6000), 121},
		{still("still.mp4", "-c:v", "libx264"), 20},
		{still("still.mov", "-c:v", "mpeg4"), 20},
		{make("slides.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/4:d=12", "-c:v", "libx264"), 24},
		{make("two.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=3", "-vf", "select='eq(n,0)+eq(n,60)'", "-vsync", "passthrough", "-c:v", "libx264"), 5},
		{make("vfr.mkv", vfr...), 6},
		{make("moving.apng", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=2:d=3", "-f", "apng"), 6},
		{make("one.png", "-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "1"), 1},
		{make("plain.ts", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=3", "-c:v", "libx264"), 6},
	} {
		for _, r := range []route{sequential, seeking} {
			n := 0
			for _, err := range Frames(t.Context(), c.path, Options{Sampling: AtRate(2), route: r}) {
				if err != nil {
					t.Errorf("%s: %v", filepath.Base(c.path), err)
				}
				n++
			}
			if n != c.want {
				t.Errorf("%s by route %d: %d samples, want %d", filepath.Base(c.path), r, n, c.want)
			}
		}
	}
}

// delays writes a GIF whose frames are displayed for the given hundredths of a second.
func delays(t *testing.T, path string, hundredths ...int) string {
	t.Helper()
	g := gif.GIF{Delay: hundredths}
	for i := range hundredths {
		p := image.NewPaletted(image.Rect(0, 0, 16, 16), color.Palette{color.Black, color.White})
		p.SetColorIndex(i, 0, 1)
		g.Image = append(g.Image, p)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a packet declares does not make a frame last longer than the stream, a day, or what
// the durations of the other packets make plausible.
func TestHoldIsPlausible(t *testing.T) {
	for _, c := range []struct {
		name     string
		declared float64 // of the stream, seconds
		packets  []packet
		want     float64
	}{
		{"as before", 3, []packet{{ticks: 0, duration: 100}, {ticks: 100, duration: 100}, {ticks: 200, duration: 100}}, 1},
		{"longer", 7, []packet{{ticks: 0, duration: 100}, {ticks: 100, duration: 100}, {ticks: 200, duration: 500}}, 5},
		{"one duration for all", 3, []packet{{ticks: 0, duration: 4}, {ticks: 100, duration: 4}, {ticks: 200, duration: 4}}, 1},
		{"unknown", 3, []packet{{ticks: 0}, {ticks: 100}, {ticks: 200}}, 1},
		{"not declared", 0, []packet{{ticks: 0, duration: 100}, {ticks: 100, duration: 100}, {ticks: 200, duration: 10000}}, 1},
		{"longer than the stream", 3, []packet{{ticks: 0, duration: 100}, {ticks: 100, duration: 100}, {ticks: 200, duration: 10000}}, 1},
		{"longer than a day", 1e6, []packet{{ticks: 0, duration: 100}, {ticks: 100, duration: 1e8 - 1000}}, 1},
	} {
		x := &packetIndex{packets: c.packets, seconds: 0.01}
		x.held = x.lastHeld(&Info{Duration: c.declared})
		last := c.packets[len(c.packets)-1].ticks
		if got := x.hold(last, 1); got != c.want {
			t.Errorf("%s: %v s, want %v", c.name, got, c.want)
		}
	}
}

// HD without a declared matrix is BT.709, as players show it; all else is as declared, or
// BT.601.
func TestUndeclaredMatrix(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	for _, c := range []struct {
		size    string
		args    []string
		assumed bool
	}{
		{"1280x720", nil, true},
		{"1280x536", nil, true},
		{"720x1280", nil, true},
		{"960x720", nil, true},
		{"720x576", nil, false},
		{"1280x720", []string{"-colorspace", "smpte170m"}, false},
		{"1280x720", []string{"-colorspace", "bt709"}, false},
		{"1280x720", []string{"-c:v", "ffv1", "-pix_fmt", "bgr0"}, false},
	} {
		path := filepath.Join(t.TempDir(), "a.mkv")
		run(t, append(append([]string{"-f", "lavfi", "-i", "color=0x30c050:s=" + c.size + ":r=1:d=1,format=yuv420p", "-c:v", "ffv1"}, c.args...), path)...)
		matrix := "bt601"
		if c.assumed || len(c.args) > 1 && c.args[1] == "bt709" {
			matrix = "bt709"
		}
		want := filepath.Join(t.TempDir(), "want.rgb")
		run(t, "-i", path, "-vf", "scale=in_color_matrix="+matrix, "-f", "rawvideo", "-pix_fmt", "rgb24", want)
		pixels, err := os.ReadFile(want)
		if err != nil {
			t.Fatal(err)
		}
		for f, err := range Frames(t.Context(), path, Options{}) {
			if err != nil || !bytes.Equal(f.Pix, pixels) {
				t.Errorf("%s %v: color %v, want %v (%v)", c.size, c.args, f.Pix[:3], pixels[:3], err)
			}
		}
		r, err := Check(t.Context(), path, CheckOptions{})
		if noted := strings.Contains(strings.Join(r.Notes, "\n"), "BT.709 assumed"); err != nil || noted != c.assumed {
			t.Errorf("%s %v: notes %q (%v)", c.size, c.args, r.Notes, err)
		}
	}
}
