package suite

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/bpe"
)

func tiny(t *testing.T, o clip.Options) *clip.Model {
	t.Helper()
	w, err := RandomWeights("tiny", clip.ImageTower|clip.TextTower)
	if err != nil {
		t.Fatal(err)
	}
	m, err := clip.New(w, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Every benchmark runs and reports plausible results.
func TestWorks(t *testing.T) {
	b, m, ctx := New(time.Millisecond, 2), tiny(t, clip.Options{}), t.Context()
	low := tiny(t, clip.Options{Precision: "int8"})
	one := func(r Result, err error) ([]Result, error) { return []Result{r}, err }
	for name, run := range map[string]func() ([]Result, error){
		"image":      func() ([]Result, error) { return one(b.Image(ctx, m, 3)) },
		"image int8": func() ([]Result, error) { return one(b.Image(ctx, low, 3)) },
		"text":       func() ([]Result, error) { return one(b.Text(ctx, m, 5)) },
		"train":      func() ([]Result, error) { return one(b.Train(ctx, m)) },
		"search":     func() ([]Result, error) { return one(b.Search(ctx, 1000)) },
		"gemm":       func() ([]Result, error) { return b.Products(ctx, m.Config(), 2, "float32") },
		"gemm int8":  func() ([]Result, error) { return b.Products(ctx, m.Config(), 2, "int8") },
	} {
		results, err := run()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, r := range results {
			if r.Work == "" || r.Case == "" || r.Unit == "" || r.Items < 1 || r.Runs < minRuns {
				t.Errorf("%s: %+v", name, r)
			}
			for _, v := range []float64{r.Seconds, r.Fastest, r.Slowest, r.PerSecond, r.GFLOPS, r.PeakGFLOPS, r.PeakShare} {
				if !(v > 0) || math.IsInf(v, 0) {
					t.Errorf("%s: %+v", name, r)
				}
			}
			if r.Fastest > r.Seconds || r.Seconds > r.Slowest {
				t.Errorf("%s: the median is not between the extremes: %+v", name, r)
			}
		}
	}
}

// A canceled measurement ends with the error of its context.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(time.Hour, 1).Search(ctx, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Invalid settings are errors.
func TestWrong(t *testing.T) {
	if _, err := RandomWeights("ViT-B/15", clip.ImageTower); err == nil {
		t.Error("a size that does not exist was taken")
	}
	b := New(time.Millisecond, 1)
	if _, err := b.Train(t.Context(), tiny(t, clip.Options{Precision: "int8"})); err == nil {
		t.Error("a training step in 8 bits was measured")
	}
	m := tiny(t, clip.Options{Towers: clip.ImageTower})
	for _, f := range []func() error{
		func() error { _, err := b.Text(t.Context(), m, 1); return err },
		func() error { _, err := b.Train(t.Context(), m); return err },
	} {
		if err := f(); !errors.Is(err, clip.ErrNoTower) {
			t.Errorf("error %v without the text tower", err)
		}
	}
}

// In a model with random weights for one tower, the other tower is as small as possible.
func TestRandomWeights(t *testing.T) {
	full, err := Size("ViT-B/32")
	if err != nil {
		t.Fatal(err)
	}
	w, err := RandomWeights("ViT-B/32", clip.ImageTower)
	if err != nil {
		t.Fatal(err)
	}
	m, err := clip.New(w, clip.Options{Towers: clip.ImageTower})
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	if got, want := imageFlops(c, 4), imageFlops(full, 4); got != want || c.Embed != full.Embed || c.Vocab == full.Vocab {
		t.Errorf("%+v", c)
	}
}

// The artificial names have one, two and three tokens alternately, and no name repeats.
func TestNames(t *testing.T) {
	tok, err := bpe.New(bpe.FullVocabulary)
	if err != nil {
		t.Fatal(err)
	}
	names := classNames(stepClasses)
	for i, n := range names {
		if got := len(tok.Encode(n)); got != 1+i%3 {
			t.Errorf("%q has %d tokens", n, got)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != stepClasses {
		t.Error("a name is there twice")
	}
}

// Training steps memorize the random targets.
func TestStepLearns(t *testing.T) {
	s, err := NewStep(tiny(t, clip.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	run := func() float64 {
		loss, err := s.Run()
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	first, last := run(), 0.0
	for range 20 {
		last = run()
	}
	if !(last < first) {
		t.Errorf("the loss went from %v to %v", first, last)
	}
}

func TestBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		scores := make([]float32, rng.IntN(50))
		places := make([]int, len(scores))
		for i := range scores {
			scores[i], places[i] = float32(rng.IntN(8)), i
		}
		slices.SortStableFunc(places, func(i, j int) int { return int(scores[j] - scores[i]) })
		if got, want := best(scores, 10), places[:min(10, len(places))]; !slices.Equal(got, want) {
			t.Fatalf("the best of %v are at %v, not %v", scores, want, got)
		}
	}
}

// The counts match those of the literature where both count the same: 2·12·D² and the attention
// for each token of each block.
func TestFlops(t *testing.T) {
	c, err := Size("ViT-B/16")
	if err != nil {
		t.Fatal(err)
	}
	// 17.6 GMAC per image, minus the share that the last block saves, about 1/12 · 10/12.
	if got := imageFlops(c, 1) / 2e9; got < 16 || got > 16.6 {
		t.Errorf("%.2f thousand million multiply-adds a picture", got)
	}
	if got, want := imageFlops(c, 8), 8*imageFlops(c, 1); math.Abs(got/want-1) > 1e-12 {
		t.Errorf("8 pictures take %v, one %v", got, want/8)
	}
	// Apple states 2.4 and 7.8 GMAC for S0 and S2, where 27 channels of windows count once, too.
	for name, want := range map[string]float64{"S0": 2.4, "S2": 7.8} {
		if got := imageFlops(mobile(name), 1) / 2e9; math.Abs(got-want) > 0.1 {
			t.Errorf("%s: %.2f thousand million multiply-adds an image instead of %v", name, got, want)
		}
	}
	// An attention pool computes all rows of the last block, a gated MLP has three products, and a
	// text tower that is not causal computes the whole context.
	large := c
	large.Vision.Pool, large.Vision.PoolHeads, large.Vision.Gated, large.VisionMLP = "attention", 12, true, 2048
	if got := imageFlops(large, 1) / 2e9; got < 17 || got > 18.5 {
		t.Errorf("%.2f thousand million multiply-adds an image", got)
	}
	both := c
	both.Text.Bidirectional = true
	short, _ := textFlops(both, 1, []int{5})
	long, _ := textFlops(both, 1, []int{60})
	causal, _ := textFlops(c, 1, []int{76})
	if short != long || short != causal {
		t.Errorf("%v and %v operations for texts of the same padded length, %v for a causal one", short, long, causal)
	}
	// A sequence that shares rows with another costs less. For a single sequence, the number of
	// shared rows does not matter.
	products, attention := textFlops(c, 17, []int{20})
	whole, all := textFlops(c, 0, []int{37})
	if products != whole || attention != all {
		t.Errorf("%v and %v instead of %v and %v", products, attention, whole, all)
	}
}

// mobile returns the sizes of the image tower of a MobileCLIP2.
func mobile(name string) clip.Config {
	widths, blocks := []int{64, 128, 256, 512}, []int{2, 6, 10, 2}
	if name == "S2" {
		widths, blocks = []int{80, 160, 320, 640}, []int{4, 12, 24, 4}
	}
	c := clip.Config{Embed: 512, ImageSize: 256}
	for i, w := range widths {
		c.Trunk.Stages[i] = clip.Stage{Blocks: blocks[i], Width: w, MLP: 3 * w, Down: i > 0, Position: i == 3, Attention: i == 3}
	}
	c.Trunk.Final, c.Trunk.Squeeze = 2*widths[3], widths[3]/8
	return c
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 2}, 2}} {
		if got := Median(c.x); got != c.want {
			t.Errorf("median of %v: %v", c.x, got)
		}
	}
}

func TestThis(t *testing.T) {
	m, err := This(0)
	if err != nil || m.CPU == "" || m.Backend == "" || m.Threads < 1 {
		t.Errorf("%+v, %v", m, err)
	}
}
