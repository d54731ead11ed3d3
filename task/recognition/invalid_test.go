package recognition

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/feature"
)

// sequences returns invalid forms of a sequence of features of width e, by what is wrong.
func sequences(e int) map[string]*feature.Sequence {
	row := func(v float32) []float32 { return slices.Repeat([]float32{v}, 2*e) }
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	return map[string]*feature.Sequence{
		"no frames":          {Width: e},
		"another width":      {Width: e / 2, Features: row(1)[:e], Timestamps: []float64{0, 1}},
		"too few values":     {Width: e, Features: row(1)[:e], Timestamps: []float64{0, 1}},
		"NaN":                {Width: e, Features: row(nan), Timestamps: []float64{0, 1}},
		"infinite":           {Width: e, Features: row(inf), Timestamps: []float64{0, 1}},
		"NaN time":           {Width: e, Features: row(1), Timestamps: []float64{0, math.NaN()}},
		"times not in order": {Width: e, Features: row(1), Timestamps: []float64{1, 0}},
	}
}

// Invalid arguments are errors, not panics.
func TestInvalidArguments(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	_, r := open(t, m, Data{Path: path, Features: store})
	x, err := Baseline(t.Context(), m, names, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Config().Embed
	for name, q := range sequences(e) {
		if _, err := x.Classify(t.Context(), q); err == nil {
			t.Errorf("Classify accepts a sequence with %s", name)
		}
	}
	w, err := x.Watch(1, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, e)
	bad := slices.Clone(row)
	bad[3] = float32(math.NaN())
	evaluate := func(s *Set, e Evaluation) error { _, err := x.Evaluate(t.Context(), s, e); return err }
	learn := func(change func(*Config, *Run)) error {
		c, r := settings(), r
		change(&c, &r)
		_, err := Train(t.Context(), c, r)
		return err
	}
	for name, err := range map[string]error{
		"no classes":         x.SetClasses(t.Context(), nil),
		"watch width":        func() error { _, err := w.Add(t.Context(), row[1:], 0); return err }(),
		"watch NaN":          func() error { _, err := w.Add(t.Context(), bad, 0); return err }(),
		"watch time":         func() error { _, err := w.Add(t.Context(), row, math.NaN()); return err }(),
		"watch step":         func() error { _, err := x.Watch(0, 0.5); return err }(),
		"watch threshold":    func() error { _, err := x.Watch(1, math.NaN()); return err }(),
		"evaluate nil":       evaluate(nil, Evaluation{Windows: 1}),
		"evaluate empty":     evaluate(&Set{Classes: names}, Evaluation{Windows: 1}),
		"evaluate windows":   evaluate(r.Test, Evaluation{}),
		"evaluate class":     evaluate(&Set{Classes: names, Videos: []Video{{Class: 9}}}, Evaluation{Windows: 1}),
		"train nil":          learn(func(_ *Config, r *Run) { r.Train = nil }),
		"train empty":        learn(func(_ *Config, r *Run) { r.Train = &Set{Classes: names} }),
		"train test empty":   learn(func(_ *Config, r *Run) { r.Test = &Set{Classes: names} }),
		"train no classes":   learn(func(_ *Config, r *Run) { s := *r.Train; s.Classes = nil; r.Train = &s }),
		"train frames":       learn(func(c *Config, _ *Run) { c.Adapter.Frames = 0 }),
		"train minus frames": learn(func(c *Config, _ *Run) { c.Adapter.Frames = -1 }),
		"train windows":      learn(func(c *Config, _ *Run) { c.Eval.Windows = 0 }),
		"train batch":        learn(func(c *Config, _ *Run) { c.Batch = -1 }),
		"train temperature":  learn(func(c *Config, _ *Run) { c.Adapter.Temperature = math.NaN() }),
		"train heads":        learn(func(c *Config, _ *Run) { c.Adapter.TemporalHeads = -1 }),
		"train prefix":       learn(func(c *Config, _ *Run) { c.Adapter.Prefix = -1 }),
		"train rate":         learn(func(c *Config, _ *Run) { c.Train.LearningRate = math.Inf(1) }),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A store whose features have another width than the backbone is refused, although its
// provenance names the backbone, as that of imported arrays does.
func TestStoredWidth(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	for _, width := range []int{1, 40, 512} {
		d := Data{Path: path, Features: store}
		o, err := d.Open(feature.Backbone{Fingerprint: m.Fingerprint(), Width: width})
		if err != nil {
			t.Fatal(err)
		}
		r := Run{Backbone: m}
		r.Dir = t.TempDir()
		if r.Sets, err = d.Sets(o); err == nil {
			_, err = Train(t.Context(), settings(), r)
		}
		var mismatch *feature.MismatchError
		if !errors.As(err, &mismatch) || mismatch.What != "width" || !strings.Contains(err.Error(), "width 32") {
			t.Errorf("width %d: got %v", width, err)
		}
	}
}

// Operations end with the error of a canceled context.
func TestCanceled(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, names, 4)
	_, r := open(t, m, Data{Path: path, Features: store})
	x, err := Baseline(t.Context(), m, names, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, _, _, err := r.Test.load(r.Test.Videos[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, run := range map[string]func() error{
		"Baseline":   func() error { _, err := Baseline(ctx, m, names, nil); return err },
		"SetClasses": func() error { return x.SetClasses(ctx, []string{"spinning"}) },
		"Classify":   func() error { _, err := x.Classify(ctx, q); return err },
		"Evaluate":   func() error { _, err := x.Evaluate(ctx, r.Test, Evaluation{Windows: 1}); return err },
		"Train":      func() error { _, err := Train(ctx, settings(), r); return err },
	} {
		if err := run(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
