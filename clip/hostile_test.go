package clip_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/memory"
)

// reshape replaces a tensor by zeros of another shape.
func reshape(w *checkpoint.Weights, name string, shape ...int) {
	n := 1
	for _, s := range shape {
		n *= s
	}
	w.Tensors[name] = checkpoint.InMemory(make([]float32, min(n, 1<<20)), shape...)
}

// Weights with sizes or values that cannot be computed with are rejected on loading.
func TestHostileWeights(t *testing.T) {
	set := func(name string, v float32) func(w *checkpoint.Weights) {
		return func(w *checkpoint.Weights) {
			x := w.Tensors[name]
			data, _ := x.Read()
			data = slices.Clone(data)
			data[len(data)-1] = v
			w.Tensors[name] = checkpoint.InMemory(data, x.Shape...)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		spoil func(w *checkpoint.Weights)
		want  string
	}{
		"patch size 0":  {func(w *checkpoint.Weights) { reshape(w, "visual.conv1.weight", 64, 3, 0, 0) }, "visual.conv1.weight"},
		"width 0":       {func(w *checkpoint.Weights) { reshape(w, "visual.conv1.weight", 0, 3, 8, 8) }, "visual.conv1.weight"},
		"context 0":     {func(w *checkpoint.Weights) { reshape(w, "positional_embedding", 0, 64) }, "positional_embedding"},
		"embed 0":       {func(w *checkpoint.Weights) { reshape(w, "visual.proj", 64, 0) }, "visual.proj"},
		"vocabulary 0":  {func(w *checkpoint.Weights) { reshape(w, "token_embedding.weight", 0, 64) }, "token_embedding.weight"},
		"no positions":  {func(w *checkpoint.Weights) { reshape(w, "visual.positional_embedding", 0, 64) }, "visual.positional_embedding"},
		"one position":  {func(w *checkpoint.Weights) { reshape(w, "visual.positional_embedding", 1, 64) }, "image_size"},
		"huge grid":     {func(w *checkpoint.Weights) { reshape(w, "visual.positional_embedding", 1<<18, 64) }, "4096"},
		"negative size": {func(w *checkpoint.Weights) { w.Tensors["visual.proj"] = checkpoint.InMemory(nil, 64, -1) }, "visual.proj"},
		"too few values": {func(w *checkpoint.Weights) {
			w.Tensors["visual.proj"] = checkpoint.InMemory(make([]float32, 3), 64, 32)
		}, "visual.proj"},
		"no values":           {func(w *checkpoint.Weights) { w.Tensors["visual.proj"] = checkpoint.Tensor{Shape: []int{64, 32}} }, "visual.proj"},
		"heads of the images": {func(w *checkpoint.Weights) { w.VisionHeads = 3 }, "3 heads"},
		"heads of the texts":  {func(w *checkpoint.Weights) { w.TextHeads = 5 }, "5 heads"},
		"negative heads":      {func(w *checkpoint.Weights) { w.TextHeads = -2 }, "text_heads"},
		"eps NaN":             {func(w *checkpoint.Weights) { w.Eps = nan }, "layer_norm_eps"},
		"eps negative":        {func(w *checkpoint.Weights) { w.Eps = -1 }, "layer_norm_eps"},
		"std 0":               {func(w *checkpoint.Weights) { w.Std = [3]float32{1, 0, 1} }, "deviation"},
		"std NaN":             {func(w *checkpoint.Weights) { w.Std = [3]float32{1, nan, 1} }, "deviation"},
		"mean infinite":       {func(w *checkpoint.Weights) { w.Std, w.Mean = [3]float32{1, 1, 1}, [3]float32{inf} }, "deviation"},
		"weight NaN":          {set("visual.transformer.resblocks.1.mlp.c_fc.weight", nan), "visual.transformer.resblocks.1.mlp.c_fc.weight"},
		"weight infinite":     {set("token_embedding.weight", inf), "token_embedding.weight"},
		"bias infinite":       {set("ln_final.bias", -inf), "ln_final.bias"},
		"temperature 1e-300":  {set("logit_scale", 690), "logit_scale"},
		"temperature NaN":     {set("logit_scale", nan), "logit_scale"},
		"two temperatures":    {func(w *checkpoint.Weights) { reshape(w, "logit_scale", 2) }, "logit_scale"},
	} {
		for _, learnable := range []bool{false, true} {
			w := clip.RandomWeights(small(), 1)
			c.spoil(w)
			_, err := clip.New(w, clip.Options{Learnable: learnable})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s (learnable %v): error %v, want one with %s", name, learnable, err, c.want)
			}
		}
	}
}

// Settings in files are checked as well.
func TestHostileConfig(t *testing.T) {
	for name, spoil := range map[string]func(c *clip.Config){
		"zero":            func(c *clip.Config) { *c = clip.Config{} },
		"no patch":        func(c *clip.Config) { c.PatchSize = 0 },
		"patch > image":   func(c *clip.Config) { c.PatchSize = c.ImageSize + 1 },
		"no embedding":    func(c *clip.Config) { c.Embed = 0 },
		"no context":      func(c *clip.Config) { c.Context = 0 },
		"huge vocabulary": func(c *clip.Config) { c.Vocab = math.MaxInt },
		"no heads":        func(c *clip.Config) { c.VisionHeads = 0 },
		"odd heads":       func(c *clip.Config) { c.TextHeads = 7 },
		"activation":      func(c *clip.Config) { c.Activation = "relu" },
		"deviation":       func(c *clip.Config) { c.Std[2] = 0 },
	} {
		m, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := m.Config()
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		if spoil(&c); c.Check() == nil {
			t.Errorf("%s: no error for %+v", name, c)
		}
	}
}

func TestMismatchedInputs(t *testing.T) {
	m, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := small()
	c.ImageSize = 32
	other, err := clip.New(clip.RandomWeights(c, 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"bytes":       func() error { _, err := m.EncodeImages(t.Context(), make([]byte, 100)); return err },
		"pixels":      func() error { _, err := m.EncodePixels(t.Context(), make([]float32, 100)); return err },
		"short text":  func() error { _, err := m.EncodeTokens(t.Context(), [][]int{{1}}); return err },
		"other start": func() error { _, err := m.EncodeTokens(t.Context(), [][]int{{1, 2}, {2, 2}}); return err },
		"unknown id":  func() error { _, err := m.EncodeTokens(t.Context(), [][]int{{1, 600}}); return err },
		"other sizes": func() error { _, err := clip.Compare(t.Context(), m, other); return err },
		"bare":        func() error { _, err := clip.Bare(clip.Config{}, "", 1).EncodeImages(t.Context(), nil); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Normalize returns no error: it stops at the last complete row.
	x := []float32{3, 4, 5}
	clip.Normalize(x, 0)
	clip.Normalize(x, 2)
	if !slices.Equal(x, []float32{0.6, 0.8, 5}) {
		t.Errorf("normalized %v", x)
	}
}

// Weights that do not fit in the memory budget are refused before they are read.
func TestModelMemory(t *testing.T) {
	memory.SetLimit(4 << 20)
	t.Cleanup(func() { memory.SetLimit(0) })
	if _, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{}); err != nil {
		t.Error(err)
	}
	c := small()
	c.VisionWidth = 1024
	if _, err := clip.New(clip.RandomWeights(c, 1), clip.Options{}); !errors.Is(err, memory.ErrBudget) {
		t.Errorf("error %v", err)
	}
}

// A model without text tower encodes images; encoding texts is an error with the reason.
func TestImageTowerAlone(t *testing.T) {
	w := clip.RandomWeights(small(), 1)
	whole, err := clip.New(w, clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name := range w.Tensors {
		if !strings.HasPrefix(name, "visual.") {
			delete(w.Tensors, name)
		}
	}
	w.NoText = "for a test"
	m, err := clip.New(w, clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	images := make([]byte, 2*3*16*16)
	want, err := whole.EncodeImages(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.EncodeImages(t.Context(), images)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("features %v, want %v: %v", got[:3], want[:3], err)
	}
	if _, err := m.EncodeTexts(t.Context(), []string{"a"}, false); !errors.Is(err, clip.ErrNoTower) {
		t.Errorf("texts: error %v", err)
	}
	if _, err := clip.New(w, clip.Options{Towers: clip.TextTower}); !errors.Is(err, clip.ErrNoText) || !strings.Contains(err.Error(), "for a test") {
		t.Errorf("text tower: error %v", err)
	}
	if err := m.Config().Check(); err != nil || m.Has(clip.TextTower) {
		t.Error(err)
	}
}

func FuzzNew(f *testing.F) {
	f.Add(uint8(0), uint16(0), uint16(0), uint16(0), uint16(0))
	f.Add(uint8(1), uint16(64), uint16(3), uint16(8), uint16(8))
	names := []string{"visual.conv1.weight", "visual.positional_embedding", "visual.proj", "token_embedding.weight", "positional_embedding", "logit_scale"}
	f.Fuzz(func(t *testing.T, which uint8, a, b, c, d uint16) {
		w := clip.RandomWeights(small(), 1)
		name := names[int(which)%len(names)]
		shape := []int{int(a), int(b), int(c), int(d)}[:max(1, len(w.Tensors[name].Shape))]
		reshape(w, name, shape...)
		w.VisionHeads, w.TextHeads = int(int16(c)), int(int16(d))
		m, err := clip.New(w, clip.Options{Threads: 1})
		if err != nil {
			return
		}
		if y, err := m.EncodeImages(t.Context(), make([]byte, 3*m.Config().ImageSize*m.Config().ImageSize)); err != nil || len(y) != m.Config().Embed {
			t.Errorf("%d features, error %v", len(y), err)
		}
	})
}

// A canceled context ends encoding before the next batch.
func TestEncodeCanceled(t *testing.T) {
	m, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.EncodeImages(ctx, make([]byte, 3*16*16)); !errors.Is(err, ctx.Err()) {
		t.Errorf("images: error %v", err)
	}
	if _, err := m.EncodeTexts(ctx, []string{"a"}, false); !errors.Is(err, ctx.Err()) {
		t.Errorf("texts: error %v", err)
	}
}
