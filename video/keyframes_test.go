package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// keyFilms makes films of 6 s with a keyframe every half second, of every kind whose keyframes
// can be decoded alone.
func keyFilms() map[string]func(t *testing.T) string {
	maker := func(name string, args ...string) func(t *testing.T) string {
		return func(t *testing.T) string { return film(t, name, "testsrc2=s=96x64:r=24:d=6", args...) }
	}
	h264 := func(name, params string) func(t *testing.T) string {
		return maker(name, "-c:v", "libx264", "-bf", "3", "-x264-params", "keyint=12:scenecut=0:b-adapt=0:"+params)
	}
	hevc := func(name, params string) func(t *testing.T) string {
		return maker(name, "-c:v", "libx265", "-x265-params", "keyint=12:min-keyint=12:scenecut=0:log-level=none:"+params)
	}
	vp9 := []string{"-c:v", "libvpx-vp9", "-g", "12", "-b:v", "100k", "-cpu-used", "8", "-auto-alt-ref", "1", "-lag-in-frames", "16"}
	return map[string]func(t *testing.T) string{
		"H.264":                    h264("a.mp4", "open-gop=0"),
		"H.264 in Matroska":        h264("a.mkv", "open-gop=0"),
		"open GOPs":                h264("a.mp4", "open-gop=1"),
		"open GOPs in Matroska":    h264("a.mkv", "open-gop=1"),
		"several slices":           h264("a.mp4", "slices=3"),
		"HEVC":                     hevc("a.mp4", "open-gop=0"),
		"open GOPs of HEVC":        hevc("a.mkv", "open-gop=1"),
		"VP9 with hidden frames":   maker("a.mp4", vp9...),
		"AV1":                      maker("a.mp4", "-c:v", "libsvtav1", "-g", "12", "-preset", "12"),
		"10 bits":                  maker("a.mp4", "-c:v", "libx264", "-g", "12", "-pix_fmt", "yuv420p10le"),
		"a fragmented file":        maker("a.mp4", "-c:v", "libx264", "-g", "12", "-movflags", "frag_keyframe+empty_moov"),
		"a late start":             maker("a.mkv", "-c:v", "libx264", "-g", "12", "-output_ts_offset", "7.5"),
		"rotated, not square":      maker("a.mp4", "-vf", "setsar=4/3", "-c:v", "libx264", "-g", "12", "-metadata:s:v", "rotate=90"),
		"every frame a keyframe":   maker("a.mp4", "-c:v", "libx264", "-g", "1", "-preset", "ultrafast"),
		"keyframes that are alike": maker("a.mp4", "-vf", "tpad=stop_mode=clone:stop_duration=2", "-c:v", "libx264", "-g", "12"),
	}
}

// Samples that are all keyframes are the same, and have the same times, if nothing else is decoded.
func TestOnlyKeyframesAreDecoded(t *testing.T) {
	for name, make := range keyFilms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := make(t)
			info, x := indexed(t, path)
			start := x.time(0)
			for _, o := range []Options{
				{Sampling: AtRate(2)}, {Sampling: AtRate(1), Size: 32, Start: start + 2.5, End: start + 4.6}, {Start: start + 3, End: start + 3.02},
			} {
				o.route = sequential
				want := shown(t, path, o)
				o.route = keyframes
				var got []string
				p := &player{path: path, o: o, info: info, emit: func(f Frame) bool {
					got = append(got, describe(f))
					return true
				}}
				runs := p.plan(x)
				if len(runs) == 0 || !runs[0].keys {
					t.Fatalf("%v from %g to %g: not only keyframes are decoded: %v", o.Sampling, o.Start, o.End, runs)
				}
				if err := p.seek(t.Context(), x, runs); err != nil || !slices.Equal(got, want) {
					t.Errorf("%v from %g to %g: %v; got\n%v\ninstead of\n%v", o.Sampling, o.Start, o.End, err, got, want)
				}
			}
		})
	}
}

// Many keyframes are decoded by several runs.
func TestManyKeyframes(t *testing.T) {
	path := film(t, "a.mp4", "testsrc2=s=96x64:r=25:d=12", "-c:v", "libx264", "-g", "1", "-preset", "ultrafast")
	info, x := indexed(t, path)
	for _, end := range []float64{0, 10.24, 4} {
		o := Options{End: end, route: keyframes}
		sameAsSequential(t, path, o, keyframes)
		p := &player{path: path, o: o, info: info, emit: func(Frame) bool { return true }}
		runs := p.plan(x)
		if err := p.seek(t.Context(), x, runs); err != nil || end == 0 && len(runs) != 2 || end > 0 && len(runs) != 1 {
			t.Errorf("to %g s: %v, %d runs", end, err, len(runs))
		}
	}
}

// Each keyframe of a file is the same if only keyframes are decoded, or this is found to be inexact.
func TestKeyframesAlone(t *testing.T) {
	needFFmpeg(t)
	var files []string
	for _, c := range clips {
		if c.err == nil {
			files = append(files, c.name)
		}
	}
	found, _ := filepath.Glob("testdata/*.*")
	for _, path := range append(files, found...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if filepath.Dir(path) == "." {
				path = clipPath(t, path)
			}
			t.Parallel()
			got, keys, err := keysAlone(t, path)
			if err != nil && !errors.Is(err, errInexact) || err == nil && len(got) != keys {
				t.Errorf("%d of %d keyframes: %v", len(got), keys, err)
			}
			if len(got) == 0 {
				return
			}
			all := shown(t, path, Options{Size: 64, route: sequential})
			for _, f := range got {
				if !slices.Contains(all, f) {
					t.Errorf("%s is not among the %d frames of the file", f, len(all))
				}
			}
		})
	}
}

// keysAlone decodes the keyframes of a file and nothing else, if that is possible, and
// returns them and their number.
func keysAlone(t *testing.T, path string) (frames []string, keys int, err error) {
	t.Helper()
	o := Options{Size: 64}
	info, err := Probe(t.Context(), path, o)
	if err != nil || !info.skipsToKeys() {
		return nil, 0, nil
	}
	x, err := readIndex(t.Context(), path, info, DefaultTimeout)
	if err != nil || !x.exact {
		return nil, 0, nil
	}
	var r stretch
	for i, p := range x.packets {
		if p.key {
			r.wanted, r.times = append(r.wanted, i), append(r.times, 1)
		}
	}
	r.to, r.keys = r.wanted[len(r.wanted)-1], true
	p := &player{path: path, o: o, info: info, emit: func(f Frame) bool {
		frames = append(frames, describe(f))
		return true
	}}
	return frames, len(r.wanted), p.seek(t.Context(), x, []stretch{r})
}

// In testdata/mixed-slices.mp4, the upper half of each keyframe is intra-coded and the lower half
// copies the frame before it, although recovery points mark the frames. Without that frame,
// the decoder shows something else there and reports nothing.
func TestKeyframesThatDependOnOthers(t *testing.T) {
	needFFmpeg(t)
	const path = "testdata/mixed-slices.mp4"
	if got, _, err := keysAlone(t, path); len(got) != 1 || !errors.Is(err, errInexact) {
		t.Errorf("%d keyframes, %v; want the first and an inexact one", len(got), err)
	}
	sameAsSequential(t, path, Options{Sampling: AtRate(2)}, keyframes)
}

// Film grain that the keyframes inherit is not left out.
func TestKeyframesWithFilmGrain(t *testing.T) {
	path := film(t, "a.mp4", "testsrc2=s=96x64:r=24:d=2", "-c:v", "libx264", "-g", "12")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte{6, 5, 0xff}) // x264's message about itself
	if at < 4 {
		t.Fatal("no message to replace")
	}
	unit := data[at-4:][:4+binary.BigEndian.Uint32(data[at-4:])]
	// One interval of intensity, values 60, 8 and 8, for this frame and all later ones.
	grain := []byte{6, 19, 10, 0x00, 0xa0, 0x02, 0x00, 0xff, 0x03, 0xc0, 0x40, 0x20, 0xa0, 0x80}
	binary.BigEndian.PutUint32(unit, uint32(len(grain)))
	filler := unit[4+copy(unit[4:], grain):]
	binary.BigEndian.PutUint32(filler, uint32(len(filler)-4))
	filler[4] = 12
	for i := range filler[5:] {
		filler[5+i] = 0xff
	}
	filler[len(filler)-1] = 0x80
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keysAlone(t, path); !errors.Is(err, errInexact) {
		t.Errorf("%v, want an inexact first frame", err)
	}
	sameAsSequential(t, path, Options{Sampling: AtRate(2)}, keyframes)
}

// sameAsSequential requires that Frames gives the same by a route, without an error.
func sameAsSequential(t *testing.T, path string, o Options, r route) {
	t.Helper()
	o.route = sequential
	want := shown(t, path, o)
	o.route = r
	if got := shown(t, path, o); len(got) == 0 || !slices.Equal(got, want) {
		t.Errorf("route %d gives\n%v\ninstead of\n%v", r, got, want)
	}
}

// If a file marks the wrong frames as keyframes, it is decoded from its start.
func TestLiesAboutKeyframes(t *testing.T) {
	for _, codec := range [][]string{
		{"libx264", "-bf", "0"}, {"libx265", "-x265-params", "bframes=0:log-level=none"}, {"libvpx-vp9", "-cpu-used", "8"}, {"libsvtav1", "-preset", "12"},
	} {
		t.Run(codec[0], func(t *testing.T) {
			t.Parallel()
			path := film(t, "a.mp4", "testsrc2=s=96x64:r=24:d=4", append([]string{"-g", "12", "-c:v"}, codec...)...)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, table, ok := bytes.Cut(data, []byte("stss"))
			if !ok {
				t.Fatal("no table of keyframes")
			}
			// Entries are sample numbers, from 1. The first keyframe stays.
			for i := range binary.BigEndian.Uint32(table[4:]) - 1 {
				entry := table[12+4*i:]
				binary.BigEndian.PutUint32(entry, binary.BigEndian.Uint32(entry)+1)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			info, x := indexed(t, path)
			found := false
			for _, start := range []float64{0, 0.5 + 1./24} { // at true and at false keyframes
				o := Options{Sampling: AtRate(2), Start: start, route: keyframes}
				sameAsSequential(t, path, o, keyframes)
				p := &player{path: path, o: o, info: info, emit: func(Frame) bool { return true }}
				if err := p.seek(t.Context(), x, p.runs(x, true)); err != nil {
					found = errors.Is(err, errInexact)
				}
			}
			// The parser of H.264 corrects the marks.
			if !found && codec[0] != "libx264" {
				t.Error("the file was not found to be inexact")
			}
		})
	}
}

// A damaged keyframe is reported as by decoding everything. Damage between keyframes is not
// noticed, and does not change them.
func TestDamagedKeyframes(t *testing.T) {
	path := film(t, "a.mp4", "testsrc2=s=192x128:r=24:d=4", "-c:v", "libx264", "-g", "12", "-bf", "0", "-crf", "10", "-x264-params", "scenecut=0")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var places []int64
	info, _ := indexed(t, path)
	for _, l := range info.packets {
		var at int64
		if _, err := fmt.Sscan(l.Position, &at); err != nil {
			t.Fatal(err)
		}
		places = append(places, at)
	}
	intact := shown(t, path, Options{Sampling: AtRate(2), route: sequential})
	for _, c := range []struct {
		frame   int
		noticed bool
	}{{24, true}, {48, true}, {28, false}} {
		data := bytes.Clone(whole)
		for i := places[c.frame] + 300; i < places[c.frame]+600; i++ {
			data[i] ^= 0x5a
		}
		damaged := filepath.Join(t.TempDir(), "a.mp4")
		if err := os.WriteFile(damaged, data, 0o600); err != nil {
			t.Fatal(err)
		}
		last := func(r route) string {
			all := shown(t, damaged, Options{Sampling: AtRate(2), route: r})
			if !c.noticed && r == keyframes && !slices.Equal(all, intact) {
				t.Errorf("damage of frame %d gives\n%v\ninstead of\n%v", c.frame, all, intact)
			}
			return withoutPlaces(all[len(all)-1:])[0]
		}
		if got, want := last(keyframes), last(sequential); (got == want) != c.noticed {
			t.Errorf("damage of frame %d: %q, and if everything is decoded, %q", c.frame, got, want)
		}
	}
}

// Changes of the stream at keyframes are listed as if everything were decoded.
func TestKeyframesChangeSize(t *testing.T) {
	var joined []byte
	for _, size := range []string{"96x64", "64x96"} {
		data, err := os.ReadFile(film(t, "a.h264", "testsrc2=r=24:d=2:s="+size, "-c:v", "libx264", "-g", "12", "-bf", "0"))
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	raw, path := filepath.Join(t.TempDir(), "a.h264"), filepath.Join(t.TempDir(), "a.mp4")
	if err := os.WriteFile(raw, joined, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "-r", "24", "-i", raw, "-c", "copy", path)
	var listed [][]string
	for _, r := range []route{sequential, keyframes} {
		info, _ := indexed(t, path)
		sameAsSequential(t, path, Options{Sampling: AtRate(2), Info: info}, r)
		listed = append(listed, info.Changes)
	}
	if len(listed[0]) == 0 || !slices.Equal(listed[0], listed[1]) {
		t.Errorf("changes are %v, and if everything is decoded, %v", listed[1], listed[0])
	}
}

// Only keyframes are decoded where that saves much, by runs that start at far ones.
func TestWhenOnlyKeyframesAreDecoded(t *testing.T) {
	for _, c := range []struct {
		every    int // frames from keyframe to keyframe
		sampling Sampling
		runs     int // 0 is none of keyframes only
	}{
		{15, AtRate(2), 5}, {15, AtRate(1), 3}, {15, AtRate(3), 0}, {30, AtRate(2), 0}, {300, AtRate(0.1), 1},
		{3000, AtRate(0.01), 6}, {1, AtRate(2), 0}, {1, EveryFrame(), 0}, {2, EveryFrame(), 0},
	} {
		info := &Info{Container: "mov,mp4", Codec: "h264", Duration: 600, FrameRate: 30, pixels: 1920 * 1080, tickNum: 1, tickDen: 30}
		x := &packetIndex{exact: true, seconds: 1. / 30}
		for i := range 600 * 30 {
			x.packets = append(x.packets, packet{ticks: int64(i), key: i%c.every == 0, timed: true, stamped: true})
		}
		runs := (&player{o: Options{Sampling: c.sampling}, info: info}).plan(x)
		n := 0
		for _, r := range runs {
			if r.keys {
				n++
			}
		}
		if n != c.runs {
			t.Errorf("a keyframe every %d frames, %v: %d runs, want %d", c.every, c.sampling, n, c.runs)
		}
	}
}
