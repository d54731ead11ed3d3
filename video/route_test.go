package video

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// film makes a test film with ffmpeg: a source of lavfi and output options.
func film(t testing.TB, name, source string, args ...string) string {
	t.Helper()
	needFFmpeg(t)
	path := filepath.Join(t.TempDir(), name)
	run(t, append(append([]string{"-f", "lavfi", "-i", source}, args...), path)...)
	return path
}

// run runs ffmpeg, and skips the test where it lacks an encoder.
func run(t testing.TB, args ...string) {
	t.Helper()
	needFFmpeg(t)
	out, err := exec.Command("ffmpeg", append([]string{"-nostdin", "-y", "-loglevel", "error"}, args...)...).CombinedOutput()
	if bytes.Contains(out, []byte("Unknown encoder")) {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// shown is what Frames gives: number, time and pixels of each frame.
func shown(t *testing.T, path string, o Options) []string {
	t.Helper()
	var all []string
	for f, err := range Frames(t.Context(), path, o) {
		if err != nil {
			all = append(all, err.Error())
			break
		}
		all = append(all, describe(f))
	}
	return all
}

func describe(f Frame) string {
	return fmt.Sprintf("%d at %.6f: %dx%d %08x", f.Index, f.Time, f.Width, f.Height, crc32.ChecksumIEEE(f.Pix))
}

// longFilms makes films of 40 s of every kind that can be decoded from any keyframe, and of
// some that cannot.
func longFilms() map[string]func(t *testing.T) string {
	const source = "testsrc2=s=96x64:r=25:d=40"
	return map[string]func(t *testing.T) string{
		"long GOPs": func(t *testing.T) string {
			return film(t, "a.mp4", source, "-c:v", "libx264", "-g", "250", "-bf", "3")
		},
		"open GOPs": func(t *testing.T) string {
			return film(t, "a.mkv", source, "-c:v", "libx264", "-bf", "3", "-x264-params", "open-gop=1:keyint=40:b-adapt=0:scenecut=0")
		},
		"open GOPs in mp4": func(t *testing.T) string {
			return film(t, "a.mp4", source, "-c:v", "libx264", "-bf", "3", "-x264-params", "open-gop=1:keyint=40:b-adapt=0:scenecut=0")
		},
		"open GOPs of HEVC": func(t *testing.T) string {
			return film(t, "a.mp4", source, "-c:v", "libx265", "-x265-params", "open-gop=1:keyint=50:log-level=none")
		},
		"intra refresh": func(t *testing.T) string {
			return film(t, "a.mp4", source, "-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=50")
		},
		"VP9": func(t *testing.T) string {
			return film(t, "a.webm", source, "-c:v", "libvpx-vp9", "-b:v", "100k", "-g", "100", "-deadline", "realtime", "-cpu-used", "8")
		},
		"no B frames, late start": func(t *testing.T) string {
			return film(t, "a.mkv", source, "-c:v", "libx264", "-bf", "0", "-g", "100", "-output_ts_offset", "7.5")
		},
		"negative start": func(t *testing.T) string {
			return film(t, "a.mp4", source, "-c:v", "libx264", "-g", "50", "-output_ts_offset", "-3", "-avoid_negative_ts", "disabled", "-use_editlist", "0")
		},
		"an edit list that cuts": func(t *testing.T) string {
			whole := film(t, "whole.mp4", source, "-c:v", "libx264", "-g", "100")
			cut := filepath.Join(t.TempDir(), "a.mp4")
			run(t, "-ss", "5.3", "-i", whole, "-c", "copy", cut)
			return cut
		},
		"a fragmented file": func(t *testing.T) string {
			return film(t, "a.mp4", source, "-c:v", "libx264", "-g", "100", "-movflags", "frag_keyframe+empty_moov")
		},
		"variable rate": func(t *testing.T) string {
			return film(t, "a.mkv", source, "-vf", "select='not(mod(n,7))+not(mod(n,5))'", "-vsync", "passthrough", "-c:v", "libx264", "-g", "60")
		},
		"broken index": func(t *testing.T) string {
			return film(t, "a.ts", source, "-c:v", "libx264", "-g", "50")
		},
	}
}

// Seeking, decoding from the start, and converting only some frames give the same frames.
func TestRoutesGiveOneResult(t *testing.T) {
	for name, make := range longFilms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameByAllRoutes(t, make(t))
		})
	}
}

func sameByAllRoutes(t *testing.T, path string) {
	t.Helper()
	options := []Options{{Sampling: AtRate(0.15)}, {Start: 17.3, End: 18.1}, {Sampling: AtRate(2), Start: 11, End: 14.2}}
	if os.Getenv("CLIPCUE_SLOW") != "" { // a process a frame
		options = append(options, Options{Sampling: Count(7)}, Options{Sampling: Count(100), Size: 32}, Options{Sampling: AtRate(0.3), Start: 20})
	}
	for _, o := range options {
		o.route = sequential
		want := shown(t, path, o)
		for _, o.route = range []route{seeking, selecting, keyframes} {
			if got := shown(t, path, o); !slices.Equal(got, want) {
				t.Errorf("%v from %g to %g: route %d gives\n%v\ninstead of\n%v", o.Sampling, o.Start, o.End, o.route, got, want)
			}
		}
	}
}

func TestTwoRoutesOnRealClips(t *testing.T) {
	for _, name := range []string{"torchvision__R6llTwEh07w.mp4", "decord__flipping_a_pancake.mkv", "mmaction2__demo.mp4",
		"video-llama__skateboarding_dog.mp4", "mediabunny__cursed-vfr.mp4", "media__mp4_sample_rotate_and_reflect.mp4",
		"media__vp9_bear-vp9-odd-dimensions.webm"} {
		t.Run(name, func(t *testing.T) {
			path := clipPath(t, name)
			t.Parallel()
			for _, s := range []Sampling{Count(3), AtRate(0.5)} {
				want := shown(t, path, Options{Sampling: s, Size: 64, route: sequential})
				if got := shown(t, path, Options{Sampling: s, Size: 64, route: seeking}); !slices.Equal(got, want) {
					t.Errorf("%v: seeking gives\n%v\ninstead of\n%v", s, got, want)
				}
			}
		})
	}
}

// A few frames of a long film are had by seeking, and many by decoding it.
func TestCheaperRoute(t *testing.T) {
	info := &Info{Container: "mov,mp4", Codec: "h264", Duration: 3600, FrameRate: 30, pixels: 1920 * 1080, tickNum: 1, tickDen: 30}
	x := &packetIndex{exact: true, seconds: 1. / 30}
	for i := range 3600 * 30 {
		x.packets = append(x.packets, packet{ticks: int64(i), key: i%120 == 0, timed: true, stamped: true})
	}
	for _, c := range []struct {
		o    Options
		runs int // 0 is none
	}{
		{Options{Sampling: Count(16)}, 16},
		{Options{Sampling: AtRate(1. / 600)}, 6},
		{Options{Start: 1800, End: 1810}, 1},
		{Options{Sampling: AtRate(4), Start: 1800, End: 1810}, 1},
		{Options{Sampling: AtRate(8)}, 0},
		{Options{}, 0},
		{Options{Sampling: AtRate(8), End: 10}, 0},
	} {
		p := &player{o: c.o, info: info}
		if got := p.plan(x); len(got) != c.runs {
			t.Errorf("%v from %g to %g: %d runs, want %d", c.o.Sampling, c.o.Start, c.o.End, len(got), c.runs)
		}
	}
}
