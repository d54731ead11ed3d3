package retrieval

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/feature"
)

// Invalid arguments are errors, not panics.
func TestInvalidArguments(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 3)
	_, r := open(t, m, store, path)
	x, e := Baseline(m), m.Config().Embed
	row := slices.Repeat([]float32{1}, 2*e)
	nan := slices.Repeat([]float32{float32(math.NaN())}, 2*e)
	for name, q := range map[string]*feature.Sequence{
		"no frames":      {Width: e},
		"another width":  {Width: e / 2, Features: row[:e], Timestamps: []float64{0, 1}},
		"too few values": {Width: e, Features: row[:e], Timestamps: []float64{0, 1}},
		"NaN":            {Width: e, Features: nan, Timestamps: []float64{0, 1}},
		"NaN time":       {Width: e, Features: row, Timestamps: []float64{0, math.NaN()}},
	} {
		if _, err := x.EncodeVideo(t.Context(), q, 0, 0); err == nil {
			t.Errorf("Video accepts a sequence with %s", name)
		}
	}
	result, err := x.Evaluate(t.Context(), r.Test, Evaluation{})
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Examples(-1, -1); len(got) != 0 {
		t.Errorf("-1 examples: %v", got)
	}
	evaluate := func(s *Set, e Evaluation) error { _, err := x.Evaluate(t.Context(), s, e); return err }
	learn := func(change func(*Config, *Run)) error {
		c, r := settings(), r
		change(&c, &r)
		_, err := Train(t.Context(), c, r)
		return err
	}
	for name, err := range map[string]error{
		"no texts":         func() error { _, err := x.EncodeTexts(t.Context(), nil); return err }(),
		"evaluate nil":     evaluate(nil, Evaluation{}),
		"evaluate empty":   evaluate(&Set{}, Evaluation{}),
		"evaluate caption": evaluate(&Set{Videos: make([]Video, 2), Captions: []Caption{{"a star", 2}}}, Evaluation{}),
		"query bank":       evaluate(r.Test, Evaluation{QueryBank: []string{}}),
		"train nil":        learn(func(_ *Config, r *Run) { r.Train = nil }),
		"train empty":      learn(func(_ *Config, r *Run) { r.Train = &Set{} }),
		"train test empty": learn(func(_ *Config, r *Run) { r.Test = &Set{} }),
		"train frames":     learn(func(c *Config, _ *Run) { c.Adapter.Frames = 0 }),
		"train batch":      learn(func(c *Config, _ *Run) { c.Batch = 0 }),
		"train decay":      learn(func(c *Config, _ *Run) { c.Train.WeightDecay = math.Inf(1) }),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A store whose features have another width than the backbone is refused, although its
// provenance names the backbone.
func TestStoredWidth(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 3)
	for _, width := range []int{1, 40, 512} {
		o, err := Data{Path: path, Features: store, TestShare: 0.2}.Open(feature.Backbone{Fingerprint: m.Fingerprint(), Width: width})
		if err != nil {
			t.Fatal(err)
		}
		var mismatch *feature.MismatchError
		if _, err := o.Sets(); !errors.As(err, &mismatch) || mismatch.What != "width" {
			t.Errorf("width %d: got %v", width, err)
		}
	}
}

// Operations end with the error of a canceled context.
func TestCanceled(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 3)
	_, r := open(t, m, store, path)
	_, trained, _ := trained(t, m, settings(), r)
	r.Dir += "-again"
	q, _, _, err := r.Test.source.Segment(r.Test.Videos[0].ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, run := range map[string]func() error{
		"Texts":              func() error { _, err := trained.EncodeTexts(ctx, things); return err },
		"Texts, baseline":    func() error { _, err := Baseline(m).EncodeTexts(ctx, things); return err },
		"Video":              func() error { _, err := trained.EncodeVideo(ctx, q, 0, 0); return err },
		"Evaluate":           func() error { _, err := trained.Evaluate(ctx, r.Test, Evaluation{}); return err },
		"Evaluate, dual":     func() error { _, err := trained.Evaluate(ctx, r.Test, Evaluation{DualSoftmax: true}); return err },
		"Evaluate, baseline": func() error { _, err := Baseline(m).Evaluate(ctx, r.Test, Evaluation{}); return err },
		"Train":              func() error { _, err := Train(ctx, settings(), r); return err },
	} {
		if err := run(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
