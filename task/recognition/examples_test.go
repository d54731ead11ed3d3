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

// A class without examples has only its name, so the others may have no more than theirs.
func TestClassesWithoutExamples(t *testing.T) {
	f, _, r := fewShot(t, 3, 5)
	scores := func() []Prediction {
		model, err := New(f, r.Backbone)
		if err != nil {
			t.Fatal(err)
		}
		if err := model.SetClasses(context.Background(), append(slices.Clone(names), "new")); err != nil {
			t.Fatal(err)
		}
		q, _, _, err := r.Train.load(r.Train.Videos[0])
		if err != nil {
			t.Fatal(err)
		}
		p, err := model.Classify(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	with := scores()
	f.Settings = nil
	if without := scores(); !slices.Equal(with, without) {
		t.Errorf("%v, without examples %v", with, without)
	}
}

func TestCombine(t *testing.T) {
	text, motion := []float64{0.5, 0.25, 0.25}, []float64{0, 0.1, 0.3}
	if got := combine(text, motion, 1, 0); math.Abs(got[0]-0.5) > 1e-9 || math.Abs(got[1]-0.25) > 1e-9 {
		t.Errorf("without the motion: %v", got)
	}
	if got := combine(text, motion, 0, 1); got[0] > 1e-9 || math.Abs(got[2]-0.75) > 1e-9 {
		t.Errorf("without the text: %v", got)
	}
	if got := combine(text, motion, 1, 1); ranked(got)[0] != 2 || math.Abs(got[0]+got[1]+got[2]-1) > 1e-9 {
		t.Errorf("both: %v", got)
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
	f.Tensors[examplesName] = train.Tensor{Shape: []int{x.Shape[0], x.Shape[1] / 2}, Data: x.Data[:len(x.Data)/2]}
	if _, err := New(f, r.Backbone); err == nil {
		t.Error("narrow motions: no error")
	}
}
