package video

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// circle renders a second of a white circle that is 40 pixels wide and high on square pixels.
func circle(t *testing.T, path string, w, h int, sar string, args ...string) {
	t.Helper()
	source := "color=black:s=" + strconv.Itoa(w) + "x" + strconv.Itoa(h) + ":r=10:d=1,geq=lum='255*lt(hypot((X-W/2)*" + sar + ",Y-H/2),20)':cb=128:cr=128,setsar=" + sar
	run(t, append(append([]string{"-f", "lavfi", "-i", source}, args...), path)...)
}

// extent returns the width and height of what is bright in a frame.
func extent(f Frame) (w, h int) {
	minX, minY, maxX, maxY := f.Width, f.Height, -1, -1
	for y := range f.Height {
		for x := range f.Width {
			if f.Pix[3*(y*f.Width+x)] > 128 {
				minX, maxX, minY, maxY = min(minX, x), max(maxX, x), min(minY, y), max(maxY, y)
			}
		}
	}
	return maxX - minX + 1, maxY - minY + 1
}

// A circle stays a circle when the size or the shape of pixels changes within a stream.
func TestEachFrameHasItsOwnShape(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	x264 := []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "h264"}
	mpeg2 := []string{"-c:v", "mpeg2video", "-r", "25", "-q:v", "2", "-f", "mpegts"}
	for name, c := range map[string]struct {
		codec []string
		parts [][3]any
		sizes int
	}{
		"turned.h264":  {x264, [][3]any{{160, 90, "1"}, {90, 160, "1"}}, 2},
		"grown.h264":   {x264, [][3]any{{96, 96, "1"}, {192, 96, "1"}, {96, 96, "1"}}, 2},
		"pixels.h264":  {x264, [][3]any{{96, 96, "1"}, {96, 96, "2"}}, 2},
		"turned.ts":    {mpeg2, [][3]any{{160, 96, "1"}, {96, 160, "1"}}, 2},
		"unchanged.ts": {mpeg2, [][3]any{{96, 96, "1"}, {96, 96, "1"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var joined []byte
			for i, p := range c.parts {
				part := filepath.Join(dir, strconv.Itoa(i)+name)
				circle(t, part, p[0].(int), p[1].(int), p[2].(string), c.codec...)
				data, err := os.ReadFile(part)
				if err != nil {
					t.Fatal(err)
				}
				joined = append(joined, data...)
			}
			path := filepath.Join(dir, name)
			os.WriteFile(path, joined, 0o600)
			sizes := map[[2]int]bool{}
			for f, err := range Frames(t.Context(), path, Options{}) {
				if err != nil {
					t.Fatal(err)
				}
				sizes[[2]int{f.Width, f.Height}] = true
				if w, h := extent(f); math.Abs(float64(w-40)) > 5 || math.Abs(float64(h-40)) > 5 {
					t.Fatalf("frame %d of %dx%d: the circle has %dx%d pixels", f.Index, f.Width, f.Height, w, h)
				}
			}
			r, err := Check(t.Context(), path, CheckOptions{Decode: true})
			if said := strings.Contains(strings.Join(r.Notes, "; "), "the size changes"); err != nil || len(sizes) != c.sizes || said != (c.sizes > 1) {
				t.Errorf("%d sizes, notes %q, error %v", len(sizes), r.Notes, err)
			}
		})
	}
}

// Tone mapping is for a whole stream; one that needs it only in part is refused.
func TestHDRInPart(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	var joined []byte
	for i, trc := range []string{"bt709", "smpte2084"} {
		part := filepath.Join(dir, strconv.Itoa(i)+".h264")
		circle(t, part, 96, 96, "1", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-color_trc", trc, "-f", "h264")
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	path := filepath.Join(dir, "mixed.h264")
	os.WriteFile(path, joined, 0o600)
	if n, err := extracted(t, path, Options{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%d frames, error %v", n, err)
	}
}
