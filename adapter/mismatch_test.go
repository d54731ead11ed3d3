package adapter

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/train"
)

// forward is [Adapter.Forward] for sizes that match.
func forward(t testing.TB, a *Adapter, features []float32, c *Classes, kept []int32) *Pass {
	t.Helper()
	p, err := a.Forward(features, c, kept)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lossOf is [Pass.Loss] for targets that match.
func lossOf(t testing.TB, p *Pass, target []int32) float64 {
	t.Helper()
	loss, err := p.Loss(target)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// noError returns a function that returns the loss of a call without an error.
func noError(t testing.TB) func(loss float64, err error) float64 {
	return func(loss float64, err error) float64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
}

// Losses on embeddings that do not match are errors.
func TestMismatchedLosses(t *testing.T) {
	a, err := New(tinyModel(t), residual, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Classes([]string{"eat", "run"})
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := a.Anchor(t.Context(), []string{"eat", "run", "sit down"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := forward(t, a, make([]float32, 3*a.Config().Frames*a.Backbone().Config().Embed), c, nil)
	defer p.Release()
	for name, f := range map[string]func() error{
		"no anchor":                 func() error { _, err := p.AnchorText(nil, nil, 1); return err },
		"all rows of a long anchor": func() error { _, err := p.AnchorText(anchor, nil, 1); return err },
		"too few rows":              func() error { _, err := p.AnchorText(anchor, []int32{0}, 1); return err },
		"row beyond the anchor":     func() error { _, err := p.AnchorText(anchor, []int32{0, 3}, 1); return err },
		"row below 0":               func() error { _, err := p.AnchorText(anchor, []int32{0, -1}, 1); return err },
		"pairs of 3 and 2":          func() error { _, err := p.ContrastiveLoss(); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	pair, features, s := pairs(t, Config{TemporalLayers: 1})
	q := forward(t, pair, features, s, nil)
	defer q.Release()
	if _, err := q.ContrastiveLoss([]string{"a", "b"}); err == nil {
		t.Error("too few keys: no error")
	}
}

// Sizes that do not match are errors of every public function.
func TestMismatchedSizes(t *testing.T) {
	a, err := New(tinyModel(t), residual, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Classes([]string{"eat", "run"})
	if err != nil {
		t.Fatal(err)
	}
	sampler, err := a.ClassSampler([]string{"eat", "run"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	e, each := a.Backbone().Config().Embed, a.Config().Frames*a.Backbone().Config().Embed
	window, ctx := make([]float32, each), t.Context()
	for name, f := range map[string]func() error{
		"forward, part of a window":  func() error { _, err := a.Forward(window[1:], c, nil); return err },
		"forward, nothing":           func() error { _, err := a.Forward(nil, c, nil); return err },
		"forward, no classes":        func() error { _, err := a.Forward(window, nil, nil); return err },
		"forward, kept":              func() error { _, err := a.Forward(window, c, []int32{1}); return err },
		"forward, kept below 0":      func() error { _, err := a.Forward(window, c, []int32{-1}); return err },
		"segments, kept":             func() error { _, err := a.ForwardSegments(window, []RowRange{{0, 1}}, c, []int32{1}); return err },
		"segments, rows":             func() error { _, err := a.EncodeSegments(ctx, window, []RowRange{{0, 1000}}); return err },
		"videos":                     func() error { _, err := a.EncodeVideos(ctx, window[1:]); return err },
		"classify, classes":          func() error { _, err := a.Classify(ctx, window, make([]float32, e+1)); return err },
		"classify, no classes":       func() error { _, err := a.Classify(ctx, window, nil); return err },
		"classify segments":          func() error { _, err := a.ClassifySegments(make([]float32, e-1), make([]float32, e)); return err },
		"classify segments, classes": func() error { _, err := a.ClassifySegments(make([]float32, e), make([]float32, e-1)); return err },
		"sample":                     func() error { _, _, _, err := sampler.Sample([]int{2}, nil); return err },
		"sample below 0":             func() error { _, _, _, err := sampler.Sample([]int{-1}, nil); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// An error does not leave the backbone locked.
	p := forward(t, a, window, c, []int32{0})
	defer p.Release()
	for _, target := range [][]int32{{0, 1}, {2}, {-1}} {
		if _, err := p.Loss(target); err == nil {
			t.Errorf("targets %v of one window and two classes: no error", target)
		}
	}
}

func TestHostileSettings(t *testing.T) {
	m := tinyModel(t)
	for name, spoil := range map[string]func(c *Config){
		"temperature 1e-300": func(c *Config) { c.Temperature = 1e-300 },
		"temperature 1e300":  func(c *Config) { c.Temperature = 1e300 },
		"temperature NaN":    func(c *Config) { c.Temperature = math.NaN() },
		"negative":           func(c *Config) { c.Temperature = -0.07 },
		"heads":              func(c *Config) { c.TemporalHeads = 5 },
		"no frames":          func(c *Config) { c.Frames = -1 },
	} {
		c := residual
		if spoil(&c); func() error { _, err := New(m, c, 1); return err }() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A model file with values that cannot be computed with is an error.
func TestHostileFiles(t *testing.T) {
	m := tinyModel(t)
	c := residual
	c.LearnTemperature = true
	a, err := New(m, c, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Config().Embed
	for name, c := range map[string]struct {
		spoil func(f *File)
		want  string
	}{
		"whole":             {func(*File) {}, ""},
		"NaN in a tensor":   {func(f *File) { f.Tensors[tableName].Data[3] = float32(math.NaN()) }, tableName},
		"infinite position": {func(f *File) { f.Tensors[positionsName].Data[0] = float32(math.Inf(-1)) }, positionsName},
		"learned 1e-300":    {func(f *File) { f.Tensors[logScaleName].Data[0] = 690 }, "temperature"},
		"NaN in a class":    {func(f *File) { f.Embeddings[e] = float32(math.NaN()) }, `"run"`},
		"no embeddings": {func(f *File) {
			f.Tensors["x"] = train.Tensor{Shape: []int{2 * e}, Data: f.Embeddings}
			f.Classes, f.Embeddings = nil, nil
			f.Metrics = map[string]any{"y": 1}
		}, ""},
		"transposed table": {func(f *File) {
			x := f.Tensors[tableName]
			f.Tensors[tableName] = train.Tensor{Shape: []int{x.Shape[1], x.Shape[0]}, Data: x.Data}
		}, tableName},
		"missing tensor":     {func(f *File) { delete(f.Tensors, positionsName) }, positionsName},
		"backbone's heads":   {func(f *File) { f.Backbone.Config.VisionHeads = 5 }, "heads"},
		"backbone's patches": {func(f *File) { f.Backbone.Config.PatchSize = 0 }, "patch_size"},
		"temperature":        {func(f *File) { f.Config.Temperature = 1e-300 }, "temperature"},
	} {
		f := a.File()
		f.Tensors = maps.Clone(f.Tensors)
		for name, x := range f.Tensors {
			x.Data = slices.Clone(x.Data)
			f.Tensors[name] = x
		}
		f.Classes, f.Embeddings = []string{"eat", "run"}, make([]float32, 2*e)
		c.spoil(f)
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := f.Write(path); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path)) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
