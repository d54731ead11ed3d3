package recognition

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/train"
)

// fewShot trains on a few videos per class, with little training, and returns the model file
// and its test set.
func fewShot(t *testing.T, shots, motionShots int) (*adapter.File, *Set, Run) {
	t.Helper()
	m := backbone(t)
	store, path := world(t, m, names, 40)
	o, r := open(t, m, Data{Path: path, Features: store})
	episodes, err := dataset.Episodes(o.Dataset, len(names), shots, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if r.Train, err = o.Set(episodes[0].Train); err != nil {
		t.Fatal(err)
	}
	test, err := o.Set(episodes[0].Test)
	if err != nil {
		t.Fatal(err)
	}
	c := settings()
	c.MotionShots = motionShots
	if _, err := Train(context.Background(), c, r); err != nil {
		t.Fatal(err)
	}
	f, err := adapter.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	return f, test, r
}

func accuracy(t *testing.T, f *adapter.File, s *Set, r Run) float64 {
	t.Helper()
	model, err := New(f, r.Backbone)
	if err != nil {
		t.Fatal(err)
	}
	result, err := model.Evaluate(context.Background(), s, Evaluation{Windows: 2})
	if err != nil {
		t.Fatal(err)
	}
	return result.Top1
}

func TestFewExamplesShowTheMotion(t *testing.T) {
	for _, shots := range []int{1, 5} {
		f, test, r := fewShot(t, shots, 5)
		with := accuracy(t, f, test, r)
		f.Settings = nil
		if without := accuracy(t, f, test, r); with < 0.8 || without > 0.6 {
			t.Errorf("%d shots: top-1 is %.2f with the motions of the examples and %.2f without", shots, with, without)
		}
	}
}

func TestManyVideosKeepNoExamples(t *testing.T) {
	if f, _, _ := fewShot(t, 5, 4); f.Settings != nil || f.Tensors[examplesName].Data != nil {
		t.Error("examples of a class with more videos than the limit were kept")
	}
}

// Classes without examples keep the probability that their names have; the others divide the
// rest.
func TestClassesWithoutExamples(t *testing.T) {
	f, _, r := fewShot(t, 3, 5)
	scores := func() map[string]float64 {
		model, err := New(f, r.Backbone)
		if err != nil {
			t.Fatal(err)
		}
		if err := model.SetClasses(context.Background(), append(slices.Clone(names), "new", "other")); err != nil {
			t.Fatal(err)
		}
		q, _, _, err := r.Train.load(r.Train.Videos[0])
		if err != nil {
			t.Fatal(err)
		}
		found, err := model.Classify(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		scores := map[string]float64{}
		for _, p := range found {
			scores[p.Label] = p.Score
		}
		return scores
	}
	with := scores()
	f.Settings = nil
	without := scores()
	if with["new"] != without["new"] || with["other"] != without["other"] || with[names[0]] == without[names[0]] {
		t.Errorf("%v, without examples %v", with, without)
	}
}

func TestCombine(t *testing.T) {
	text, motion := []float64{0.4, 0.2, 0.2, 0.2}, []float64{0, 0.1, 0.3, -1}
	for _, c := range []struct {
		about            string
		wt, wm           float64
		first, last, new float64
	}{
		{"text alone", 1, 0, 0.4, 0.2, 0.2},
		{"motion alone", 0, 1, 0, 0.6, 0.2},
		{"both", 1, 1, 0, 0.6, 0.2},
	} {
		got := combine(text, motion, c.wt, c.wm)
		if math.Abs(got[0]-c.first) > 1e-9 || math.Abs(got[2]-c.last) > 1e-9 || got[3] != c.new {
			t.Errorf("%s: %v", c.about, got)
		}
	}
}

// Takes of one file are as similar as copies, so they do not vouch for each other.
func TestWeightsIgnoreTakesOfTheSameFile(t *testing.T) {
	x := &examples{exampleSettings: exampleSettings{Classes: []string{"a", "a", "b", "b"}}, motions: []float32{1, 0, 1, 0, 0, 1, 0, 1}}
	text := [][]float64{{0.9, 0.1}, {0.9, 0.1}, {0.1, 0.9}, {0.1, 0.9}}
	s := &Set{Classes: []string{"a", "b"}, Videos: []Video{{ID: "1"}, {ID: "1"}, {ID: "2", Class: 1}, {ID: "2", Class: 1}}}
	if x.weigh(text, s); x.Motion != singleWeight {
		t.Errorf("one file per class: weight %v", x.Motion)
	}
	s.Videos[1].ID, s.Videos[3].ID = "3", "4"
	if x.weigh(text, s); x.Motion != motionWeights[len(motionWeights)-1] {
		t.Errorf("two equal files per class: weight %v", x.Motion)
	}
}

func TestTemporalScaleZeroIsPromptsAlone(t *testing.T) {
	f, test, r := fewShot(t, 3, 5)
	f.Config.Residual = true
	score := func(change func(m *Recognizer)) *Result {
		model, err := New(f, r.Backbone)
		if err != nil {
			t.Fatal(err)
		}
		change(model)
		result, err := model.Evaluate(context.Background(), test, Evaluation{Windows: 2})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	zero := score(func(m *Recognizer) {
		if err := m.SetTemporalScale(0); err != nil {
			t.Fatal(err)
		}
	})
	alone := score(func(m *Recognizer) { m.examples = nil; _ = m.adapter.SetTemporalScale(0) })
	if zero.Top1 != alone.Top1 || zero.PerVideo[0].Top[0] != alone.PerVideo[0].Top[0] {
		t.Errorf("scale 0 has top-1 %v, prompts alone %v", zero.Top1, alone.Top1)
	}
}

func TestExamplesOfOthers(t *testing.T) {
	f, _, r := fewShot(t, 2, 5)
	good := f.Settings
	for name, change := range map[string]func(s *exampleSettings){
		"a class less":    func(s *exampleSettings) { s.Classes = s.Classes[1:] },
		"no classes":      func(s *exampleSettings) { s.Classes = nil },
		"negative weight": func(s *exampleSettings) { s.Motion = -1 },
		"huge weight":     func(s *exampleSettings) { s.Text = 1e9 },
	} {
		var s struct {
			Examples exampleSettings `json:"examples"`
		}
		if err := json.Unmarshal(good, &s); err != nil {
			t.Fatal(err)
		}
		change(&s.Examples)
		var err error
		if f.Settings, err = json.Marshal(s); err != nil {
			t.Fatal(err)
		}
		if _, err := New(f, r.Backbone); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f.Settings = good
	x := f.Tensors[examplesName]
	long := slices.Clone(x.Data)
	for i := range long {
		long[i] *= 1e30
	}
	f.Tensors[examplesName] = train.Tensor{Shape: x.Shape, Data: long}
	model, err := New(f, r.Backbone)
	if err != nil {
		t.Fatal(err)
	}
	q, _, _, err := r.Train.load(r.Train.Videos[0])
	if err != nil {
		t.Fatal(err)
	}
	if p, err := model.Classify(context.Background(), q); err != nil || !(p[0].Score > 0 && p[0].Score <= 1) {
		t.Errorf("long motions: %v, %v", p, err)
	}
	f.Tensors[examplesName] = train.Tensor{Shape: []int{x.Shape[0], x.Shape[1] / 2}, Data: x.Data[:len(x.Data)/2]}
	if _, err := New(f, r.Backbone); err == nil {
		t.Error("narrow motions: no error")
	}
}
