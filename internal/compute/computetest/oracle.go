package computetest

import (
	"math"
	"math/rand/v2"

	"github.com/clipcue/clipcue/internal/compute"
)

// wide is a float64 matrix, in which the oracle computes.
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

// put uploads w to a view inside a larger matrix, so that strides are tested too.
func put(d compute.Device, w wide) compute.Matrix {
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

func get(d compute.Device, m compute.Matrix) wide {
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

// near fails unless got equals want within tol times the largest entry of want.
func near(t failer, what string, got, want wide, tol float64) {
	t.Helper()
	largest := 1e-30
	for _, r := range want {
		for _, v := range r {
			largest = max(largest, math.Abs(v))
		}
	}
	for i := range want {
		for j := range want[i] {
			if d := math.Abs(got[i][j] - want[i][j]); !(d <= tol*largest) {
				t.Fatalf("%s [%d,%d]: %v instead of %v (largest %v)", what, i, j, got[i][j], want[i][j], largest)
			}
		}
	}
}

// nearAbs is near with an absolute tolerance, for gradients that may be zero.
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

// slopes returns the gradient of Σ up∘f at x by central differences, in float64.
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
