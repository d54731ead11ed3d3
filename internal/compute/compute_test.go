package compute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// wide is a matrix in float64, the oracle's arithmetic.
type wide [][]float64

func newWide(rows, cols int) wide {
	w := make(wide, rows)
	for i := range w {
		w[i] = make([]float64, cols)
	}
	return w
}

func random(rng *rand.Rand, rows, cols int) wide {
	w := newWide(rows, cols)
	for _, r := range w {
		for j := range r {
			r[j] = float64(float32(rng.NormFloat64()))
		}
	}
	return w
}

// put places w in a matrix that is a view inside a larger one, so that strides
// are tested too.
func put(d Device, w wide) Matrix {
	cols := 0
	if len(w) > 0 {
		cols = len(w[0])
	}
	m := d.New(len(w)+2, cols+3).RowRange(1, len(w)+1).ColRange(2, cols+2)
	flat := make([]float32, 0, len(w)*cols)
	for _, r := range w {
		for _, v := range r {
			flat = append(flat, float32(v))
		}
	}
	d.Upload(m, flat)
	return m
}

func get(d Device, m Matrix) wide {
	flat := make([]float32, m.Rows*m.Cols)
	d.Download(flat, m)
	w := newWide(m.Rows, m.Cols)
	for i := range w {
		for j := range w[i] {
			w[i][j] = float64(flat[i*m.Cols+j])
		}
	}
	return w
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// near fails unless got is want up to tol times the largest entry of want.
func near(t failer, what string, got, want wide, tol float64) {
	t.Helper()
	most := 1e-30
	for _, r := range want {
		for _, v := range r {
			most = max(most, math.Abs(v))
		}
	}
	for i := range want {
		for j := range want[i] {
			if d := math.Abs(got[i][j] - want[i][j]); !(d <= tol*most) {
				t.Fatalf("%s [%d,%d]: %v instead of %v (largest %v)", what, i, j, got[i][j], want[i][j], most)
			}
		}
	}
}

func transposed(a wide) wide {
	if len(a) == 0 {
		return nil
	}
	t := newWide(len(a[0]), len(a))
	for i := range a {
		for j, v := range a[i] {
			t[j][i] = v
		}
	}
	return t
}

func mul(a, b wide, alpha float64) wide {
	c := newWide(len(a), len(b[0]))
	for i := range a {
		for k, x := range a[i] {
			for j, y := range b[k] {
				c[i][j] += alpha * x * y
			}
		}
	}
	return c
}

func sum(a, b wide) wide {
	c := newWide(len(a), len(a[0]))
	for i := range a {
		for j := range a[i] {
			c[i][j] = a[i][j] + b[i][j]
		}
	}
	return c
}

// slopes is the gradient of Σ up∘f by central differences at x, in float64.
func slopes(x, up wide, f func() wide) wide {
	const h = 1e-5
	at := func() (s float64) {
		y := f()
		for i := range y {
			for j, v := range y[i] {
				s += v * up[i][j]
			}
		}
		return s
	}
	g := newWide(len(x), len(x[0]))
	for i := range x {
		for j := range x[i] {
			keep := x[i][j]
			x[i][j] = keep + h
			plus := at()
			x[i][j] = keep - h
			g[i][j] = (plus - at()) / (2 * h)
			x[i][j] = keep
		}
	}
	return g
}

// devices are all that the machine can run.
func devices() map[string]Device {
	all := map[string]Device{}
	for _, k := range available() {
		all[k.name+", 1 thread"] = newCPU(1, k)
		all[k.name+", 3 threads"] = newCPU(3, k)
	}
	return all
}

// onDevices runs a property of random sizes on every device.
func onDevices(t *testing.T, f func(t *rapid.T, d Device, rng *rand.Rand)) {
	for name, d := range devices() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				mark := d.Mark()
				f(r, d, rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0)))
				d.Release(mark)
			})
		})
	}
}

func TestProducts(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
		size := rapid.IntRange(1, 70)
		m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k")
		add := rapid.Bool().Draw(t, "accumulate")
		a, b, c0 := random(rng, m, k), random(rng, k, n), random(rng, m, n)
		want := mul(a, b, 0.5)
		if add {
			want = sum(want, c0)
		}
		for _, form := range []struct {
			name string
			run  func(c Matrix)
		}{
			{"NN", func(c Matrix) { d.MulNN(c, put(d, a), put(d, b), 0.5, add) }},
			{"NT", func(c Matrix) { d.MulNT(c, put(d, a), put(d, transposed(b)), 0.5, add) }},
			{"TN", func(c Matrix) { d.MulTN(c, put(d, transposed(a)), put(d, b), 0.5, add) }},
		} {
			c := put(d, c0)
			form.run(c)
			nearAbs(t, form.name, get(d, c), want, 3e-5)
		}
	})
}

func TestLinear(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
		size := rapid.IntRange(1, 70)
		m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k")
		act := rapid.SampledFrom([]Activation{Identity, QuickGELU, GELU}).Draw(t, "act")
		x, w, bias, r := random(rng, m, k), random(rng, n, k), random(rng, 1, n), random(rng, m, n)
		p := d.Pack(put(d, random(rng, n, k)), Forward|Backward)
		d.Repack(p, put(d, w))
		want := mul(x, transposed(w), 1)
		for i := range want {
			for j := range want[i] {
				want[i][j] = exact[act](want[i][j]+bias[0][j]) + r[i][j]
			}
		}
		y := put(d, r)
		d.Linear(y, put(d, x), p, Epilogue{Bias: put(d, bias), Act: act, Residual: y})
		nearAbs(t, "y", get(d, y), want, 3e-5)

		dy, dx0 := random(rng, m, n), random(rng, m, k)
		dx := put(d, dx0)
		d.InputGrad(dx, put(d, dy), p, true)
		nearAbs(t, "dx", get(d, dx), sum(mul(dy, w, 1), dx0), 3e-5)
		db := put(d, bias)
		d.SumRows(db, put(d, dy))
		ones := newWide(1, m)
		for i := range ones[0] {
			ones[0][i] = 1
		}
		nearAbs(t, "db", get(d, db), sum(mul(ones, dy, 1), bias), 3e-5)
	})
}

var exact = map[Activation]func(x float64) float64{
	Identity:  func(x float64) float64 { return x },
	QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	GELU:      func(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) },
}

func TestActivations(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
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

func TestLayerNorm(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
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

// attend is attention straight from its definition.
func attend(q, kv wide, s *AttentionShape) wide {
	w := len(q[0])
	d := w / s.Heads
	out := newWide(len(q), w)
	for _, g := range s.Segments {
		for i := range g.Queries {
			var keys []int
			if g.Key >= s.Shared {
				for k := range s.Shared {
					keys = append(keys, k)
				}
			}
			n := g.Keys
			if s.Causal {
				n -= g.Queries - 1 - i
			}
			for k := range n {
				keys = append(keys, g.Key+k)
			}
			for h := range s.Heads {
				score, total := make([]float64, len(keys)), 0.0
				for a, k := range keys {
					for c := range d {
						score[a] += q[g.Query+i][h*d+c] * kv[k][h*d+c]
					}
					score[a] = math.Exp(score[a] / math.Sqrt(float64(d)))
					total += score[a]
				}
				for a, k := range keys {
					for c := range d {
						out[g.Query+i][h*d+c] += score[a] / total * kv[k][w+h*d+c]
					}
				}
			}
		}
	}
	return out
}

func TestAttention(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
		heads, dim := rapid.IntRange(1, 3).Draw(t, "heads"), rapid.IntRange(1, 4).Draw(t, "dim")
		s := &AttentionShape{Heads: heads, Causal: rapid.Bool().Draw(t, "causal"), Shared: rapid.IntRange(0, 3).Draw(t, "shared")}
		lastOnly := rapid.Bool().Draw(t, "last row only")
		nq, nk := 0, s.Shared
		if s.Shared > 0 && !lastOnly {
			s.Segments = append(s.Segments, Segment{Queries: s.Shared, Keys: s.Shared})
			nq = s.Shared
		}
		for range rapid.IntRange(1, 4).Draw(t, "segments") {
			keys := rapid.IntRange(1, 5).Draw(t, "keys")
			queries := keys
			if lastOnly {
				queries = 1
			}
			s.Segments = append(s.Segments, Segment{Query: nq, Queries: queries, Key: nk, Keys: keys})
			nq, nk = nq+queries, nk+keys
		}
		w := heads * dim
		q, kv, up := random(rng, nq, w), random(rng, nk, 2*w), random(rng, nq, w)
		apply := func() wide { return attend(q, kv, s) }
		out := put(d, newWide(nq, w))
		d.Attention(out, put(d, q), put(d, kv), s)
		nearAbs(t, "out", get(d, out), apply(), 1e-5)
		dq, dkv := put(d, random(rng, nq, w)), put(d, random(rng, nk, 2*w))
		d.AttentionGrad(dq, dkv, put(d, up), put(d, q), put(d, kv), s)
		nearAbs(t, "dkv", get(d, dkv), slopes(kv, up, apply), 1e-4)
		nearAbs(t, "dq", get(d, dq), slopes(q, up, apply), 1e-4)
	})
}

// At the sizes of real towers gradients are compared with the portable path's,
// which the small sizes check.
func TestAttentionAtSize(t *testing.T) {
	for name, s := range map[string]struct {
		dim, shared, queries int // queries of a segment, 0 for as many as it has keys
		causal               bool
		keys                 []int
	}{
		"image":          {dim: 64, keys: []int{197, 197}},
		"large image":    {dim: 80, keys: []int{257}},
		"last row":       {dim: 64, queries: 1, keys: []int{50, 50, 50}},
		"text":           {dim: 64, causal: true, keys: []int{77, 30, 1}},
		"shared":         {dim: 64, causal: true, shared: 17, keys: []int{18, 19, 33, 3}},
		"shared, last":   {dim: 48, causal: true, shared: 17, queries: 1, keys: []int{18, 19, 33, 3}},
		"narrow":         {dim: 20, keys: []int{16, 16, 16}},
		"beyond a block": {dim: 16, keys: []int{900}},
	} {
		t.Run(name, func(t *testing.T) {
			const heads = 2
			shape := &AttentionShape{Heads: heads, Causal: s.causal, Shared: s.shared}
			nq, nk := 0, s.shared
			if s.shared > 0 && s.queries == 0 {
				shape.Segments, nq = append(shape.Segments, Segment{0, s.shared, 0, s.shared}), s.shared
			}
			for _, keys := range s.keys {
				queries := keys
				if s.queries > 0 {
					queries = s.queries
				}
				shape.Segments = append(shape.Segments, Segment{nq, queries, nk, keys})
				nq, nk = nq+queries, nk+keys
			}
			rng := rand.New(rand.NewPCG(1, 5))
			w := heads * s.dim
			q, kv, up := random(rng, nq, w), random(rng, nk, 2*w), random(rng, nq, w)
			want := attend(q, kv, shape)
			var dq, dkv wide
			for _, k := range available() { // the portable one first
				d := newCPU(2, k)
				out := put(d, random(rng, nq, w))
				d.Attention(out, put(d, q), put(d, kv), shape)
				near(t, k.name, get(d, out), want, 1e-5)
				a, b := put(d, random(rng, nq, w)), put(d, random(rng, nk, 2*w))
				d.AttentionGrad(a, b, put(d, up), put(d, q), put(d, kv), shape)
				if dq == nil {
					dq, dkv = get(d, a), get(d, b)
				}
				near(t, k.name+" dq", get(d, a), dq, 1e-5)
				near(t, k.name+" dkv", get(d, b), dkv, 1e-5)
			}
		})
	}
}

// nearAbs is near with an absolute tolerance, for gradients that may vanish.
func nearAbs(t failer, what string, got, want wide, tol float64) {
	t.Helper()
	for i := range want {
		for j := range want[i] {
			if d := math.Abs(got[i][j] - want[i][j]); !(d <= tol*(1+math.Abs(want[i][j]))) {
				t.Fatalf("%s [%d,%d]: %v instead of %v", what, i, j, got[i][j], want[i][j])
			}
		}
	}
}

func TestNormalize(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
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

func TestCrossEntropy(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 6).Draw(t, "m"), rapid.IntRange(2, 20).Draw(t, "n")
		z := random(rng, m, n)
		target := make([]int32, m)
		for i := range target {
			target[i] = int32(rng.IntN(n))
		}
		apply := func() wide {
			var loss float64
			for i, r := range z {
				var s float64
				for _, v := range r {
					s += math.Exp(v)
				}
				loss += (math.Log(s) - r[target[i]]) / float64(m)
			}
			return wide{{loss}}
		}
		dz := put(d, newWide(m, n))
		loss := d.CrossEntropy(dz, put(d, z), target)
		near(t, "loss", wide{{loss}}, apply(), 1e-5)
		near(t, "dlogits", get(d, dz), slopes(z, wide{{1}}, apply), 1e-4)
		if again := d.CrossEntropy(Matrix{}, put(d, z), target); again != loss {
			t.Fatalf("loss %v without the gradient, %v with it", again, loss)
		}
	})
}

func TestRows(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
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

func TestMean(t *testing.T) {
	onDevices(t, func(t *rapid.T, d Device, rng *rand.Rand) {
		m, w := rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 40).Draw(t, "w")
		x := random(rng, m, w)
		var ranges []Range
		for range rapid.IntRange(1, 5).Draw(t, "ranges") {
			a := rng.IntN(m)
			ranges = append(ranges, Range{a, a + 1 + rng.IntN(m-a)})
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
		near(t, "mean", get(d, y), apply(), 1e-5)
		dx := put(d, newWide(m, w))
		d.MeanGrad(dx, put(d, up), ranges)
		nearAbs(t, "gradient", get(d, dx), slopes(x, up, apply), 1e-4)
	})
}

func TestAdamW(t *testing.T) {
	d := NewCPU(1)
	rng := rand.New(rand.NewPCG(1, 2))
	p, m, v := random(rng, 3, 5), newWide(3, 5), newWide(3, 5)
	pm, mm, vm := put(d, p), put(d, m), put(d, v)
	s := AdamWStep{LearningRate: 1e-2, WeightDecay: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
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

func TestPatches(t *testing.T) {
	d := NewCPU(2)
	const n, size, patch = 2, 4, 2
	images := newWide(n, 3*size*size)
	for i := range images {
		for j := range images[i] {
			images[i][j] = float64(100*i + j + 1)
		}
	}
	dst := put(d, random(rand.New(rand.NewPCG(1, 1)), n*5, 12))
	d.ExtractPatches(dst, put(d, images), size, patch)
	got := get(d, dst)
	near(t, "class row", got[:1], newWide(1, 12), 0)
	// The second patch of the second picture: columns 2-3 of rows 0-1.
	near(t, "patch", got[7:8], wide{{103, 104, 107, 108, 119, 120, 123, 124, 135, 136, 139, 140}}, 0)
}

func TestPixels(t *testing.T) {
	d := NewCPU(2)
	dst := put(d, newWide(1, 6))
	d.NormalizePixels(dst, []byte{0, 255, 51, 255, 0, 102}, [3]float32{0.5, 0, 0}, [3]float32{1, 1, 2})
	near(t, "pixels", get(d, dst), wide{{-0.5, 0.5, 1, 0, 0.1, 0.2}}, 1e-6)
}

// Results must not depend on the number of threads: a run resumed on another
// machine setting has to go on bit for bit.
func TestThreadsDoNotChangeBits(t *testing.T) {
	for _, k := range available() {
		var want []wide
		for _, threads := range []int{1, 2, 5} {
			d := newCPU(threads, k)
			rng := rand.New(rand.NewPCG(7, 7))
			a, b := put(d, random(rng, 130, 90)), put(d, random(rng, 130, 70))
			c := d.New(90, 70)
			d.MulTN(c, a, b, 1, false)
			s := &AttentionShape{Heads: 2, Causal: true, Shared: 5}
			s.Segments = []Segment{{0, 5, 0, 5}, {5, 20, 5, 20}, {25, 30, 25, 30}, {55, 35, 55, 35}}
			kv, dkv, dq := put(d, random(rng, 90, 140)), d.New(90, 140), d.New(90, 70)
			d.AttentionGrad(dq, dkv, c, c, kv, s)
			got := []wide{get(d, c), get(d, dq), get(d, dkv)}

			x, w := put(d, random(rng, 300, 800)), put(d, random(rng, 300, 800))
			y := d.New(300, 300)
			for _, form := range []Form{Forward, ForwardInt8} {
				d.Linear(y, x, d.Pack(w, form), Epilogue{Act: QuickGELU})
				got = append(got, get(d, y))
			}
			g, dg, db := put(d, random(rng, 1, 800)), d.New(1, 800), d.New(1, 800)
			d.LayerNormGrad(x, w, x, g, 1e-5, true, dg, db)
			d.SumRows(db, x)
			d.ScatterAdd(w, []int32{3, 3, 3, 1}, x, []int32{9, 8, 7, 6})
			got = append(got, get(d, x), get(d, dg), get(d, db), get(d, w))
			if want == nil {
				want = got
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: %d threads give other bits than one", k.name, threads)
			}
		}
	}
}

func TestTemporaryMemoryIsReused(t *testing.T) {
	d := NewCPU(1)
	step := func() {
		defer d.Release(d.Mark())
		for range 10 {
			d.Temp(300, 1000)
		}
	}
	step()
	if n := testing.AllocsPerRun(10, step); n > 0 {
		t.Errorf("a step after the first allocates %v times", n)
	}
}

// Steps of ever other sizes end with memory for the largest, not for all.
func TestTemporaryMemoryDoesNotPileUp(t *testing.T) {
	d := newCPU(1, generic)
	for i := range 40 {
		mark := d.Mark()
		for range 3 {
			d.Temp(1000+50*i, 1000)
		}
		d.Release(mark)
	}
	total := 0
	for _, c := range d.memory.arena.chunks {
		total += len(c.floats)
	}
	if most := 2 * 3 * 3000 * 1024; total > most {
		t.Errorf("%d floats are held for steps that need half of %d", total, most)
	}
}

func TestPeak(t *testing.T) {
	for _, k := range available() {
		if rate := newCPU(1, k).Peak(); !(rate > 1e8 && rate < 1e13) {
			t.Errorf("%s: %v operations a second", k.name, rate)
		}
	}
}
