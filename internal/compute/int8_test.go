package compute

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rounded is what 8 bits make of a row of activations and of weights.
func rounded(x wide, signed bool) wide {
	y := newWide(len(x), len(x[0]))
	for i, r := range x {
		low, high := float32(r[0]), float32(r[0])
		for _, v := range r {
			low, high = min(low, float32(v)), max(high, float32(v))
		}
		if signed {
			scale := max(-low, high) / 127
			for j, v := range r {
				y[i][j] = float64(scale) * math.RoundToEven(float64(float32(v)*(1/scale)))
			}
			continue
		}
		step := (high - low) / 255
		for j, v := range r {
			y[i][j] = float64(low) + float64(step)*math.RoundToEven(float64((float32(v)-low)*(255/(high-low))))
		}
	}
	return y
}

// A product in 8 bits is the exact product of the rounded matrices.
func TestInt8(t *testing.T) {
	for name, d := range devices() {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 12))
			for range 60 {
				mark := d.Mark()
				m, n, k := 1+rng.IntN(120), 1+rng.IntN(140), 2+rng.IntN(200)
				act := Activation(rng.IntN(3))
				x, w, bias, r := random(rng, m, k), random(rng, n, k), random(rng, 1, n), random(rng, m, n)
				y := put(d, r)
				d.Linear(y, put(d, x), d.Pack(put(d, w), ForwardInt8), Epilogue{Bias: put(d, bias), Act: act, Residual: y})
				want := mul(rounded(x, false), transposed(rounded(w, true)), 1)
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

// Rounding costs about a hundredth of the result, a row of nothing nothing.
func TestInt8IsClose(t *testing.T) {
	d := NewCPU(2)
	rng := rand.New(rand.NewPCG(13, 14))
	const m, n, k = 50, 96, 768
	x, w := random(rng, m, k), random(rng, n, k)
	clear(x[3])
	clear(w[5])
	xm, wm := put(d, x), put(d, w)
	y, z := d.New(m, n), d.New(m, n)
	d.Linear(y, xm, d.Pack(wm, Forward), Epilogue{})
	d.Linear(z, xm, d.Pack(wm, ForwardInt8), Epilogue{})
	cosine := d.Dot(y, z) / math.Sqrt(d.Dot(y, y)*d.Dot(z, z))
	if cosine < 0.9998 {
		t.Errorf("cosine %v", cosine)
	}
	for j := range n {
		if v := z.row(3)[j]; v != 0 {
			t.Errorf("a row of zeros gives %v", v)
		}
	}
}
