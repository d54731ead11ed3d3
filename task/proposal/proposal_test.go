package proposal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// film returns a sequence of n frames at a rate: noise around a mean, to which each segment
// adds a constant pattern.
func film(id string, rng *rand.Rand, n, width int, rate float64, segments []video.Span) *feature.Sequence {
	q := &feature.Sequence{ID: id, Width: width, Features: make([]float32, n*width), Timestamps: make([]float64, n)}
	q.Provenance.Backbone, q.Provenance.Sampling = "made up", fmt.Sprintf("fps=%v", rate)
	for i := range n {
		q.Timestamps[i] = float64(i) / rate
		inside := 0.0
		for _, s := range segments {
			if s.Start <= q.Timestamps[i] && q.Timestamps[i] < s.End {
				inside = 1
			}
		}
		for j := range width {
			q.Features[i*width+j] = float32(math.Sin(float64(3*j)) + 0.3*rng.NormFloat64() + inside*math.Cos(float64(5*j)))
		}
	}
	return q
}

// acts returns segments of 1 to 8 s with pauses between them.
func acts(rng *rand.Rand, seconds float64) []video.Span {
	var out []video.Span
	for at := 4 * rng.Float64(); ; {
		s := video.Span{Start: at, End: at + math.Exp(rng.Float64()*math.Log(8))}
		if s.End > seconds {
			return out
		}
		out = append(out, s)
		at = s.End + 1 + 4*rng.Float64()
	}
}

// films stores n videos of 10 to 30 s and returns them as examples.
func films(t *testing.T, store *feature.Store, name string, n, width int, seed uint64) []Example {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []Example
	for i := range n {
		seconds := 10 + 20*rng.Float64()
		e := Example{ID: fmt.Sprintf("%s/%d.mp4", name, i)}
		if i != 0 { // in one nothing happens
			e.Segments = acts(rng, seconds)
		}
		if err := store.Put(film(e.ID, rng, int(seconds*8), width, 8, e.Segments)); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func newStore(t *testing.T) *feature.Store {
	t.Helper()
	s, err := feature.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// learnable is a detector that learns artificial videos quickly.
func learnable() (Config, train.Config) {
	c := DefaultConfig()
	c.Width, c.Levels, c.Window, c.Frames, c.Overlap, c.Batch = 32, 5, 16, 128, 32, 4
	c.Heads = 2
	t := DefaultTrainConfig()
	t.Steps, t.LearningRate, t.Warmup, t.EvalEvery = 150, 3e-3, 5, 75
	return c, t
}

// After a short training, a detector needs fewer proposals than evenly spaced windows.
func TestLearnedProposalsBeatSlidingWindows(t *testing.T) {
	store := newStore(t)
	learn, test := films(t, store, "learn", 24, 12, 1), films(t, store, "test", 10, 12, 2)
	c, tc := learnable()
	cache := feature.NewCache(store, 0)
	d, _, err := Train(context.Background(), c, tc, Run{Run: train.Run{Dir: t.TempDir(), Log: quiet()}, Features: cache, Train: learn, Val: test[:4]})
	if err != nil {
		t.Fatal(err)
	}
	ns := []int{5, 10}
	var found [][]Proposal
	even := map[int][][]Proposal{}
	for _, e := range test {
		q, err := cache.Get(e.ID)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Propose(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(p, func(a, b Proposal) int { return int(math.Copysign(1, b.Score-a.Score)) }) {
			t.Errorf("%s: proposals do not come by falling score", e.ID)
		}
		found = append(found, p)
		for _, n := range ns {
			even[n] = append(even[n], SlidingWindows(video.Span{Start: 0, End: q.Timestamps[q.Len()-1]}, SegmentLengths(learn, 5), n))
		}
	}
	got := averageRecall(t, test, found, ActivityNetThresholds, ns)
	for i, n := range ns {
		base := averageRecall(t, test, even[n], ActivityNetThresholds, []int{n})[0]
		t.Logf("average recall at %d: %.3f, of sliding windows %.3f", n, got[i], base)
		if got[i] < 2*base || got[i] < 0.5 {
			t.Errorf("average recall at %d is %.3f, of sliding windows %.3f", n, got[i], base)
		}
	}
	// Dividing a video into many windows does not lower the recall.
	long := Example{ID: "long.mp4", Segments: acts(rand.New(rand.NewPCG(3, 1)), 300)}
	p := propose(t, d, film(long.ID, rand.New(rand.NewPCG(4, 1)), 300*8, 12, 8, long.Segments))
	if r := averageRecall(t, []Example{long}, [][]Proposal{p}, ActivityNetThresholds, []int{2 * len(long.Segments)})[0]; r < 0.9*got[1] {
		t.Errorf("average recall of %d segments in five minutes is %.3f, in short videos %.3f", len(long.Segments), r, got[1])
	}
	// Segments outside all actions have lower scores.
	if none := found[0]; len(none) > 0 && none[0].Score > 0.8*found[1][0].Score {
		t.Errorf("where nothing happens it finds %v; where something does, %v", none[0], found[1][0])
	}
}

// Before the first step, the input norm standardizes the channels of the training features, and
// half of the projection returns only differences between frames.
func TestFirstLayersFitTheFeatures(t *testing.T) {
	const width = 6
	store := newStore(t)
	learn := films(t, store, "learn", 8, width, 1)
	l, err := newLearner(small(), DefaultTrainConfig(), Run{Features: feature.NewCache(store, 0), Train: learn})
	if err != nil {
		t.Fatal(err)
	}
	d, c := l.detector, l.detector.config
	mean, squares, n := make([]float64, width), make([]float64, width), 0.0
	changing := 0.0 // the squares of the projection's first half
	for _, e := range learn {
		f, err := l.frames(e)
		if err != nil {
			t.Fatal(err)
		}
		mark := d.device.Mark()
		x, normed, y := d.device.Temp(f.Len(), width), d.device.Temp(f.Len(), width), d.device.Temp(f.Len(), c.Width)
		d.device.Upload(x, f.Features)
		d.input.Forward(normed, x)
		d.project.Forward(y, normed, nn.NewTaps([]compute.Range{{From: 0, To: f.Len()}}, 1))
		values, projected := make([]float32, f.Len()*width), make([]float32, f.Len()*c.Width)
		d.device.Download(values, normed)
		d.device.Download(projected, y)
		for i, v := range values {
			mean[i%width] += float64(v)
			squares[i%width] += float64(v * v)
		}
		for i, v := range projected {
			if i%c.Width < c.Width/2 {
				changing += float64(v * v)
			}
		}
		n += float64(f.Len())

		// A video without any change.
		for i := range f.Len() {
			copy(values[i*width:], f.Row(0))
		}
		d.device.Upload(x, values)
		d.input.Forward(normed, x)
		d.project.Forward(y, normed, nn.NewTaps([]compute.Range{{From: 0, To: f.Len()}}, 1))
		d.device.Download(projected, y)
		for i, v := range projected {
			if i%c.Width < c.Width/2 && math.Abs(float64(v)) > 1e-4 {
				t.Fatalf("channel %d is %v where nothing changes", i%c.Width, v)
			}
		}
		d.device.Release(mark)
	}
	for j := range width {
		if math.Abs(mean[j]/n) > 0.05 || math.Abs(squares[j]/n-1) > 0.05 {
			t.Errorf("channel %d has mean %v and mean square %v", j, mean[j]/n, squares[j]/n)
		}
	}
	if variance := changing / n / float64(c.Width/2); variance < 0.3 || variance > 3 {
		t.Errorf("what changes has variance %v", variance)
	}
}

// A run that is interrupted at any step ends bitwise like an uninterrupted one.
func TestResumeIsBitwise(t *testing.T) {
	store := newStore(t)
	learn, val := films(t, store, "learn", 5, 4, 1), films(t, store, "val", 2, 4, 2)
	c := small()
	c.Batch, c.Rate, c.Sampling = 2, 0, ""
	tc := DefaultTrainConfig()
	tc.Steps, tc.EvalEvery, tc.SaveEvery = 6, 3, 2
	run := func(ctx context.Context, dir string, resume bool) error {
		_, _, err := Train(ctx, c, tc, Run{Run: train.Run{Dir: dir, Resume: resume, Log: quiet()}, Features: feature.NewCache(store, 0), Train: learn, Val: val})
		return err
	}
	whole := t.TempDir()
	if err := run(context.Background(), whole, false); err != nil {
		t.Fatal(err)
	}
	for stop := 1; stop < tc.Steps; stop += 2 {
		dir := t.TempDir()
		var interrupted *train.InterruptedError
		if err := run(&endsAfter{Context: context.Background(), calls: stop}, dir, false); !errors.As(err, &interrupted) {
			t.Fatalf("it ended with %v", err)
		}
		if err := run(context.Background(), dir, true); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{train.LastFile, train.BestFile} {
			a, err := os.ReadFile(filepath.Join(whole, name))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if string(a) != string(b) {
				t.Errorf("after a stop at step %d, %s differs", interrupted.Step, name)
			}
		}
	}
}

// endsAfter is a context that is canceled after a number of calls of Err.
type endsAfter struct {
	context.Context
	calls int
}

func (c *endsAfter) Err() error {
	if c.calls--; c.calls < 0 {
		return context.Canceled
	}
	return nil
}

// ready returns a detector with random values, so that all of its outputs vary.
func ready(t *testing.T, c Config, width int) *Detector {
	t.Helper()
	d, err := New(width, c, 7)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	values := d.params.Values()
	for _, p := range d.params.List {
		if strings.Contains(p.Name, ".out.") {
			for i, v := 0, values[p.Name]; i < len(v); i++ {
				v[i] = float32(0.5 * rng.NormFloat64())
			}
		}
	}
	if err := d.params.Set(values); err != nil {
		t.Fatal(err)
	}
	return d
}

func propose(t *testing.T, d *Detector, q *feature.Sequence) []Proposal {
	t.Helper()
	p, err := d.Propose(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Proposals of videos of any length are inside them.
func TestVideosOfAnyLength(t *testing.T) {
	c := small()
	c.MinScore = 0
	d := ready(t, c, 5)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 31, 32, 33, 56, 57, 300, 5000} {
		q := film("a.mp4", rng, n, 5, 8, nil)
		p := propose(t, d, q)
		if len(p) == 0 {
			t.Errorf("%d frames have no proposals", n)
		}
		for _, s := range p {
			if !(s.Start >= 0 && s.Start < s.End && s.End <= float64(n)/8+1e-9 && s.Score >= 0 && s.Score <= 1) {
				t.Errorf("%d frames: %+v", n, s)
			}
		}
	}
}

// A video of several hours has as many proposals for every ten minutes as a short one in total.
func TestLimitsGrowWithTheVideo(t *testing.T) {
	c := small()
	c.MinScore, c.MaxProposals = 0, 7
	d := ready(t, c, 5)
	rng := rand.New(rand.NewPCG(1, 1))
	for seconds, want := range map[int]int{60: 7, 600: 7, 601: 14, 1500: 21} {
		if p := propose(t, d, film("a.mp4", rng, seconds*8, 5, 8, nil)); len(p) != want {
			t.Errorf("%d s have %d proposals instead of %d", seconds, len(p), want)
		}
	}
	if n := MaxPerVideo(math.MaxInt, 1e300); n != math.MaxInt32 {
		t.Errorf("the most there can be is %d", n)
	}
}

// Times are those of the timestamps, also if these start late or are irregular.
func TestTimesAreTheTimestamps(t *testing.T) {
	c := small()
	c.Sigma = 1e6 // soft-NMS goes by seconds, so that it would tell the two apart
	d := ready(t, c, 5)
	rng := rand.New(rand.NewPCG(1, 1))
	q := film("a.mp4", rng, 60, 5, 8, nil)
	want := propose(t, d, q)
	f, err := c.frames(q, 5)
	if err != nil {
		t.Fatal(err)
	}
	warped := *q
	warped.Timestamps = slices.Clone(q.Timestamps)
	for i := range warped.Timestamps {
		warped.Timestamps[i] += 100 // seconds late
		if i >= 20 {
			warped.Timestamps[i] += 3 // and a gap
		}
	}
	g, err := c.frames(&warped, 5)
	if err != nil {
		t.Fatal(err)
	}
	got := propose(t, d, &warped)
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d proposals instead of %d", len(got), len(want))
	}
	places := func(f *frames, p []Proposal) []string {
		var out []string
		for _, s := range p {
			out = append(out, fmt.Sprintf("%.5f %.5f", f.index(s.Start)+1e-9, f.index(s.End)+1e-9))
		}
		slices.Sort(out)
		return out
	}
	if a, b := places(f, want), places(g, got); !slices.Equal(a, b) {
		t.Errorf("other places among the frames:\n%v\n%v", a, b)
	}
	for _, x := range []float64{-2, 0, 0.25, 19, 19.5, 20, 58.5, 59, 61} {
		if back := g.index(g.seconds(x)); math.Abs(back-x) > 1e-9 {
			t.Errorf("place %v comes back as %v", x, back)
		}
	}
}

// Features of another rate are resampled to that of the detector; if that is impossible, the
// error names the video.
func TestOtherRates(t *testing.T) {
	c := small()
	smooth := func(rate float64, n int) *feature.Sequence {
		q := film("a.mp4", rand.New(rand.NewPCG(1, 1)), n, 3, rate, nil)
		for i, s := range q.Timestamps {
			copy(q.Row(i), []float32{float32(s), float32(2 * s), 1})
		}
		return q
	}
	d := ready(t, c, 3)
	want := propose(t, d, smooth(8, 79)) // the last frame at 9.75 s
	for _, rate := range []float64{4, 16, 24} {
		got := propose(t, d, smooth(rate, int(9.75*rate)+1))
		if len(got) != len(want) {
			t.Fatalf("%v frames a second: %d proposals instead of %d", rate, len(got), len(want))
		}
		for i, p := range got {
			if math.Abs(p.Start-want[i].Start) > 1e-3 || math.Abs(p.End-want[i].End) > 1e-3 || math.Abs(p.Score-want[i].Score) > 1e-4 {
				t.Errorf("%v frames a second: %+v instead of %+v", rate, p, want[i])
			}
		}
	}
	for name, q := range map[string]*feature.Sequence{
		"too few frames a second": smooth(1, 50),
		"--fps 8":                 smooth(0.1, 50),
		"width 4":                 film("a.mp4", rand.New(rand.NewPCG(1, 1)), 9, 4, 8, nil),
		"0 frames":                {ID: "a.mp4", Width: 3},
		"order of time":           {ID: "a.mp4", Width: 1, Features: make([]float32, 3), Timestamps: []float64{1, 0, 2}},
		"a year at once":          {ID: "a.mp4", Width: 3, Features: make([]float32, 12), Timestamps: []float64{0, 0.1, 0.2, 3e7}},
	} {
		if p, err := d.Propose(t.Context(), q); err == nil || !strings.Contains(err.Error(), "a.mp4") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// A detector is read from a model file as it was written; other tensors do not matter.
func TestTensorsThereAndBack(t *testing.T) {
	c := small()
	d := ready(t, c, 5)
	named := d.Tensors()
	for name := range named {
		if !strings.HasPrefix(name, tensorPrefix) {
			t.Errorf("tensor %q does not begin with %q", name, tensorPrefix)
		}
	}
	named["other"] = named[scaleName]
	e, err := From(5, c, named)
	if err != nil {
		t.Fatal(err)
	}
	q := film("a.mp4", rand.New(rand.NewPCG(1, 1)), 60, 5, 8, nil)
	if got, want := fmt.Sprint(propose(t, e, q)), fmt.Sprint(propose(t, d, q)); got != want {
		t.Errorf("it proposes %s instead of %s", got, want)
	}
	for name, change := range map[string]func(*Config){
		"more levels":   func(c *Config) { c.Levels++ },
		"wider":         func(c *Config) { c.Width *= 2 },
		"no rate":       func(c *Config) { c.Rate = 0 },
		"endless":       func(c *Config) { c.Frames = 1 << 40 },
		"uneven heads":  func(c *Config) { c.Heads = 3 },
		"no attention":  func(c *Config) { c.Window = 0 },
		"not a number":  func(c *Config) { c.Sigma = math.NaN() },
		"more overlap":  func(c *Config) { c.Overlap = 17 },
		"less than one": func(c *Config) { c.MaxProposals = 0 },
	} {
		bad := c
		change(&bad)
		if _, err := From(5, bad, named); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	delete(named, scaleName)
	if _, err := From(5, c, named); err == nil || !strings.Contains(err.Error(), scaleName) {
		t.Errorf("without %s: %v", scaleName, err)
	}
}

// Several goroutines can use a detector.
func TestSharedDetector(t *testing.T) {
	d := ready(t, small(), 5)
	var want, got [4]string
	var wait sync.WaitGroup
	for i := range want {
		q := film("a.mp4", rand.New(rand.NewPCG(uint64(i), 1)), 40+20*i, 5, 8, nil)
		want[i] = fmt.Sprint(propose(t, d, q))
		wait.Go(func() {
			p, err := d.Propose(t.Context(), q)
			got[i] = fmt.Sprint(p)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got != want {
		t.Errorf("together they find %v instead of %v", got, want)
	}
}

// Videos without segments are background.
func TestNothingHappens(t *testing.T) {
	store := newStore(t)
	var learn []Example
	for _, e := range films(t, store, "learn", 4, 4, 1) {
		learn = append(learn, Example{ID: e.ID})
	}
	tc := DefaultTrainConfig()
	tc.Steps = 40
	d, r, err := Train(context.Background(), small(), tc, Run{Run: train.Run{Dir: t.TempDir(), Log: quiet()}, Features: feature.NewCache(store, 0), Train: learn, Val: learn[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if r.Metrics["ar@5"] != 0.0 {
		t.Errorf("of no segments it finds %v", r.Metrics)
	}
	q, err := store.Get(learn[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if p := propose(t, d, q); len(p) > 0 && p[0].Score > 0.1 {
		t.Errorf("it finds %v", p[0])
	}
}

// Invalid training data is an error that names it, before training starts.
func TestBadTrainingData(t *testing.T) {
	store := newStore(t)
	good := films(t, store, "learn", 3, 4, 1)
	if err := store.Put(film("slow.mp4", rand.New(rand.NewPCG(1, 1)), 50, 4, 1, nil)); err != nil {
		t.Fatal(err)
	}
	c := small()
	for want, examples := range map[string][]Example{
		"no video":                      nil,
		"missing.mp4":                   append(good[:3:3], Example{ID: "missing.mp4"}),
		"slow.mp4":                      append(good[:3:3], Example{ID: "slow.mp4"}),
		"does not end after it starts":  {{ID: good[0].ID, Segments: []video.Span{{Start: 3, End: 2}}}},
		good[1].ID + ": a segment from": {good[0], {ID: good[1].ID, Segments: []video.Span{{Start: math.NaN(), End: 2}}}},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		_, _, err := Train(context.Background(), c, DefaultTrainConfig(), Run{Run: train.Run{Dir: dir, Log: quiet()}, Features: feature.NewCache(store, 0), Train: examples})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: it began a run", want)
		}
	}
}
