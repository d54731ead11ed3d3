package computetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"pgregory.net/rapid"
)

func testProducts(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
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
			run  func(c compute.Matrix)
		}{
			{"NN", func(c compute.Matrix) { d.MulNN(c, put(d, a), put(d, b), 0.5, add) }},
			{"NT", func(c compute.Matrix) { d.MulNT(c, put(d, a), put(d, transposed(b)), 0.5, add) }},
			{"TN", func(c compute.Matrix) { d.MulTN(c, put(d, transposed(a)), put(d, b), 0.5, add) }},
		} {
			c := put(d, c0)
			form.run(c)
			nearAbs(t, form.name, get(d, c), want, 3e-5)
		}
	})
}

func testLinear(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		size := rapid.IntRange(1, 70)
		m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k")
		act := rapid.SampledFrom([]compute.Activation{compute.Identity, compute.QuickGELU, compute.GELU, compute.TanhGELU, compute.SiLU}).Draw(t, "act")
		x, w, bias, r := random(rng, m, k), random(rng, n, k), random(rng, 1, n), random(rng, m, n)
		p := d.Pack(put(d, random(rng, n, k)), compute.Forward|compute.Backward)
		d.Repack(p, put(d, w))
		want := mul(x, transposed(w), 1)
		for i := range want {
			for j := range want[i] {
				want[i][j] = exact[act](want[i][j]+bias[0][j]) + r[i][j]
			}
		}
		y := put(d, r)
		d.Linear(y, put(d, x), p, compute.Epilogue{Bias: put(d, bias), Act: act, Residual: y})
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

// An MLP is bitwise two products, for any number of rows.
func testMLP(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		rows := rapid.SampledFrom([]int{1, 5, 31, 96, 97, 200, 700}).Draw(t, "rows")
		width, inner := rapid.IntRange(1, 70).Draw(t, "width"), rapid.SampledFrom([]int{1, 40, 250, 1500}).Draw(t, "inner")
		form := rapid.SampledFrom([]compute.Form{compute.Forward, compute.ForwardInt8}).Draw(t, "form")
		x, up, down := put(d, random(rng, rows, width)), d.Pack(put(d, random(rng, inner, width)), form), d.Pack(put(d, random(rng, width, inner)), form)
		first := compute.Epilogue{Bias: put(d, random(rng, 1, inner)), Act: compute.GELU}
		second := compute.Epilogue{Bias: put(d, random(rng, 1, width)), Residual: put(d, random(rng, rows, width))}
		hidden, want := d.Temp(rows, inner), d.Temp(rows, width)
		d.Linear(hidden, x, up, first)
		d.Linear(want, hidden, down, second)
		d.MLP(x, x, up, down, first, second)
		near(t, "y", get(d, x), get(d, want), 0)
	})
}

// Sizes just below and above those of vectors, tiles, strips and blocks of k.
func testProductsAroundEdges(t *testing.T, open Open) {
	ms := []int{1, 2, 3, 5, 6, 7, 12, 13, 107, 109, 217}
	ns := []int{1, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 130}
	ks := []int{1, 3, 4, 5, 7, 64, 383, 385, 768, 769, 1540, 3073}
	for name, d := range devices(open) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			one := func(list []int) int { return list[rng.IntN(len(list))] }
			for range 40 {
				mark := d.Mark()
				m, n, k := one(ms), one(ns), one(ks)
				act := compute.Activation(rng.IntN(3))
				x, w, bias, r := random(rng, m, k), random(rng, n, k), random(rng, 1, n), random(rng, m, n)
				alpha := 1 / math.Sqrt(float64(k))
				for i := range w {
					for j := range w[i] {
						w[i][j] = float64(float32(w[i][j] * alpha))
					}
				}
				p := d.Pack(put(d, w), compute.Forward|compute.Backward)
				y := put(d, r)
				d.Linear(y, put(d, x), p, compute.Epilogue{Bias: put(d, bias), Act: act, Residual: y})
				want := mul(x, transposed(w), 1)
				for i := range want {
					for j := range want[i] {
						want[i][j] = exact[act](want[i][j]+bias[0][j]) + r[i][j]
					}
				}
				nearAbs(t, "y", get(d, y), want, 3e-5)
				dw := put(d, newWide(n, k))
				d.MulTN(dw, put(d, r), put(d, x), float32(alpha), false)
				nearAbs(t, "dw", get(d, dw), mul(transposed(r), x, alpha), 3e-5)
				d.Release(mark)
			}
		})
	}
}

// The bits of a result must not depend on which rows and columns are multiplied together.
func testRowsDoNotChangeBits(t *testing.T, open Open) {
	d := open(2)
	rng := rand.New(rand.NewPCG(5, 6))
	x, w := put(d, random(rng, 40, 1600)), put(d, random(rng, 90, 1600))
	m := d.New(40, 90)
	d.MulNT(m, x, w, 1, false)
	all := get(d, m)
	for i := range 40 {
		for _, j := range []int{0, 17, 63, 64, 89} {
			m := d.New(1, 90-j)
			d.MulNT(m, x.RowRange(i, i+1), w.RowRange(j, 90), 1, false)
			if one := get(d, m); one[0][0] != all[i][j] {
				t.Fatalf("[%d,%d]: %v alone, %v among others", i, j, one[0][0], all[i][j])
			}
		}
	}
}

// roundedInputs returns activations after quantization to 181 levels per row.
func roundedInputs(x wide) wide {
	y := newWide(len(x), len(x[0]))
	for i, r := range x {
		low, high := float32(r[0]), float32(r[0])
		for _, v := range r {
			low, high = min(low, float32(v)), max(high, float32(v))
		}
		step := (high - low) / 180
		for j, v := range r {
			y[i][j] = float64(low) + float64(step)*math.RoundToEven(float64((float32(v)-low)*(180/(high-low))))
		}
	}
	return y
}

// roundedWeights returns weights after quantization to 8 bits per row. The positive weights
// among 0, 1, 4, 5 and among 2, 3, 6, 7 of each eight, and the negative ones, are limited to
// sums of 180 levels before rounding.
func roundedWeights(w wide) wide {
	y := newWide(len(w), len(w[0]))
	for i, r := range w {
		scale := float32(0)
		sums := map[[3]int]float32{}
		for j, v := range r {
			at := [3]int{j / 8, j / 2 % 2}
			if v < 0 {
				v, at[2] = -v, 1
			}
			sums[at] += float32(v)
			scale = max(scale, float32(v)/127, sums[at]/180)
		}
		for j, v := range r {
			y[i][j] = float64(scale) * math.RoundToEven(float64(float32(v)*(1/scale)))
		}
	}
	return y
}

// An int8 product is the exact product of the quantized matrices.
func testInt8(t *testing.T, open Open) {
	for name, d := range devices(open) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 12))
			for range 60 {
				mark := d.Mark()
				m, n, k := 1+rng.IntN(120), 1+rng.IntN(140), 2+rng.IntN(200)
				act := compute.Activation(rng.IntN(3))
				x, w, bias, r := random(rng, m, k), random(rng, n, k), random(rng, 1, n), random(rng, m, n)
				y := put(d, r)
				d.Linear(y, put(d, x), d.Pack(put(d, w), compute.ForwardInt8), compute.Epilogue{Bias: put(d, bias), Act: act, Residual: y})
				want := mul(roundedInputs(x), transposed(roundedWeights(w)), 1)
				for i := range want {
					for j := range want[i] {
						want[i][j] = exact[act](want[i][j]+bias[0][j]) + r[i][j]
					}
				}
				nearAbs(t, "y", get(d, y), want, 1e-4)
				d.Release(mark)
			}
		})
	}
}

// Quantization causes an error of about 1 % of the result, and none for a row of zeros.
func testInt8IsClose(t *testing.T, open Open) {
	d := open(2)
	rng := rand.New(rand.NewPCG(13, 14))
	const m, n, k = 50, 96, 768
	x, w := random(rng, m, k), random(rng, n, k)
	clear(x[3])
	clear(w[5])
	xm, wm := put(d, x), put(d, w)
	y, z := d.New(m, n), d.New(m, n)
	d.Linear(y, xm, d.Pack(wm, compute.Forward), compute.Epilogue{})
	d.Linear(z, xm, d.Pack(wm, compute.ForwardInt8), compute.Epilogue{})
	cosine := d.Dot(y, z) / math.Sqrt(d.Dot(y, y)*d.Dot(z, z))
	if cosine < 0.9998 {
		t.Errorf("cosine %v", cosine)
	}
	for _, v := range get(d, z)[3] {
		if v != 0 {
			t.Errorf("a row of zeros gives %v", v)
		}
	}
}
