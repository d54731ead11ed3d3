package retrieval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

func backbone(t testing.TB) *clip.Model {
	c := clip.Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 32, VisionLayers: 1, VisionHeads: 1,
		Context: 24, Vocab: 700, TextWidth: 32, TextLayers: 2, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5}
	m, err := clip.New(clip.RandomWeights(c, 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var (
	things = []string{"star", "ring", "cross"}
	doings = []string{"moves left", "moves right"}
)

// world writes a store and captions of artificial videos, in which only the order of frames
// shows the motion. Every video has two captions.
func world(t testing.TB, m *clip.Model, each int) (store, data string) {
	dir := t.TempDir()
	s, err := feature.Create(filepath.Join(dir, "features"))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	e := m.Config().Embed
	rows := "video,caption,split\n"
	for i, thing := range things {
		for j, doing := range doings {
			for k := range each {
				id := fmt.Sprintf("%s/%s/%d.mp4", thing, doing, k)
				q := &feature.Sequence{ID: id, Width: e, Provenance: feature.Provenance{Backbone: m.Fingerprint(), Sampling: "fps=8"}}
				n := 10 + rng.IntN(12)
				for f := range n {
					q.Timestamps = append(q.Timestamps, float64(f)/8)
					for d := range e {
						v := 0.3 * rng.NormFloat64()
						if d == i {
							v += 1.5
						}
						if d == 8 {
							v += float64(1-2*j) * 3 * (float64(f)/float64(n-1) - 0.5)
						}
						q.Features = append(q.Features, float32(v))
					}
				}
				if err := s.Put(q); err != nil {
					t.Fatal(err)
				}
				split := map[bool]string{true: "test", false: "train"}[k == 0]
				rows += fmt.Sprintf("%[1]s,a %[2]s %[3]s,%[4]s\n%[1]s,there a %[2]s %[3]s,%[4]s\n", id, thing, doing, split)
			}
		}
	}
	data = filepath.Join(dir, "captions.csv")
	write(t, data, rows)
	return s.Dir(), data
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func settings() Config {
	c, err := Preset(adapter.PresetPaper)
	if err != nil {
		panic(err)
	}
	c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.Frames = 2, 2, 8
	c.Batch, c.Train.Steps, c.Train.LearningRate = 6, 12, 3e-3
	c.Train.EvalEvery, c.Train.SaveEvery = 4, 3
	return c
}

// everything returns settings with all options beyond the paper.
func everything() Config {
	c := settings()
	c.Adapter.Residual, c.Adapter.LearnTemperature = true, true
	c.VideoAnchor, c.TemporalDrop, c.Train.EMADecay = 0.1, 0.3, 0.9
	return c
}

// open prepares a run over artificial data.
func open(t testing.TB, m *clip.Model, store, path string) (*Source, Run) {
	t.Helper()
	o, err := Data{Path: path, Features: store, TestShare: 0.2}.Open(feature.BackboneOf(m))
	if err != nil {
		t.Fatal(err)
	}
	r := Run{Run: train.Run{Dir: filepath.Join(t.TempDir(), "run"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, Backbone: m, BackbonePath: "backbone.pt"}
	if r.Sets, err = o.Sets(); err != nil {
		t.Fatal(err)
	}
	return o, r
}

// Captions that differ only in the motion are distinguished with a temporal Transformer, and
// not without one.
func TestLearnsWhatOnlyTimeTells(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 24)
	_, r := open(t, m, store, path)
	for name, tt := range map[string]struct {
		change      func(*Config)
		least, most float64
	}{
		"paper":          {func(*Config) {}, 0.9, 1},
		"default":        {func(c *Config) { c.Adapter.Residual, c.VideoAnchor = true, 0.1 }, 0.9, 1},
		"temperature":    {func(c *Config) { c.Adapter.LearnTemperature = true }, 0.9, 1},
		"without layers": {func(c *Config) { c.Adapter.TemporalLayers = 0 }, 0, 0.75},
	} {
		t.Run(name, func(t *testing.T) {
			r, c := r, settings()
			r.Dir = filepath.Join(t.TempDir(), "run")
			c.Train.Steps, c.Train.EvalEvery, c.Train.SaveEvery = 300, 300, 300
			tt.change(&c)
			res, err := Train(context.Background(), c, r)
			if err != nil {
				t.Fatal(err)
			}
			if r1 := res.Metrics["t2v_r1"].(float64); r1 < tt.least || r1 > tt.most {
				t.Errorf("R@1 is %v among videos of which pairs differ in the order of time; it should be within %v and %v", r1, tt.least, tt.most)
			}
			if c.Adapter.LearnTemperature == (res.Metrics["temperature"] == c.Adapter.Temperature) {
				t.Errorf("temperature %v", res.Metrics["temperature"])
			}
		})
	}
}

// stopAt cancels or kills a run at a step.
type stopAt struct {
	*learner
	step   int
	cancel context.CancelFunc // nil to die
}

func (s stopAt) Step(step int) (float64, error) {
	if step == s.step {
		if s.cancel == nil {
			return 0, errors.New("killed")
		}
		s.cancel()
	}
	return s.learner.Step(step)
}

// A run that is interrupted at any step, or killed after any, ends bitwise like an
// uninterrupted one.
func TestResumeIsBitwiseTheSame(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 3)
	_, r := open(t, m, store, path)
	for name, c := range map[string]Config{"paper": settings(), "everything": everything()} {
		t.Run(name, func(t *testing.T) {
			r := r
			r.Dir = filepath.Join(t.TempDir(), "whole")
			if _, err := Train(context.Background(), c, r); err != nil {
				t.Fatal(err)
			}
			whole := r.Dir
			if err := c.check(); err != nil {
				t.Fatal(err)
			}
			for step := range c.Train.Steps {
				r.Dir = filepath.Join(t.TempDir(), "run")
				l, err := newLearner(m, c, r.Train, r.Test)
				if err != nil {
					t.Fatal(err)
				}
				l.backbone = r.BackbonePath
				ctx, cancel := context.WithCancel(context.Background())
				task := stopAt{l, step, cancel}
				if step%2 == 1 {
					task.cancel = nil
				}
				done := c
				done.Adapter = l.adapter.Config()
				if _, err := loop.Run(ctx, r.Run, r.config(done), c.Train, task); err == nil {
					t.Fatalf("step %d: the run was not stopped", step)
				}
				cancel()
				r := r
				r.Resume = true
				if _, err := Train(context.Background(), c, r); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				for _, file := range []string{train.LastFile, train.BestFile} {
					got, err := os.ReadFile(filepath.Join(r.Dir, file))
					if err != nil {
						t.Fatal(err)
					}
					want, err := os.ReadFile(filepath.Join(whole, file))
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want) {
						t.Errorf("stopped at step %d, %s differs from an uninterrupted run's", step, file)
					}
				}
			}
		})
	}
}

// trained returns the retriever of a short run.
func trained(t testing.TB, m *clip.Model, c Config, r Run) (*adapter.File, *Retriever, train.Result) {
	t.Helper()
	res, err := Train(context.Background(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := adapter.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	x, err := New(f, m)
	if err != nil {
		t.Fatal(err)
	}
	return f, x, res
}

// A model file gives the results of the training; its embeddings have unit length and their own
// fingerprint.
func TestRetriever(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 3)
	_, r := open(t, m, store, path)
	f, x, res := trained(t, m, everything(), r)
	got, err := x.Evaluate(context.Background(), r.Test, Evaluation{DualSoftmax: true, QueryBank: []string{"a star", "a ring moves"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows[0].TextToVideo.R1 != res.Metrics["t2v_r1"].(float64) || got.Videos != 6 || got.Captions != 12 || got.Missing+got.Truncated != 0 {
		t.Errorf("%+v from the model file, %v in training", got, res.Metrics)
	}
	if len(got.Rows) != 3 || got.Rows[1].Name != RowDualSoftmax || got.Rows[2].Name != RowQueryBank || got.Rows[1].VideoToText == nil || got.Rows[2].VideoToText != nil {
		t.Errorf("rows %+v", got.Rows)
	}
	examples := got.Examples(4, 3)
	for i, e := range examples {
		if len(e.Top) != 3 || e.Top[0].Score < e.Top[1].Score || (e.Rank == 1) != (e.Top[0].Caption == e.Caption) || i > 0 && e.Rank > examples[i-1].Rank {
			t.Errorf("example %+v", e)
		}
	}
	if len(examples) != 4 {
		t.Errorf("%d examples", len(examples))
	}

	q, _, _, err := r.Test.source.Segment(r.Test.Videos[0].ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Config().Embed
	long := strings.Repeat("star ", 40)
	for _, x := range []*Retriever{x, Baseline(m)} {
		texts, err := x.EncodeTexts(t.Context(), []string{"a star", "a star moves left", long})
		if err != nil || len(texts) != 3*e {
			t.Fatal(len(texts), err)
		}
		video, err := x.EncodeVideo(t.Context(), q, 0, 0)
		if err != nil || len(video) != e {
			t.Fatal(len(video), err)
		}
		for _, v := range [][]float32{texts[:e], texts[e : 2*e], texts[2*e:], video} {
			var sum float64
			for _, y := range v {
				sum += float64(y) * float64(y)
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("an embedding has length %v", math.Sqrt(sum))
			}
		}
		part, err := x.EncodeVideo(t.Context(), q, 0, 0.4)
		if err != nil || fmt.Sprint(part) == fmt.Sprint(video) {
			t.Errorf("a part of a video is embedded like the whole: %v", err)
		}
		for _, bad := range [][]string{nil, {"a star", ""}} {
			if _, err := x.EncodeTexts(t.Context(), bad); err == nil {
				t.Errorf("%q has embeddings", bad)
			}
		}
		if _, err := x.EncodeVideo(t.Context(), q, 100, 200); err == nil {
			t.Error("a part beyond the video's end has an embedding")
		}
		if _, err := x.EncodeVideo(t.Context(), &feature.Sequence{ID: "x", Width: 3, Features: make([]float32, 3), Timestamps: make([]float64, 1)}, 0, 0); err == nil || !strings.Contains(err.Error(), "width 3") {
			t.Errorf("features of another backbone: %v", err)
		}
	}
	again, err := New(f, m)
	if err != nil || again.Fingerprint() != x.Fingerprint() {
		t.Errorf("fingerprint %s, then %s (%v)", x.Fingerprint(), again.Fingerprint(), err)
	}
	if !strings.HasPrefix(x.Fingerprint(), m.Fingerprint()) || x.Fingerprint() == Baseline(m).Fingerprint() {
		t.Errorf("fingerprint %s on %s", x.Fingerprint(), m.Fingerprint())
	}
	f.Tensors["embedding.weight"].Data[0]++
	if other, err := New(f, m); err != nil || other.Fingerprint() == x.Fingerprint() {
		t.Errorf("another model has the fingerprint %s, too (%v)", x.Fingerprint(), err)
	}
	if err := again.SetTemporalScale(0.5); err != nil || again.Fingerprint() == x.Fingerprint() {
		t.Errorf("at another scale the fingerprint is %s (%v)", again.Fingerprint(), err)
	}
	f.Task = "recognition"
	if _, err := New(f, m); err == nil || !strings.Contains(err.Error(), "for recognition") {
		t.Errorf("a model of another task: %v", err)
	}
	if _, err := Baseline(clip.Bare(m.Config(), m.Fingerprint(), 1)).EncodeTexts(t.Context(), []string{"a"}); !errors.Is(err, clip.ErrNoTower) {
		t.Errorf("texts without a text tower: %v", err)
	}
}

// CLIP alone compares a text with the mean of the frames.
func TestFrozenIsTheMeanOfFrames(t *testing.T) {
	m := backbone(t)
	e := m.Config().Embed
	q := &feature.Sequence{ID: "x", Width: e}
	for i := range 5 {
		q.Timestamps = append(q.Timestamps, float64(i))
		for j := range e {
			q.Features = append(q.Features, float32(i*j))
		}
	}
	got, err := Baseline(m).EncodeVideo(t.Context(), q, 1, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, e)
	for j := range want {
		want[j] = float32(j) * 2
	}
	clip.Normalize(want, e)
	for j := range want {
		if math.Abs(float64(got[j]-want[j])) > 1e-6 {
			t.Fatalf("value %d is %v instead of %v", j, got[j], want[j])
		}
	}
}

// Unusable data is counted or rejected, never dropped silently.
func TestBadData(t *testing.T) {
	m := backbone(t)
	store, _ := world(t, m, 2)
	dir := t.TempDir()
	file := filepath.Join(dir, "captions.csv")
	set := func(rows string) (*Source, error) {
		write(t, file, "video,caption,split\n"+rows)
		return Data{Path: file, Features: store, TestShare: 0.2}.Open(feature.BackboneOf(m))
	}
	o, err := set("star/moves left/0.mp4,a star,train\nstar/moves left/0.mp4,,train\ngone.mp4,a ghost,train\ngone.mp4,two ghosts,train\nring/moves left/1.mp4,a ring,train\n")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := o.Sets()
	s := sets.Train
	if err != nil || sets.Val != nil || sets.Test != nil {
		t.Fatal(sets.Val, sets.Test, err)
	}
	if len(o.Skipped) != 1 || len(s.Missing) != 2 || len(s.Videos) != 2 || len(s.Captions) != 2 || !errors.Is(s.Missing[0].Err, dataset.ErrNotFound) {
		t.Errorf("%d captions of %d videos, %d missing, %d skipped", len(s.Captions), len(s.Videos), len(s.Missing), len(o.Skipped))
	}
	run := func(rows string) error {
		t.Helper()
		o, err := set(rows)
		if err != nil {
			return err
		}
		s, err := o.Sets()
		if err != nil {
			return err
		}
		_, err = Train(context.Background(), settings(), Run{Run: train.Run{Dir: filepath.Join(t.TempDir(), "run"), Log: slog.New(slog.DiscardHandler)}, Backbone: m, Sets: Sets{Train: s.Train, Test: s.Test}})
		return err
	}
	for name, tt := range map[string]struct{ rows, want string }{
		"one pair":             {"star/moves left/0.mp4,a star,train\n", "at least two videos"},
		"one video":            {"star/moves left/0.mp4,a star,train\nstar/moves left/0.mp4,again,train\n", "at least two videos"},
		"one video to test on": {"star/moves left/0.mp4,a,train\nring/moves left/0.mp4,b,train\nring/moves left/1.mp4,c,test\n", "at least two videos"},
		"no features":          {"gone.mp4,a ghost,train\n", "none of the 1 captions"},
		"nothing to learn":     {"star/moves left/0.mp4,a star,test\n", "no training captions"},
		"empty captions":       {"star/moves left/0.mp4,,train\n", "none of 1 captions can be used"},
	} {
		if err := run(tt.rows); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := set("star/moves left/0.mp4,a star,train\n"); err != nil {
		t.Fatal(err)
	}
	o, err = (Data{Path: file, Features: store}).Open(feature.Backbone{Fingerprint: "another backbone"})
	if err == nil {
		_, err = o.Sets()
	}
	if err == nil || !strings.Contains(err.Error(), "another backbone") {
		t.Errorf("features of another backbone: %v", err)
	}
	// Two videos are enough, even for a larger batch.
	if err := run("star/moves left/0.mp4,a star,train\nring/moves left/0.mp4,a ring,train\n"); err != nil {
		t.Error(err)
	}
}

// Long captions are truncated, with a warning that counts them.
func TestLongCaptions(t *testing.T) {
	m := backbone(t)
	store, _ := world(t, m, 2)
	file := filepath.Join(t.TempDir(), "captions.csv")
	long := strings.Repeat("star ", 40)
	write(t, file, fmt.Sprintf("video,caption,split\nstar/moves left/0.mp4,%[1]s,train\nring/moves left/0.mp4,a ring,train\nstar/moves left/1.mp4,%[1]s,test\nring/moves left/1.mp4,a ring,test\n", long))
	o, r := open(t, m, store, file)
	var log bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&log, nil))
	_, x, _ := trained(t, m, settings(), r)
	if !strings.Contains(log.String(), "captions=1 of=2") {
		t.Errorf("the log says\n%s", log.String())
	}
	test, err := o.Set(dataset.Test)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Retriever{x, Baseline(m)} {
		if res, err := x.Evaluate(context.Background(), test, Evaluation{}); err != nil || res.Truncated != 1 {
			t.Errorf("%+v: %v", res, err)
		}
	}
}

func TestPresets(t *testing.T) {
	paper, err := Preset(adapter.PresetPaper)
	if err != nil {
		t.Fatal(err)
	}
	want := adapter.Config{Prefix: 4, Postfix: 4, Layout: adapter.LayoutPaper, TemporalLayers: 2, Frames: 16, Temperature: 0.07}
	if paper.Adapter != want || paper.VideoAnchor != 0 || paper.TemporalDrop != 0 || paper.Train.EMADecay != 0 {
		t.Errorf("the paper's preset is %+v", paper)
	}
	if c := DefaultConfig(); !c.Adapter.Residual || c.VideoAnchor != 1 {
		t.Errorf("the default is %+v", c)
	}
	if _, err := Preset("best"); err == nil || !strings.Contains(err.Error(), `"best"`) {
		t.Errorf("an unknown preset: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"batch":         func(c *Config) { c.Batch = 1 },
		"temporal drop": func(c *Config) { c.TemporalDrop, c.Adapter.Residual = 1, true },
		"no residual":   func(c *Config) { c.TemporalDrop = 0.5 },
		"anchor":        func(c *Config) { c.VideoAnchor = math.NaN() },
	} {
		c := paper
		change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A training window has a random frame of every part of the video, in order. Evaluation uses
// the middle frames. Shorter videos repeat frames.
func TestSpread(t *testing.T) {
	q := &feature.Sequence{Width: 1}
	for i := range 40 {
		q.Features, q.Timestamps = append(q.Features, float32(i)), append(q.Timestamps, float64(i))
	}
	if got := fmt.Sprint(spread(nil, q, 4, 36, 4, nil)); got != "[8 16 24 32]" {
		t.Error(got)
	}
	if got := fmt.Sprint(spread(nil, q, 4, 6, 4, nil)); got != "[4 4 5 5]" {
		t.Error(got)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	seen := map[float32]bool{}
	for range 300 {
		for i, v := range spread(nil, q, 4, 36, 4, rng) {
			seen[v] = true
			if v < float32(4+8*i) || v >= float32(12+8*i) {
				t.Fatalf("frame %v stands for part %d", v, i)
			}
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d of 32 frames were ever drawn", len(seen))
	}
}

// Several goroutines that use a retriever get the same results as one.
func TestRetrieverAtOnce(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 2)
	_, r := open(t, m, store, path)
	_, learned, _ := trained(t, m, settings(), r)
	q, _, _, err := r.Test.source.Segment(r.Test.Videos[0].ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Retriever{learned, Baseline(m)} {
		both := func() string {
			texts, err := x.EncodeTexts(t.Context(), []string{"a star moves left", "a ring"})
			if err != nil {
				return err.Error()
			}
			video, err := x.EncodeVideo(t.Context(), q, 0, 0)
			return fmt.Sprint(texts, video, err)
		}
		want := both()
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for range 5 {
					if got := both(); got != want {
						t.Errorf("%.80s instead of %.80s", got, want)
					}
				}
			})
		}
		workers.Wait()
	}
}
