package proposal

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// small is a detector that is small enough for tests.
func small() Config {
	c := DefaultConfig()
	c.Width, c.Heads, c.Levels, c.Window, c.Frames, c.Overlap, c.Rate, c.Sampling = 16, 2, 3, 4, 32, 8, 8, "fps=8"
	return c
}

// The gradients of all tensors match central differences.
func TestGradientsByCentralDifferences(t *testing.T) {
	const width = 6
	for name, change := range map[string]func(*Config){
		"actionness and distances": func(c *Config) { c.QualityWeight = 0 },
		// The target of the quality is the current IoU, which is treated as a constant. Along
		// the gradient of the last layer, it is constant.
		"quality": func(c *Config) { c.BoxWeight, c.QualityWeight = 0, 1 },
		"no blocks before the pyramid": func(c *Config) {
			c.Blocks, c.QualityWeight = 0, 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := small()
			change(&c)
			d, err := New(width, c, 1)
			if err != nil {
				t.Fatal(err)
			}
			// Layers that start at or near zero would hide the others.
			rng := rand.New(rand.NewPCG(1, 2))
			values := d.params.Values()
			for _, p := range d.params.List {
				if strings.Contains(p.Name, ".out.") || strings.HasSuffix(p.Name, "bias") {
					for i, v := 0, values[p.Name]; i < len(v); i++ {
						v[i] = float32(0.3 * rng.NormFloat64())
					}
				}
			}
			if err := d.params.Set(values); err != nil {
				t.Fatal(err)
			}
			lengths := []int{32, 20}
			x := make([]float32, 52*width)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			l := c.layout(lengths)
			want := c.targets(l, []int{30, 20}, [][]span{{{3.2, 7.1, false}, {10, 29, false}}, {{2, 9, false}, {12, 20, true}}})
			if len(want.rows) < 4 {
				t.Fatalf("only %d rows are to find a segment", len(want.rows))
			}
			loss := func() float64 { return d.learn(x, l, want) }
			d.params.ZeroGrad()
			loss()
			grads := map[string][]float32{}
			for _, p := range d.params.List {
				g := make([]float32, p.Grad.Rows*p.Grad.Cols)
				d.device.Download(g, p.Grad)
				grads[p.Name] = g
			}
			for _, p := range d.params.List {
				if c.BoxWeight == 0 && !strings.HasPrefix(p.Name, boxName+".out") {
					continue
				}
				grad, values := grads[p.Name], d.params.Values()[p.Name]
				var norm float64
				for _, g := range grad {
					norm += float64(g) * float64(g)
				}
				norm = math.Sqrt(norm)
				if norm < 1e-4 {
					t.Errorf("%s has a gradient of length %v", p.Name, norm)
					continue
				}
				// The loss along the direction of the gradient, where float32 is most precise,
				// and along another direction, which detects missing parts of the gradient.
				along := map[string][]float64{"its gradient": make([]float64, len(grad))}
				for i, g := range grad {
					along["its gradient"][i] = float64(g) / norm
				}
				if c.QualityWeight == 0 {
					along["anything"] = unit(rng, len(grad))
				}
				for what, direction := range along {
					want := 0.0
					for i, g := range grad {
						want += float64(g) * direction[i]
					}
					move := func(by float64) float64 {
						moved := make([]float32, len(values))
						for i, v := range values {
							moved[i] = v + float32(by*direction[i])
						}
						d.device.Upload(p.Value, moved)
						d.params.Changed()
						return loss()
					}
					const h = 3e-3
					slope := (move(h) - move(-h)) / (2 * h)
					move(0)
					if math.Abs(slope-want) > 0.02*norm+2e-4 {
						t.Errorf("%s: along %s the slope is %v instead of %v, for a gradient of length %v", p.Name, what, slope, want, norm)
					}
				}
			}
		})
	}
}

// unit returns a random direction.
func unit(rng *rand.Rand, n int) []float64 {
	u, sum := make([]float64, n), 0.0
	for i := range u {
		u[i] = rng.NormFloat64()
		sum += u[i] * u[i]
	}
	for i := range u {
		u[i] /= math.Sqrt(sum)
	}
	return u
}
