package video

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// outlierCases are frames of 60 at 10 per second, from 1000 s on, with wrong timestamps,
// and by how many seconds these are wrong.
var outlierCases = map[string]map[int]float64{
	"ahead":          {25: 9568.4},
	"a little ahead": {25: 5},
	"back":           {25: -700},
	"a little back":  {25: -5},
	"several":        {12: 400, 25: 9568, 40: -300},
	"two in a row":   {25: 9568, 26: 9568},
	"three in a row": {25: 900, 26: -800, 27: 9000},
	"first":          {0: 9568},
	"first, back":    {0: -500},
	"first two":      {0: 9568, 1: -500},
	"last":           {59: 9568},
	"last, back":     {59: -500},
	"last two":       {58: 9568, 59: -900},
}

// One wrong timestamp changes nothing but itself, in every container and by every route.
func TestOutliers(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	plain, infos, indexes := map[string]string{}, map[string]*Info{}, map[string]*packetIndex{}
	for _, name := range []string{"a.mp4", "a.mkv", "a.ts"} {
		plain[name] = filepath.Join(dir, name)
		args := []string{"-f", "lavfi", "-i", "testsrc2=s=32x16:r=10:d=6", "-c:v", "libx264", "-g", "20", "-bf", "0", "-output_ts_offset", "1000"}
		if name == "a.ts" {
			args = append(args, "-muxdelay", "0", "-muxpreload", "0")
		}
		run(t, append(args, plain[name])...)
		infos[name], indexes[name] = indexed(t, plain[name])
	}
	for name, wrong := range outlierCases {
		for base, path := range plain {
			if base == "a.mp4" && name != "ahead" && name != "two in a row" && name != "last" {
				continue // the muxer writes no others
			}
			t.Run(name+" in "+base, func(t *testing.T) {
				bad := filepath.Join(t.TempDir(), base)
				if base == "a.ts" {
					shiftTS(t, path, bad, wrong)
				} else {
					shiftFile(t, path, bad, wrong)
				}
				compare := func(o Options) {
					t.Helper()
					if got, want := times(t, bad, o), times(t, path, Options{Sampling: o.Sampling, Info: infos[base], index: indexes[base]}); !slices.Equal(got, want) {
						t.Errorf("%v: %v, want %v", o.Sampling, got, want)
					}
				}
				compare(Options{Sampling: AtRate(8)})
				info, x := indexed(t, bad)
				compare(Options{Sampling: EveryFrame(), Info: info, index: x})
				compare(Options{Sampling: Count(8), Info: info, index: x, route: seeking})
				if info.Outliers != len(wrong) || x.span().end-x.span().start > 6.2 {
					t.Errorf("%d outliers, span %v", info.Outliers, x.span())
				}
				if name != "ahead" {
					return
				}
				r, err := Check(t.Context(), bad, CheckOptions{Decode: true})
				if err != nil || r.Frames != 60 || r.Last-r.First > 6 || !strings.Contains(strings.Join(r.Notes, "\n"), "1 wrong timestamp corrected") {
					t.Errorf("%v, %v to %v, %q", err, r.First, r.Last, r.Notes)
				}
			})
		}
	}
}

// indexed returns the headers and the packets of a file.
func indexed(t *testing.T, path string) (*Info, *packetIndex) {
	t.Helper()
	info, err := Probe(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := readIndex(t.Context(), path, info, DefaultTimeout)
	if err != nil {
		t.Fatal(err)
	}
	return info, x
}

// times returns the numbers of the frames, and their times after the first. Where a
// transport stream starts may depend on its first timestamp, because its clock wraps.
func times(t *testing.T, path string, o Options) (all []string) {
	t.Helper()
	first := math.NaN()
	for f, err := range Frames(t.Context(), path, o) {
		if err != nil {
			t.Fatal(err)
		}
		if math.IsNaN(first) {
			first = f.Time
		}
		all = append(all, fmt.Sprintf("%d at %.3f", f.Index, f.Time-first))
	}
	return all
}

// shiftFile copies a file with some frames displayed later or earlier.
func shiftFile(t *testing.T, from, to string, by map[int]float64) {
	t.Helper()
	pts, dts := "PTS", "DTS"
	if filepath.Ext(to) == ".mkv" {
		dts += "-990/TB" // not stored, but the muxer checks that no frame is displayed before it
	}
	for i, d := range by {
		pts += fmt.Sprintf("+eq(N,%d)*(%g)/TB", i, d)
	}
	run(t, "-copyts", "-i", from, "-c", "copy", "-copyts", "-avoid_negative_ts", "disabled", "-bsf:v", "setts=pts='"+pts+"':dts='"+dts+"'", "-use_editlist", "0", to)
}

// shiftTS copies a transport stream with some frames at other times.
func shiftTS(t *testing.T, from, to string, by map[int]float64) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	frame := 0
	for at := 0; at+188 <= len(data); at += 188 {
		p := data[at : at+188]
		if p[1]&0x40 == 0 {
			continue // not the start of a packet
		}
		if p[3]&0x20 != 0 {
			p = p[min(len(p), 5+int(p[4])):]
		} else {
			p = p[4:]
		}
		if len(p) < 19 || p[0] != 0 || p[1] != 0 || p[2] != 1 || p[3]&0xf0 != 0xe0 {
			continue // not of video
		}
		for k := range int(p[7]>>7&1) + int(p[7]>>6&1) {
			b := p[9+5*k:]
			v := int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
			v += int64(math.Round(by[frame] * 90000))
			b[0], b[1], b[2], b[3], b[4] = b[0]&0xf1|byte(v>>29)&0xe, byte(v>>22), byte(v>>14)|1, byte(v>>7), byte(v<<1)|1
		}
		frame++
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func moments(times ...float64) (all []moment) {
	for _, t := range times {
		all = append(all, moment{time: t})
	}
	return all
}

// Real restarts, gaps and pauses are no outliers.
func TestTimelineKeepsRealTimes(t *testing.T) {
	series := func(parts ...float64) (all []moment) { // first time, number of frames, …
		for i := 0; i+1 < len(parts); i += 2 {
			for k := range int(parts[i+1]) {
				all = append(all, moment{time: parts[i] + float64(k)*0.1})
			}
		}
		return all
	}
	ts := (&Info{Container: "mpegts", FrameRate: 10}).clock()
	mkv := (&Info{Container: "matroska,webm", FrameRate: 10}).clock()
	for _, c := range []struct {
		name     string
		frames   []moment
		clock    clock
		restarts int
		length   float64 // on the clock of a player
	}{
		{"plain", series(0, 100), mkv, 0, 9.9},
		{"joined", series(100, 40, 0, 40), ts, 1, 7.9},
		{"joined with itself", series(100, 40, 100, 40), ts, 1, 7.9},
		{"joined ahead", series(100, 40, 5000, 40), ts, 1, 7.9},
		{"three recordings", series(100, 40, 5000, 40, 7, 20), ts, 2, 9.9},
		{"a pause", series(0, 40, 300, 40), mkv, 0, 303.9},
		{"two pauses", series(0, 40, 300, 5, 1000, 40), mkv, 0, 1003.9},
		{"slides", moments(0, 60, 65, 4000, 4100), mkv, 0, 4100},
		{"one slide", moments(0), mkv, 0, 0},
		{"two slides", moments(0, 7200), mkv, 0, 7200},
		{"a long title", append([]moment{{0, 12}}, series(12, 40)...), mkv, 0, 15.9},
		{"an hour per frame", moments(0, 3600, 7200, 10800, 14400), mkv, 0, 14400},
		// Time that goes ahead and returns was not spent, however many frames say so.
		{"a long excursion", series(0, 40, 5000, 20, 6, 40), mkv, 2, 9.9},
		{"a long excursion back", series(5000, 40, 0, 20, 5006, 40), mkv, 2, 9.9},
	} {
		l := newTimeline(c.frames, c.clock, 0)
		n := len(c.frames) - 1
		if length := l.played[n] - l.played[0]; l.outliers != 0 || l.restarts != c.restarts || math.Abs(length-c.length) > 0.001 {
			t.Errorf("%s: %d outliers, %d restarts, %v s long, want %d and %v s", c.name, l.outliers, l.restarts, length, c.restarts, c.length)
		}
	}
}

// Whatever the timestamps are, the time on a player's clock never goes back by more than
// packets may, and is bounded by the number of frames.
func TestTimelineIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		frames := make([]moment, 1+rng.IntN(60))
		at := 0.
		for i := range frames {
			at += 0.1
			switch rng.IntN(6) {
			case 0:
				at += math.Exp(rng.Float64() * 20)
			case 1:
				at -= math.Exp(rng.Float64() * 20)
			}
			frames[i] = moment{at, rng.Float64() * 100}
		}
		clock := (&Info{Container: []string{"mpegts", "matroska,webm"}[rng.IntN(2)], FrameRate: 10}).clock()
		l := newTimeline(frames, clock, 0)
		n := float64(len(frames))
		for i := 1; i < len(frames); i++ {
			if d := l.played[i] - l.played[i-1]; d < -back-1e-6 {
				t.Fatalf("%v: goes back by %v s", frames, -d)
			}
		}
		if length := slices.Max(l.played) - l.played[0]; length > maxHolds+(jump+maxEach)*n {
			t.Fatalf("%d frames take %v s: %v", len(frames), length, frames)
		}
	}
}
