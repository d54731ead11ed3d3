package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
)

// unevenBlock has a layer norm in which the sizes of columns differ by a factor of 100, as in
// trained models.
func unevenBlock(s BlockConfig) Source {
	rng := rand.New(rand.NewPCG(3, 4))
	values := map[string][]float32{}
	BlockTensors("b", s, func(name string, shape ...int) {
		n, std := 1, 0.2
		for _, s := range shape {
			n *= s
		}
		if len(shape) == 2 {
			std = 1 / math.Sqrt(float64(shape[1]))
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(std * rng.NormFloat64())
			if name == "b.ln_1.weight" || name == "b.ln_2.weight" {
				v[i] = float32(math.Exp(1.5 * rng.NormFloat64()))
			}
		}
		values[name] = v
	})
	return func(name string) []float32 { return values[name] }
}

// blockOutput runs a block with the given form on random rows.
func blockOutput(source Source, form compute.Form, s BlockConfig) []float32 {
	d := compute.NewCPU(1)
	b := &Builder{Device: d, Source: source, Forms: form}
	tower := &Transformer{device: d, Blocks: []*ResidualAttentionBlock{b.ResidualAttentionBlock("b", s)}}
	const rows = 12
	width := s.Width
	rng := rand.New(rand.NewPCG(5, 6))
	x, y := d.New(rows, width), d.New(rows, width)
	in := make([]float32, rows*width)
	for i := range in {
		in[i] = float32(rng.NormFloat64())
	}
	d.Upload(x, in)
	tower.Forward(y, x, &AttentionPattern{Full: &compute.AttentionShape{Segments: []compute.Segment{{Queries: rows, Keys: rows}}}}, nil)
	out := make([]float32, rows*width)
	d.Download(out, y)
	return out
}

func difference(a, b []float32) float64 {
	var d, s float64
	for i := range a {
		d += float64(a[i]-b[i]) * float64(a[i]-b[i])
		s += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(d / s)
}

func TestSmoothingChangesNothingButRounding(t *testing.T) {
	plain := BlockConfig{Width: 64, Heads: 2, Act: compute.QuickGELU, Eps: 1e-5}
	eva := BlockConfig{Width: 64, Heads: 2, MLP: 170, Act: compute.SiLU, Eps: 1e-6, Gated: true, AttentionNorm: true, MLPNorm: true}
	for name, s := range map[string]BlockConfig{"CLIP": plain, "EVA-02": eva} {
		source := unevenBlock(s)
		want := blockOutput(source, compute.Forward, s)
		if d := difference(blockOutput(smoothed(source, "b", s), compute.Forward, s), want); d > 1e-5 {
			t.Errorf("%s: smoothed, the block's result differs by %g", name, d)
		}
		with := difference(blockOutput(source, compute.ForwardInt8, s), want)
		if with > 0.05 {
			t.Errorf("%s: in 8 bits the block's result differs by %g", name, with)
		}
		t.Logf("%s: 8 bits differ by %.4f", name, with)
	}
}
