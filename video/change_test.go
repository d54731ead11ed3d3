package video

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	t.Parallel()
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

type picture struct {
	width, height int
	pix           []byte
}

func pictures(t *testing.T, path string, o Options) (all []picture) {
	t.Helper()
	for f, err := range Frames(t.Context(), path, o) {
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(path), err)
		}
		all = append(all, picture{f.Width, f.Height, bytes.Clone(f.Pix)})
	}
	return all
}

// The frames of joined recordings are those of the parts, whatever changes between them.
func TestChangesWithinAStream(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast"}
	with := func(args ...string) []string { return append(slices.Clone(x264), args...) }
	hevc := func(transfer string) []string {
		return []string{"-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
			"-x265-params", "bframes=0:log-level=none:repeat-headers=1:colorprim=bt2020:colormatrix=bt2020nc:transfer=" + transfer}
	}
	tests := []struct {
		name          string
		before, after []string
		turn          bool
		note          string // of Check
	}{
		{"smaller", x264, with("-vf", "scale=32:24"), false, "size changes from 64x48 to 32x24 at 2.000 s"},
		{"larger", x264, with("-vf", "scale=96:128,setsar=1"), false, "size changes from 64x48 to 96x128"},
		{"aspect", x264, with("-vf", "setsar=2"), false, "pixel aspect ratio changes from 1 to 2"},
		{"rotation", x264, x264, true, "rotation changes from 0 to 270"},
		{"matrix", with("-colorspace", "smpte170m"), with("-colorspace", "bt709"), false, "color changes from smpte170m/tv to bt709/tv"},
		{"range", with("-colorspace", "bt709"), with("-colorspace", "bt709", "-color_range", "pc", "-pix_fmt", "yuv420p"), false, "color changes from bt709/tv to bt709/pc"},
		{"HDR", hevc("bt709"), hevc("smpte2084"), false, "smpte2084"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var joined []byte
			var want []picture
			starts := []string{"1", "2", "3"}
			if c.name != "HDR" {
				starts = starts[:2]
			}
			for _, start := range starts {
				codec, turn := c.before, start == "2" && c.turn
				if start == "2" {
					codec = c.after
				}
				path := filepath.Join(dir, start+".ts")
				run(t, append(append([]string{"-f", "lavfi", "-i", second, "-output_ts_offset", start}, codec...), "-muxdelay", "0", path)...)
				if turn {
					plain := path
					path = filepath.Join(dir, "turned.ts")
					run(t, "-copyts", "-i", plain, "-c", "copy", "-bsf:v", "h264_metadata=display_orientation=insert:rotate=90", "-muxdelay", "0", path)
				}
				want = append(want, pictures(t, path, Options{})...)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				joined = append(joined, data...)
			}
			if len(want) < 20 || bytes.Equal(want[0].pix, want[10].pix) {
				t.Fatal("the parts do not differ")
			}
			path, mkv := filepath.Join(dir, "joined.ts"), filepath.Join(dir, "joined.mkv")
			os.WriteFile(path, joined, 0o600)
			same(t, pictures(t, path, Options{}), want)
			r, err := Check(t.Context(), path, CheckOptions{Decode: true})
			if err != nil || !strings.Contains(strings.Join(r.Notes, "; "), c.note) {
				t.Errorf("check: %q, error %v", r.Notes, err)
			}
			run(t, "-i", path, "-c", "copy", mkv)
			o := Options{Sampling: Count(8), route: sequential}
			all := pictures(t, mkv, o)
			o.route = seeking
			same(t, pictures(t, mkv, o), all)
		})
	}
}

func same(t *testing.T, got, want []picture) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].width != want[i].width || got[i].height != want[i].height || !bytes.Equal(got[i].pix, want[i].pix) {
			t.Fatalf("frame %d, %dx%d, is not that of its part, %dx%d", i, got[i].width, got[i].height, want[i].width, want[i].height)
		}
	}
}

// bwdif loses a frame where the size changes; the others keep their places.
func TestInterlacedSizeChanges(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	var joined []byte
	for _, size := range []string{"64x48", "96x32"} {
		part := filepath.Join(dir, "part.ts")
		run(t, "-f", "lavfi", "-i", "testsrc2=s="+size+":r=25:d=1", "-vf", "setfield=tff", "-c:v", "mpeg2video", "-bf", "0", "-flags", "+ildct+ilme", part)
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	path := filepath.Join(dir, "joined.ts")
	os.WriteFile(path, joined, 0o600)
	sizes := map[int]int{}
	for _, p := range pictures(t, path, Options{}) {
		sizes[p.width]++
	}
	if sizes[64] < 23 || sizes[96] < 24 || len(sizes) != 2 {
		t.Errorf("frames by width: %v", sizes)
	}
}

func TestRotate(t *testing.T) {
	src := []byte("aaabbbcccdddeeefff") // abc def
	for turns, want := range map[int]string{1: "dddaaaeeebbbfffccc", 2: "fffeeedddcccbbbaaa", 3: "cccfffbbbeeeaaaddd"} {
		got := make([]byte, len(src))
		if rotate(got, src, 3, 2, turns); string(got) != want {
			t.Errorf("%d: %s, want %s", turns, got, want)
		}
	}
}
