package library

import (
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

func sequence(zero float64, times ...float64) *feature.Sequence {
	return &feature.Sequence{ID: "v", Width: 1, Features: make([]float32, len(times)), Timestamps: times, Provenance: feature.Provenance{StartTime: zero}}
}

func TestWindows(t *testing.T) {
	every := func(step, until float64) (times []float64) {
		for x := 0.; x < until; x += step {
			times = append(times, x)
		}
		return times
	}
	for name, c := range map[string]struct {
		q           *feature.Sequence
		window, hop float64
		want        []video.Span
	}{
		"as long as a window":      {sequence(0, every(0.5, 4)...), 4, 2, []video.Span{{Start: 0, End: 4}}},
		"shorter":                  {sequence(0, every(0.5, 1.5)...), 4, 2, []video.Span{{Start: 0, End: 1.5}}},
		"a little longer":          {sequence(0, every(0.5, 5)...), 4, 2, []video.Span{{Start: 0, End: 4}, {Start: 2, End: 5}}},
		"several":                  {sequence(0, every(0.5, 8)...), 4, 2, []video.Span{{Start: 0, End: 4}, {Start: 2, End: 6}, {Start: 4, End: 8}}},
		"no overlap":               {sequence(0, every(0.5, 8)...), 4, 4, []video.Span{{Start: 0, End: 4}, {Start: 4, End: 8}}},
		"a clock that starts at 9": {sequence(9, 9, 9.5, 10, 10.5), 1, 1, []video.Span{{Start: 0, End: 1}, {Start: 1, End: 2}}},
		"nothing in between":       {sequence(0, 0, 1, 1e6, 1e6+1), 2, 1, []video.Span{{Start: 0, End: 2}, {Start: 1, End: 3}, {Start: 999999, End: 1000001}, {Start: 1000000, End: 1000002}, {Start: 1000001, End: 1000003}}},
		"begins late":              {sequence(0, 7.1, 7.6, 8.1, 8.6), 2, 1, []video.Span{{Start: 7, End: 9}, {Start: 8, End: 9.1}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := windows(c.q, c.window, c.hop)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i, s := range got {
				if math.Abs(s.Start-c.want[i].Start)+math.Abs(s.End-c.want[i].End) > 1e-6 {
					t.Errorf("%v, want %v", got, c.want)
				}
			}
		})
	}
	for want, times := range map[float64][]float64{4: {0, 0, 0, 0, 0, 0, 0, 0, 0}, 2.5: {0, 0.3, 0.5, 0.5, 0.5, 0.5}} {
		q := sequence(0, times...)
		q.Provenance.Sampling = "fps=2"
		if got, err := windows(q, 4, 2); err != nil || len(got) != 1 || got[0].End != want {
			t.Errorf("a last frame that repeats, %v: %v %v", times, got, err)
		}
	}
	q := sequence(0, 0, 1, 2)
	q.Provenance.Duration = 2.4
	if got, err := windows(q, 4, 2); err != nil || len(got) != 1 || got[0].End != 2.4 {
		t.Errorf("a video that declares 2.4 s: %v %v", got, err)
	}
	if _, err := windows(sequence(0, 0, 1e300), 4, 2); err == nil {
		t.Error("a video of 1e300 s has windows")
	}
}

// Every frame from 0:00 on is in a window, every window has a frame, and windows
// stand in order, none twice.
func TestWindowsCoverTheVideo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zero := rapid.Float64Range(-10, 10).Draw(t, "zero")
		at := zero
		var times []float64
		for range rapid.IntRange(1, 40).Draw(t, "frames") {
			times = append(times, at)
			at += rapid.SampledFrom([]float64{0.04, 0.5, 0.5, 1, 3, 1000}).Draw(t, "step")
		}
		window := rapid.Float64Range(0.1, 10).Draw(t, "window")
		hop := rapid.Float64Range(0.1, window).Draw(t, "hop")
		q := sequence(zero, times...)
		spans, err := windows(q, window, hop)
		if err != nil {
			t.Fatal(err)
		}
		covered := map[int]bool{}
		for i, s := range spans {
			if i > 0 && s.Start <= spans[i-1].Start || s.End <= s.Start || s.End-s.Start > window+1e-6 {
				t.Fatalf("%v after %v", s, spans[:i])
			}
			inside := 0
			for j, x := range times {
				if x-zero >= s.Start-1e-5 && x-zero < s.End+1e-5 {
					covered[j] = true
					inside++
				}
			}
			if inside == 0 {
				t.Fatalf("no frame lies in %v of %v", s, times)
			}
		}
		if len(covered) != len(times) {
			t.Fatalf("%d of %d frames lie in %v", len(covered), len(times), spans)
		}
	})
}

// A moment's thumbnail is of its middle, and never of another moment.
func TestThumbnails(t *testing.T) {
	for _, c := range []struct{ window, hop float64 }{{4, 2}, {10, 10}, {3, 2}, {10, 4}, {0.7, 0.1}} {
		var times []float64
		for i := range 47 {
			times = append(times, 5+float64(i)/2)
		}
		q := sequence(5, times...)
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := root.Mkdir(thumbnailsFolder, 0o777); err != nil {
			t.Fatal(err)
		}
		f := &films{root: root, window: c.window, hop: c.hop, by: map[string]*film{}}
		for _, at := range times {
			if err := f.watch(q, video.Frame{Width: 1, Height: 1, Pix: make([]byte, 3), Time: at}); err != nil {
				t.Fatal(err)
			}
		}
		spans, err := windows(q, c.window, c.hop)
		if err != nil {
			t.Fatal(err)
		}
		one := f.take(q.ID)
		for _, s := range spans {
			at, middle := one.times[one.number(s)], (s.Start+s.End)/2
			if at < s.Start-slack || at >= s.End || s.End-s.Start == c.window && math.Abs(at-middle) > 0.5 {
				t.Errorf("%+v: the thumbnail of %v is of %v", c, s, at)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	m := func(of int64, start, end, score float64) candidate {
		return candidate{Result: Result{Span: video.Span{Start: start, End: end}, Score: score, Best: start}, video: of}
	}
	type part struct{ start, end, score float64 }
	for name, c := range map[string]struct {
		moments []candidate
		top     int
		want    []part
	}{
		"apart":                  {[]candidate{m(1, 0, 4, 0.9), m(1, 6, 10, 0.8)}, 5, []part{{0, 4, 0.9}, {6, 10, 0.8}}},
		"other videos":           {[]candidate{m(1, 0, 4, 0.9), m(2, 2, 6, 0.8)}, 5, []part{{0, 4, 0.9}, {2, 6, 0.8}}},
		"overlapping":            {[]candidate{m(1, 2, 6, 0.9), m(1, 0, 4, 0.8), m(1, 4, 8, 0.7)}, 5, []part{{0, 8, 0.9}}},
		"touching":               {[]candidate{m(1, 0, 4, 0.9), m(1, 4, 8, 0.8)}, 5, []part{{0, 8, 0.9}}},
		"weak beside it":         {[]candidate{m(1, 0, 4, 0.9), m(1, 2, 6, 0.1)}, 5, []part{{0, 4, 0.9}}},
		"weak elsewhere":         {[]candidate{m(1, 0, 4, 0.9), m(1, 8, 12, 0.1)}, 5, []part{{0, 4, 0.9}, {8, 12, 0.1}}},
		"joined by the third":    {[]candidate{m(1, 0, 4, 0.9), m(1, 6, 10, 0.8), m(1, 4, 6, 0.7)}, 5, []part{{0, 10, 0.9}}},
		"weak beside one of two": {[]candidate{m(1, 0, 4, 0.9), m(1, 6, 10, 0.8), m(1, 4, 8, 0.42), m(1, 2, 6, 0.41)}, 5, []part{{0, 4, 0.9}, {6, 10, 0.8}}},
		"no more than wanted":    {[]candidate{m(1, 0, 4, 0.9), m(2, 0, 4, 0.8), m(3, 0, 4, 0.7)}, 2, []part{{0, 4, 0.9}, {0, 4, 0.8}}},
		"nothing":                {nil, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := merge(c.moments, c.top)
			if len(got) != len(c.want) {
				t.Fatalf("%+v", got)
			}
			for i, r := range got {
				if (part{r.Start, r.End, r.Score}) != c.want[i] {
					t.Errorf("%+v, want %+v", r, c.want[i])
				}
			}
		})
	}
}

func TestFormatTime(t *testing.T) {
	for seconds, want := range map[float64]string{0: "00:00", 59.9: "00:59", 61: "01:01", 3599: "59:59", 3600: "1:00:00", 36061: "10:01:01", -1: "00:00"} {
		if got := FormatTime(seconds); got != want {
			t.Errorf("%g s is %s, want %s", seconds, got, want)
		}
	}
}

// A probability is that of a softmax over the sentence and the background.
func TestProbability(t *testing.T) {
	b := &background{embeddings: []float32{1, 0, 0, 1, 0.6, 0.8}, width: 2, temperature: 0.1}
	v := []float32{0.8, 0.6}
	sum, own := 0., 0.7
	for _, c := range []float64{0.8, 0.6, 0.96} {
		sum += math.Exp(c / 0.1)
	}
	want := math.Exp(own/0.1) / (math.Exp(own/0.1) + sum)
	if got := probability(0.1, own, b.log(v)); math.Abs(got-want) > 1e-6 {
		t.Errorf("%g, want %g", got, want)
	}
	b.temperature = 1e-4 // no exponential overflows
	if got := probability(1e-4, 1, b.log(v)); got < 0.999 {
		t.Errorf("%g", got)
	}
}

// The captions that come with the program are as many as its documents say, and
// each is there once.
func TestCaptions(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range DefaultCaptions() {
		if c == "" || seen[c] {
			t.Errorf("%q is empty or there twice", c)
		}
		seen[c] = true
	}
	if len(seen) != 283 {
		t.Errorf("%d captions", len(seen))
	}
}
