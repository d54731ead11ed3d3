package computetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"pgregory.net/rapid"
)

var exact = map[compute.Activation]func(x float64) float64{
	compute.Identity:  func(x float64) float64 { return x },
	compute.QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	compute.GELU:      func(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) },
	compute.TanhGELU: func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	},
	compute.SiLU: func(x float64) float64 { return x / (1 + math.Exp(-x)) },
}

func testActivations(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 40).Draw(t, "m"), rapid.IntRange(1, 40).Draw(t, "n")
		x, up := random(rng, m, n), random(rng, m, n)
		for act, f := range exact {
			apply := func() wide {
				y := newWide(m, n)
				for i := range y {
					for j := range y[i] {
						y[i][j] = f(x[i][j])
					}
				}
				return y
			}
			y := put(d, newWide(m, n))
			d.Activate(y, put(d, x), act)
			nearAbs(t, act.String(), get(d, y), apply(), 1e-5)
			d.ActivateGrad(y, put(d, up), put(d, x), act)
			if m*n < 100 {
				nearAbs(t, act.String()+" gradient", get(d, y), slopes(x, up, apply), 1e-5)
			}
		}
	})
}

func testLayerNorm(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 5).Draw(t, "m"), rapid.IntRange(2, 40).Draw(t, "n")
		x, g, b, up, dx0 := random(rng, m, n), random(rng, 1, n), random(rng, 1, n), random(rng, m, n), random(rng, m, n)
		const eps = 1e-5
		apply := func() wide {
			y := newWide(m, n)
			for i, r := range x {
				var mean, variance float64
				for _, v := range r {
					mean += v / float64(n)
				}
				for _, v := range r {
					variance += (v - mean) * (v - mean) / float64(n)
				}
				for j, v := range r {
					y[i][j] = (v-mean)/math.Sqrt(variance+eps)*g[0][j] + b[0][j]
				}
			}
			return y
		}
		y := put(d, newWide(m, n))
		d.LayerNorm(y, put(d, x), put(d, g), put(d, b), eps)
		near(t, "y", get(d, y), apply(), 1e-4)
		dx, dg, db := put(d, dx0), put(d, newWide(1, n)), put(d, newWide(1, n))
		d.LayerNormGrad(dx, put(d, up), put(d, x), put(d, g), eps, true, dg, db)
		near(t, "dx", get(d, dx), sum(slopes(x, up, apply), dx0), 2e-3)
		near(t, "dgamma", get(d, dg), slopes(g, up, apply), 1e-3)
		near(t, "dbeta", get(d, db), slopes(b, up, apply), 1e-3)
	})
}

func testRows(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n, w := rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 9).Draw(t, "n"), rapid.IntRange(1, 40).Draw(t, "w")
		src, dst := random(rng, m, w), random(rng, n, w)
		var from, to []int32
		for range rapid.IntRange(0, 12).Draw(t, "pairs") {
			from, to = append(from, int32(rng.IntN(m))), append(to, int32(rng.IntN(n)))
		}
		from, to = append([]int32{}, from...), append([]int32{}, to...)
		added := put(d, dst)
		d.ScatterAdd(added, to, put(d, src), from)
		want := sum(dst, newWide(n, w))
		for i := range to {
			for j, v := range src[from[i]] {
				want[to[i]][j] += v
			}
		}
		nearAbs(t, "scatter-add", get(d, added), want, 1e-5)
		got := put(d, newWide(len(from), w))
		d.Gather(got, nil, put(d, src), from)
		for i, r := range get(d, got) {
			near(t, "gather", wide{r}, wide{src[from[i]]}, 0)
		}
		cycled := put(d, src)
		d.AddCycle(cycled, put(d, dst))
		want = newWide(m, w)
		for i := range want {
			for j := range want[i] {
				want[i][j] = src[i][j] + dst[i%n][j]
			}
		}
		nearAbs(t, "cycle", get(d, cycled), want, 1e-5)
		back := put(d, newWide(n, w))
		d.AddCycleGrad(back, put(d, src))
		want = newWide(n, w)
		for i := range src {
			for j, v := range src[i] {
				want[i%n][j] += v
			}
		}
		nearAbs(t, "cycle gradient", get(d, back), want, 1e-5)
	})
}

func testMean(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, w := rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 40).Draw(t, "w")
		x := random(rng, m, w)
		var ranges []compute.Range
		for range rapid.IntRange(1, 5).Draw(t, "ranges") {
			a := rng.IntN(m)
			ranges = append(ranges, compute.Range{From: a, To: a + 1 + rng.IntN(m-a)})
		}
		up := random(rng, len(ranges), w)
		apply := func() wide {
			y := newWide(len(ranges), w)
			for i, r := range ranges {
				for k := r.From; k < r.To; k++ {
					for j, v := range x[k] {
						y[i][j] += v / float64(r.To-r.From)
					}
				}
			}
			return y
		}
		y := put(d, up)
		d.Mean(y, put(d, x), ranges)
		// Rounding depends on the inputs, which are about 1; their mean may be almost 0.
		nearAbs(t, "mean", get(d, y), apply(), 1e-6)
		dx := put(d, newWide(m, w))
		d.MeanGrad(dx, put(d, up), ranges)
		nearAbs(t, "gradient", get(d, dx), slopes(x, up, apply), 1e-4)
	})
}

func testNormalize(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 5).Draw(t, "m"), rapid.IntRange(2, 40).Draw(t, "n")
		x, up := random(rng, m, n), random(rng, m, n)
		apply := func() wide {
			y := newWide(m, n)
			for i, r := range x {
				var s float64
				for _, v := range r {
					s += v * v
				}
				for j, v := range r {
					y[i][j] = v / math.Sqrt(s)
				}
			}
			return y
		}
		y := put(d, newWide(m, n))
		d.Normalize(y, put(d, x))
		near(t, "y", get(d, y), apply(), 1e-5)
		d.NormalizeGrad(y, put(d, up), put(d, x))
		nearAbs(t, "dx", get(d, y), slopes(x, up, apply), 1e-4)
	})
}

func testAdamW(t *testing.T, open Open) {
	d := open(1)
	rng := rand.New(rand.NewPCG(1, 2))
	p, m, v := random(rng, 3, 5), newWide(3, 5), newWide(3, 5)
	pm, mm, vm := put(d, p), put(d, m), put(d, v)
	s := compute.AdamWStep{LearningRate: 1e-2, WeightDecay: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
	for step := 1; step <= 5; step++ {
		s.Step = step
		g := random(rng, 3, 5)
		d.AdamW(pm, put(d, g), mm, vm, s)
		for i := range p {
			for j := range p[i] {
				m[i][j] = 0.9*m[i][j] + 0.1*g[i][j]
				v[i][j] = 0.999*v[i][j] + 0.001*g[i][j]*g[i][j]
				mh, vh := m[i][j]/(1-math.Pow(0.9, float64(step))), v[i][j]/(1-math.Pow(0.999, float64(step)))
				p[i][j] = p[i][j]*(1-1e-2*0.1) - 1e-2*mh/(math.Sqrt(vh)+1e-8)
			}
		}
		near(t, "parameters", get(d, pm), p, 1e-5)
	}
}

func testPatches(t *testing.T, open Open) {
	d := open(2)
	const n, size, patch = 2, 4, 2
	images := newWide(n, 3*size*size)
	for i := range images {
		for j := range images[i] {
			images[i][j] = float64(100*i + j + 1)
		}
	}
	dst := put(d, random(rand.New(rand.NewPCG(1, 1)), n*5, 12))
	d.ExtractPatches(dst, put(d, images), size, patch, 1)
	got := get(d, dst)
	near(t, "class row", got[:1], newWide(1, 12), 0)
	// The second patch of the second image: columns 2-3 of rows 0-1.
	near(t, "patch", got[7:8], wide{{103, 104, 107, 108, 119, 120, 123, 124, 135, 136, 139, 140}}, 0)
	dst = put(d, newWide(n*4, 12))
	d.ExtractPatches(dst, put(d, images), size, patch, 0)
	near(t, "patch without class rows", get(d, dst)[5:6], got[7:8], 0)
}

func testMultiply(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 40).Draw(t, "n")
		x, y := random(rng, m, n), random(rng, m, n)
		got := put(d, x)
		d.Multiply(got, put(d, y))
		for i := range x {
			for j := range x[i] {
				x[i][j] *= y[i][j]
			}
		}
		nearAbs(t, "product", get(d, got), x, 1e-6)
	})
}

func testRotate(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, heads, w := rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 3).Draw(t, "heads"), rapid.IntRange(1, 9).Draw(t, "w")
		x, table := random(rng, m, 2*w*heads), random(rng, rapid.IntRange(1, 5).Draw(t, "positions"), 2*w)
		var at []int32
		if rapid.Bool().Draw(t, "listed") {
			at = make([]int32, m)
			for i := range at {
				at[i] = int32(rng.IntN(20))
			}
		}
		got := put(d, x)
		d.Rotate(got, put(d, table), at)
		want := newWide(m, 2*w*heads)
		for i := range x {
			row := table[i%len(table)]
			if at != nil {
				row = table[int(at[i])%len(table)]
			}
			for j := 0; j < len(x[i]); j += 2 {
				c, s := row[j/2%w], row[w+j/2%w]
				want[i][j], want[i][j+1] = x[i][j]*c-x[i][j+1]*s, x[i][j]*s+x[i][j+1]*c
			}
		}
		nearAbs(t, "rotated", get(d, got), want, 1e-5)
	})
}

func testPixels(t *testing.T, open Open) {
	d := open(2)
	dst := put(d, newWide(1, 6))
	d.NormalizePixels(dst, []byte{0, 255, 51, 255, 0, 102}, [3]float32{0.5, 0, 0}, [3]float32{1, 1, 2})
	near(t, "pixels", get(d, dst), wide{{-0.5, 0.5, 1, 0, 0.1, 0.2}}, 1e-6)
}
