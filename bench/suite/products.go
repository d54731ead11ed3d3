package suite

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
)

// Products measures the four matrix products of a block of the image tower on a batch of images,
// each with the operations fused into it. It returns one result for each.
func (b *Bench) Products(ctx context.Context, c clip.Config, batch int, precision string) ([]Result, error) {
	d, rng := b.device, rand.New(rand.NewPCG(1, 4))
	random := func(rows, cols int) compute.Matrix {
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = rng.Float32() - 0.5
		}
		m := d.New(rows, cols)
		d.Upload(m, x)
		return m
	}
	form := compute.Forward
	if precision == "int8" {
		form = compute.ForwardInt8
	}
	rows, w := batch*(1+patches(c)), c.VisionWidth
	var out []Result
	for _, s := range []struct {
		name    string
		out, in int
		act     compute.Activation
		add     bool
	}{
		{"qkv", 3 * w, w, compute.Identity, false},
		{"out", w, w, compute.Identity, true},
		{"fc", 4 * w, w, compute.QuickGELU, false},
		{"proj", w, 4 * w, compute.Identity, true},
	} {
		y, x, weight := d.New(rows, s.out), random(rows, s.in), d.Pack(random(s.out, s.in), form)
		e := compute.Epilogue{Bias: random(1, s.out), Act: s.act}
		if s.add {
			e.Residual = random(rows, s.out)
		}
		r, err := b.measure(ctx, work{
			name: "gemm " + s.name, sizes: fmt.Sprintf("%d×%d · %d×%d", rows, s.in, s.in, s.out), unit: "products",
			items: 1, flops: 2 * float64(rows) * float64(s.in) * float64(s.out),
			run: func() error { d.Linear(y, x, weight, e); return nil },
		})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
