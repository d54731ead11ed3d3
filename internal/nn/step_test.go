package nn

import (
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
)

// After the first training step, further steps allocate no memory.
func TestStepsAllocateNothing(t *testing.T) {
	const width, frames, videos, classes = 64, 8, 6, 5
	d := compute.NewCPU(2)
	rng := rand.New(rand.NewPCG(1, 2))
	values := map[string][]float32{}
	add := func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64()) * 0.1
		}
		values[name] = v
	}
	for _, block := range []string{"t.0", "t.1"} {
		BlockTensors(block, BlockConfig{Width: width}, add)
	}
	add("x", videos*frames, width)
	add("text", classes, width)
	p := &Params{Device: d}
	b := &Builder{Device: d, Source: func(name string) []float32 { return values[name] }, Params: p}
	tower := b.Transformer("t", 2, BlockConfig{Width: width, Heads: 4, Act: compute.QuickGELU, Eps: 1e-5})
	x, _ := b.Table("x", videos*frames, width)
	text, dtext := b.Table("text", classes, width)
	optimizer := NewAdamW(p, 0.01)
	average := NewEMA(p, 0.9)
	attends := &AttentionPattern{Full: &compute.AttentionShape{}}
	var ranges []compute.Range
	target := make([]int32, videos)
	for i := range videos {
		attends.Full.Segments = append(attends.Full.Segments,
			compute.Segment{Query: i * frames, Queries: frames, Key: i * frames, Keys: frames})
		ranges = append(ranges, compute.Range{From: i * frames, To: (i + 1) * frames})
		target[i] = int32(i % classes)
	}
	var tape Tape
	first, last := 0.0, 0.0
	step := func() {
		defer d.Release(d.Mark())
		p.ZeroGrad()
		y, mean := d.Temp(x.Rows, width), d.Temp(videos, width)
		tower.Forward(y, x, attends, &tape)
		d.Mean(mean, y, ranges)
		s := NewSimilarity(d, mean, text, 10)
		dlogits, dmean := d.Temp(videos, classes), d.Temp(videos, width)
		last = d.CrossEntropy(dlogits, s.Logits, target)
		s.Backward(dmean, dtext, dlogits)
		dy, dx := d.Temp(x.Rows, width), d.Temp(x.Rows, width)
		d.Zero(dy)
		d.MeanGrad(dy, dmean, ranges)
		tower.Backward(dx, dy, attends, &tape)
		ClipGrad(p, GradNorm(p), 1)
		optimizer.Update(1e-3)
		average.Update(optimizer.Step)
		if first == 0 {
			first = last
		}
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("a step after the first allocates %v times", n)
	}
	if !(last < first) {
		t.Errorf("the loss went from %v to %v", first, last)
	}
}
