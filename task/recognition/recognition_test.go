package recognition

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
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/bridge"
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

// world writes a store and annotations of a made-up world: a class is a direction
// in which features drift, so that only their order in time tells classes apart.
func world(t testing.TB, m *clip.Model, classes []string, perClass int) (store, data string) {
	dir := t.TempDir()
	s, err := feature.Create(filepath.Join(dir, "features"))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	e := m.Config().Embed
	var rows strings.Builder
	rows.WriteString("path,label,split\n")
	for c, class := range classes {
		for i := range perClass {
			id := fmt.Sprintf("%s/%d.mp4", class, i)
			q := &feature.Sequence{ID: id, Width: e, Provenance: feature.Provenance{Backbone: m.Fingerprint(), Sampling: "fps=8"}}
			n := 10 + rng.IntN(12)
			for f := range n {
				q.Timestamps = append(q.Timestamps, float64(f)/8)
				for j := range e {
					v := 0.3 * rng.NormFloat64()
					if j == c/2 {
						v += float64(1-c%2*2) * 3 * (float64(f)/float64(n-1) - 0.5)
					}
					q.Features = append(q.Features, float32(v))
				}
			}
			if err := s.Put(q); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rows, "%s,%s,%s\n", id, class, map[bool]string{true: "test", false: "train"}[i%4 == 0])
		}
	}
	data = filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(data, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return s.Dir(), data
}

var names = []string{"moving left", "moving right", "growing", "shrinking"}

func settings() Config {
	c, err := Preset(adapter.PresetPaper)
	if err != nil {
		panic(err)
	}
	c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.Frames = 2, 2, 8
	c.Batch, c.Train.Steps, c.Train.LearningRate = 8, 12, 3e-3
	c.Train.EvalEvery, c.Train.SaveEvery = 4, 3
	c.Eval.Windows = 2
	return c
}

// open prepares a run over made-up data.
func open(t testing.TB, m *clip.Model, d Data) (*Source, Run) {
	t.Helper()
	o, err := d.Open(feature.BackboneOf(m))
	if err != nil {
		t.Fatal(err)
	}
	r := Run{Run: train.Run{Dir: filepath.Join(t.TempDir(), "run"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, Backbone: m, BackbonePath: "backbone.pt"}
	if r.Sets, err = d.Sets(o); err != nil {
		t.Fatal(err)
	}
	return o, r
}

func TestLearnsWhatOnlyTimeTells(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 40)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := settings()
	c.Train.Steps = 400
	c.Train.EvalEvery, c.Train.SaveEvery = 100, 400
	res, err := Train(context.Background(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	if top1 := res.Metrics["top1"].(float64); top1 < 0.9 {
		t.Errorf("with a temporal Transformer top-1 is %v", top1)
	}
	c.Adapter.TemporalLayers = 0
	r.Dir += "-mean"
	if res, err = Train(context.Background(), c, r); err != nil {
		t.Fatal(err)
	}
	if top1 := res.Metrics["top1"].(float64); top1 > 0.8 {
		t.Errorf("the mean of the frames tells the order of time: top-1 is %v", top1)
	}
}

// stopAt cancels a run when it comes to a step, which it does not end.
type stopAt struct {
	*learner
	step   int
	cancel context.CancelFunc
}

func (s stopAt) Step(step int) (float64, error) {
	if step == s.step {
		s.cancel()
	}
	return s.learner.Step(step)
}

// A run that was interrupted at any step, or killed after any, ends bitwise where
// an uninterrupted one ends, in weights and record.
func TestResumeIsBitwiseTheSame(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 8)
	_, r := open(t, m, Data{Path: path, Features: store})
	t.Run("paper", func(t *testing.T) { testResuming(t, m, settings(), r) })
	t.Run("everything", func(t *testing.T) {
		r := r
		r.Dir += "-everything"
		testResuming(t, m, everything(), r)
	})
}

// everything are settings with all that goes beyond the paper.
func everything() Config {
	c := settings()
	c.ClassesPerStep = 3 // of four, so that the anchor's change from step to step
	c.Adapter.Residual, c.Adapter.Temperature = true, 0
	c.Anchor, c.VideoAnchor, c.TemporalDrop, c.Train.EMADecay = 1, 0.1, 0.3, 0.9
	return c
}

func testResuming(t *testing.T, m *clip.Model, c Config, r Run) {
	if _, err := Train(context.Background(), c, r); err != nil {
		t.Fatal(err)
	}
	read := func(dir, name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := r.Dir
	for step := range c.Train.Steps {
		for _, killed := range []bool{false, true} {
			r.Dir = filepath.Join(t.TempDir(), "run")
			ctx, cancel := context.WithCancel(context.Background())
			l, err := newLearner(context.Background(), m, c, r.Train, r.Test)
			if err != nil {
				t.Fatal(err)
			}
			l.backbone = r.BackbonePath
			if err := c.check(); err != nil {
				t.Fatal(err)
			}
			var task loop.Task = stopAt{l, step, cancel}
			if killed {
				task = dieAt{l, step}
			}
			c.Adapter = l.adapter.Config()
			_, err = loop.Run(ctx, r.Run, r.config(c), c.Train, task)
			var interrupted *train.InterruptedError
			if !killed && !errors.As(err, &interrupted) || err == nil {
				t.Fatalf("step %d: the run ended with %v", step, err)
			}
			r.Resume = true
			if _, err := Train(context.Background(), c, r); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			for _, name := range []string{train.LastFile, train.BestFile} {
				if !bytes.Equal(read(r.Dir, name), read(whole, name)) {
					t.Errorf("stopped at step %d (killed: %v), %s differs from an uninterrupted run's", step, killed, name)
				}
			}
			if got, want := strip(read(r.Dir, train.MetricsFile)), strip(read(whole, train.MetricsFile)); got != want {
				t.Errorf("stopped at step %d (killed: %v), the record is\n%s\ninstead of\n%s", step, killed, got, want)
			}
		}
	}
}

// dieAt fails at a step without anything being saved, as a killed process does.
type dieAt struct {
	*learner
	step int
}

func (d dieAt) Step(step int) (float64, error) {
	if step == d.step {
		return 0, errors.New("killed")
	}
	return d.learner.Step(step)
}

// strip leaves out the seconds of a record, which no two runs share.
func strip(record []byte) string {
	var out strings.Builder
	for _, line := range strings.Split(string(record), "\n") {
		before, after, ok := strings.Cut(line, `"seconds":`)
		if ok {
			_, after, _ = strings.Cut(after, ",")
			line = before + after
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func TestNeedsResumeAndTheSameSettings(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := settings()
	c.Train.Steps = 2
	if _, err := Train(context.Background(), c, r); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(context.Background(), c, r); !errors.As(err, new(*train.ExistsError)) {
		t.Errorf("a second run in the same folder: %v", err)
	}
	r.Resume = true
	if _, err := Train(context.Background(), c, r); err != nil {
		t.Errorf("resuming a finished run: %v", err)
	}
	c.Train.LearningRate = 7
	if _, err := Train(context.Background(), c, r); err == nil || !strings.Contains(err.Error(), "train.learning_rate 0.003 (now 7)") {
		t.Errorf("resuming with another learning rate: %v", err)
	}
}

func TestDivergenceStopsAndNamesTheBatch(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := settings()
	c.Train.LearningRate, c.Train.Steps = 1e30, 50
	_, err := Train(context.Background(), c, r)
	if err == nil || !strings.Contains(err.Error(), "the batch holds") || !strings.Contains(err.Error(), ".mp4") {
		t.Errorf("a learning rate that blows up: %v", err)
	}
	if _, err := adapter.ReadFile(filepath.Join(r.Dir, train.LastFile)); err != nil {
		t.Errorf("the run is not saved: %v", err)
	}
}

func TestModelFileRunsWithoutTheTextTower(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 8)
	o, r := open(t, m, Data{Path: path, Features: store})
	res, err := Train(context.Background(), settings(), r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := adapter.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := New(f, clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, 1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := bare.Evaluate(context.Background(), r.Test, settings().Eval)
	if err != nil {
		t.Fatal(err)
	}
	if got.Top1 != res.Metrics["top1"].(float64) {
		t.Errorf("top-1 is %v from the model file and %v in training", got.Top1, res.Metrics["top1"])
	}
	q, err := o.cache.Get(r.Test.Videos[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := bare.Classify(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for i, x := range p {
		sum += x.Score
		if i > 0 && x.Score > p[i-1].Score {
			t.Error("predictions do not fall")
		}
	}
	if len(p) != len(names) || math.Abs(sum-1) > 1e-5 {
		t.Errorf("%d predictions sum to %v", len(p), sum)
	}
	if err := bare.SetClasses(t.Context(), []string{"jumping"}); !errors.As(err, new(*adapter.UnknownClassError)) {
		t.Errorf("an unseen class without the text tower: %v", err)
	}
	full, err := New(f, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := full.SetClasses(t.Context(), []string{"jumping", "growing"}); err != nil {
		t.Errorf("an unseen class with the text tower: %v", err)
	}
}

func TestStepsOfFewerClasses(t *testing.T) {
	m := backbone(t)
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("class %d", i))
	}
	store, path := world(t, m, many, 3)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := everything()
	c.ClassesPerStep, c.Batch = 5, 3
	l, err := newLearner(context.Background(), m, c, r.Train, nil)
	if err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		if loss, err := l.Step(step); err != nil || !(loss > 0) {
			t.Errorf("step %d: a loss of %v, %v", step, loss, err)
		}
	}
}

func TestEpochsGoThroughAllVideos(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := settings()
	c.Batch = 5
	l, err := newLearner(context.Background(), m, c, r.Train, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := len(r.Train.Videos)
	seen := map[string]int{}
	for step := range n { // five epochs
		for _, v := range l.videos(step) {
			seen[v.ID]++
		}
	}
	for id, k := range seen {
		if k != c.Batch {
			t.Errorf("%s came %d times in %d epochs", id, k, c.Batch)
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d videos came", len(seen), n)
	}
}

func TestWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 1; n < 90; n++ {
		rows := make([]int, 16)
		check := func(what string) {
			for i, r := range rows {
				if r < 0 || r >= n || i > 0 && r < rows[i-1] {
					t.Fatalf("%s of %d frames: %v", what, n, rows)
				}
			}
			if n <= 16 && (rows[0] != 0 || rows[15] != n-1) {
				t.Fatalf("%s of %d frames, all of which fit: %v", what, n, rows)
			}
		}
		for range 20 {
			randomWindow(rows, n, rng)
			check("random window")
		}
		for w := range 5 {
			evenWindow(rows, n, w, 5)
			check("even window")
		}
	}
	first, last := make([]int, 4), make([]int, 4)
	evenWindow(first, 100, 0, 5)
	evenWindow(last, 100, 4, 5)
	if first[0] != 0 || last[3] != 99 {
		t.Errorf("even windows do not span the video: %v … %v", first, last)
	}
}

func TestFewShot(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 12)
	o, r := open(t, m, Data{Path: path, Features: store})
	episodes, err := dataset.Episodes(o.Dataset, 2, 3, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := settings()
	c.Train.Steps = 4
	res, err := FewShot(context.Background(), c, r, o, episodes)
	if err != nil {
		t.Fatal(err)
	}
	if res.Episodes != 3 || len(res.Each) != 3 || res.Top1CI < 0 {
		t.Errorf("%+v", res)
	}
	r.Resume = true
	again, err := FewShot(context.Background(), c, r, o, episodes)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(again) != fmt.Sprint(res) {
		t.Errorf("done again, the episodes give %+v instead of %+v", again, res)
	}
}

func TestZeroShotClassesAreApart(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 8)
	_, r := open(t, m, Data{Path: path, Features: store, TrainClasses: names[:2], TestClasses: names[2:]})
	if fmt.Sprint(r.Train.Classes, r.Test.Classes) != fmt.Sprint(names[:2], names[2:]) {
		t.Errorf("classes %v and %v", r.Train.Classes, r.Test.Classes)
	}
	c := settings()
	c.Train.Steps = 2
	if _, err := Train(context.Background(), c, r); err != nil {
		t.Error(err)
	}
}

func TestBadData(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	write := func(text string) string {
		p := filepath.Join(t.TempDir(), "labels.csv")
		if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return p
	}
	empty, err := feature.Create(filepath.Join(t.TempDir(), "empty"))
	if err != nil {
		t.Fatal(err)
	}
	for want, d := range map[string]Data{
		"only one class":             {Path: write("path,label\ngrowing/1.mp4,growing\n"), Features: store},
		"no feature store":           {Path: path, Features: filepath.Join(t.TempDir(), "none")},
		"the feature store is empty": {Path: path, Features: empty.Dir()},
		"has features in":            {Path: write("path,label,split\na.mp4,x,train\nb.mp4,y,train\n"), Features: store},
		"no training samples":        {Path: write("path,label,split\ngrowing/1.mp4,x,test\ngrowing/2.mp4,y,test\n"), Features: store},
		`unknown column`:             {Path: write("path,label,weight\n"), Features: store},
		"is among both":              {Path: path, Features: store, TrainClasses: names[:2], TestClasses: names[1:]},
	} {
		o, err := d.Open(feature.BackboneOf(m))
		if err == nil {
			_, err = d.Sets(o)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
	// Features of another backbone.
	var mismatch *feature.MismatchError
	d := Data{Path: path, Features: store}
	o, err := d.Open(feature.Backbone{Fingerprint: "clip-other"})
	if err == nil {
		_, err = d.Sets(o)
	}
	if !errors.As(err, &mismatch) || mismatch.What != "backbone" {
		t.Errorf("features of another backbone: %v", err)
	}
}

// BenchmarkStep is the paper's training step: 51 classes, 16+X+16, 64 windows of
// 16 frames, one temporal layer, the text tower of ViT-B/16.
func BenchmarkStep(b *testing.B) {
	size := clip.Config{Embed: 512, ImageSize: 224, PatchSize: 224, VisionWidth: 64, VisionLayers: 1, VisionHeads: 1,
		Context: 77, Vocab: 49408, TextWidth: 512, TextLayers: 12, TextHeads: 8, Activation: "quick_gelu", Eps: 1e-5}
	m, err := clip.New(clip.RandomWeights(size, 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		b.Fatal(err)
	}
	var classes []string
	for i := range 51 {
		classes = append(classes, "doing thing number "+fmt.Sprint(i%10))
	}
	a, err := adapter.New(m, adapter.DefaultConfig(), 0)
	if err != nil {
		b.Fatal(err)
	}
	c, err := a.Classes(classes)
	if err != nil {
		b.Fatal(err)
	}
	features, target := make([]float32, 64*16*512), make([]int32, 64)
	for i := range features {
		features[i] = float32(math.Sin(float64(i)))
	}
	for b.Loop() {
		bridge.Params(a).ZeroGrad()
		p, err := a.Forward(features, c, nil)
		if err != nil {
			panic(err)
		}
		if _, err := p.Loss(target); err != nil {
			panic(err)
		}
		p.Backward()
		p.Release()
	}
}

// Student's t with two degrees of freedom is 4.30 at 97.5 %.
func TestInterval(t *testing.T) {
	if mean, half := ConfidenceInterval([]float64{1, 2, 3}); math.Abs(mean-2) > 1e-12 || math.Abs(half-4.3026527/math.Sqrt(3)) > 1e-6 {
		t.Errorf("1, 2 and 3 are %v ± %v", mean, half)
	}
	if mean, half := ConfidenceInterval([]float64{0.5}); mean != 0.5 || half != 0 {
		t.Errorf("one value is %v ± %v", mean, half)
	}
}
