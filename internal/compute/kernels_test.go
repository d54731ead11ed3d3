package compute

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

// hostile are rows with values that are difficult for arithmetic.
func hostile(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 9))
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 100, -100, 88.5, -88.5, 1e-40, -1e-40, 1e30, -1e30, 3e38}
	if seed%4 == 0 {
		special = append(special, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)))
	}
	x := aligned(n)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * 3)
		if seed%2 == 0 && rng.IntN(8) == 0 {
			x[i] = special[rng.IntN(len(special))]
		}
	}
	return x
}

// FuzzKernels compares the vector kernels with the plain Go versions. If a result of the latter
// is not finite, that of the kernel must not be either. Otherwise they agree within a tolerance
// relative to the size of the inputs.
func FuzzKernels(f *testing.F) {
	for seed := range uint64(64) {
		f.Add(seed, uint16(seed*seed%300+1))
	}
	f.Fuzz(func(t *testing.T, seed uint64, size uint16) {
		n := int(size)%600 + 1
		for _, k := range available()[1:] {
			compareKernels(t, k, seed, n)
			compareTiles(t, k, seed, n)
			compareInts(t, k, seed, n)
		}
	})
}

func finite(x float32) bool { return x-x == 0 }

func compareKernels(t *testing.T, k *kernels, seed uint64, n int) {
	x, y, z := hostile(seed, n), hostile(seed+4, n), hostile(seed+8, n)
	mild := make([]float32, n) // for what overflows otherwise in another order
	for i, v := range x {
		mild[i] = max(min(v, 50), -50)
	}
	// same compares the results that both write to copies of dst; the tolerance is relative to
	// scale.
	same := func(what string, dst []float32, tol float64, scale func(i int) float64, run func(k *kernels, dst []float32)) {
		t.Helper()
		// Kernels do not write beyond the end of a row.
		got := append(append([]float32{}, dst...), 7, 7)
		want := append([]float32{}, dst...)
		run(k, got[:n:n])
		run(generic, want)
		if got[n] != 7 || got[n+1] != 7 {
			t.Fatalf("%s %s, %d elements: wrote behind the end", k.name, what, n)
		}
		for i, w := range want {
			if !finite(w) || !finite(got[i]) {
				if finite(w) != finite(got[i]) && scale(i) < 1e30 {
					t.Fatalf("%s %s, %d elements [%d]: %v instead of %v for %v", k.name, what, n, i, got[i], w, x[i])
				}
				continue
			}
			if d := math.Abs(float64(got[i]) - float64(w)); !(d <= tol*scale(i)+2e-38) {
				t.Fatalf("%s %s, %d elements [%d]: %v instead of %v for %v", k.name, what, n, i, got[i], w, x[i])
			}
		}
	}
	abs := func(x float32) float64 { return math.Abs(float64(x)) }
	sizes := func(rows ...[]float32) func(int) float64 {
		return func(i int) float64 {
			s := 0.0
			for _, r := range rows {
				s += abs(r[i])
			}
			return s
		}
	}
	products := func(a, b []float32) func(int) float64 {
		return func(i int) float64 { return abs(a[i]) * (1 + abs(b[i])) }
	}
	for act, name := range map[Activation]string{QuickGELU: "quickgelu", GELU: "gelu", TanhGELU: "tanhgelu", SiLU: "silu"} {
		same(name, z, 1e-6, sizes(x), func(k *kernels, dst []float32) {
			k.finish[act](&tile{a: unsafe.Pointer(&x[0]), c: unsafe.Pointer(&dst[0]), rows: 1, cols: n})
		})
		same(name+" gradient", z, 1e-6, products(y, x), func(k *kernels, dst []float32) { k.activateGrad[act](dst, y, x) })
	}
	same("softmax", z, 2e-6, func(int) float64 { return 1 }, func(k *kernels, dst []float32) { k.softmax(dst, mild, 0.7) })
	total := func(rows ...[]float32) func(int) float64 {
		s := 1.0
		for i := range n {
			p := 1.0
			for _, r := range rows {
				p *= 1 + abs(r[i])
			}
			s += p
		}
		return func(int) float64 { return s }
	}
	same("softmax gradient", z, 1e-6, func(i int) float64 { return (1 + abs(mild[i])) * total(mild, y)(i) },
		func(k *kernels, dst []float32) { k.softmaxGrad(dst, mild, y, 0.5) })
	if seed%2 == 1 { // cancellation makes these as bad as their input is hostile
		stats := make([]float32, 2)
		same("layer norm", z, 3e-6, total(x), func(k *kernels, dst []float32) { k.layerNorm(dst, x, y, z, 1e-5) })
		for _, keep := range []float32{0, 1} {
			same("layer norm gradient", z, 1e-5, total(x, y), func(k *kernels, dst []float32) { k.layerNormGrad(dst, y, x, z, stats, 1e-1, keep) })
		}
		same("layer norm's own gradient", z, 1e-6, func(i int) float64 { return products(y, x)(i)*2 + abs(z[i]) }, func(k *kernels, dst []float32) {
			k.normParamGrad(dst, append([]float32{}, y...), y, x, 0.1, 1.5)
		})
		same("adamw", z, 1e-6, sizes(x, z), func(k *kernels, dst []float32) {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(1 + abs(y[i]))
			}
			k.adamw(dst, x, append([]float32{}, y...), v, &adamw{0.9, 0.1, 0.99, 0.01, 0.999, 1e-2, 1.3, 1e-8})
		})
	}
	same("axpy", z, 1e-6, func(i int) float64 { return abs(z[i]) + 2*abs(x[i]) }, func(k *kernels, dst []float32) { k.axpy(dst, x, 1.7) })
	same("scale", z, 1e-6, sizes(x), func(k *kernels, dst []float32) { k.scale(dst, x, 0.3) })
	if got, want := k.dot(x, y), generic.dot(x, y); math.Abs(got-want) > 1e-9*(1+math.Abs(want)) && seed%2 == 1 {
		t.Fatalf("%s dot of %d: %v instead of %v", k.name, n, got, want)
	}
}

// hostileRows returns rows of hostile values, limited so that overflow does not depend on the
// order of a sum.
func hostileRows(seed uint64, rows, cols int) (flat []float32, byRow [][]float32) {
	flat = hostile(seed, rows*cols)
	for i, v := range flat {
		if finite(v) {
			flat[i] = max(min(v, 1e15), -1e15)
		}
	}
	for i := range rows {
		byRow = append(byRow, flat[i*cols:(i+1)*cols])
	}
	return flat, byRow
}

// compareTiles multiplies hostile matrices whose sizes follow from n.
func compareTiles(t *testing.T, k *kernels, seed uint64, n int) {
	rows, cols, depth := n%13+1, n%139+1, n
	flatA, a := hostileRows(seed, rows, depth)
	flatB, b := hostileRows(seed+4, cols, depth)
	flatR, r := hostileRows(seed+8, rows, cols)
	run := func(k *kernels) [][]float32 {
		d := newCPU(1, k)
		y := d.New(rows, cols+1)
		p := k.panels(aligned(k.panelFloats(cols, depth)), cols, depth)
		for i := range p.data {
			p.data[i] = float32(math.NaN()) // beyond the last column
		}
		k.putColumns(&p, 0, uploaded(d, cols, depth, flatB).open())
		new(worker).whole(k, product{y: y.ColRange(0, cols).open(), x: uploaded(d, rows, depth, flatA).open(), b: p, alpha: 0.5,
			residual: uploaded(d, rows, cols, flatR).open()})
		return downloaded(d, y)
	}
	got, want := run(k), run(generic)
	for i := range rows {
		if v := got[i][cols]; v != 0 {
			t.Fatalf("%s tile, %d×%d×%d: wrote %v beyond row %d", k.name, rows, cols, depth, v, i)
		}
		for j := range cols {
			g, w := got[i][j], want[i][j]
			size := math.Abs(float64(r[i][j]))
			for l, v := range a[i] {
				size += math.Abs(float64(v) * float64(b[j][l]))
			}
			if finite(g) != finite(w) || finite(w) && !(math.Abs(float64(g)-float64(w)) <= 1e-5*size+2e-38) {
				t.Fatalf("%s tile, %d×%d×%d [%d,%d]: %v instead of %v", k.name, rows, cols, depth, i, j, g, w)
			}
		}
	}
}

// compareInts multiplies hostile matrices in int8. The sums of the quantized values
// are exact, so the results agree up to rounding. A row or column that is not
// finite makes all its results not finite.
func compareInts(t *testing.T, k *kernels, seed uint64, n int) {
	rows, cols, depth := n%13+1, n%139+1, n
	flatX, x := hostileRows(seed, rows, depth)
	flatW, w := hostileRows(seed+4, cols, depth)
	run := func(k *kernels) [][]float32 {
		d := newCPU(1, k)
		y := d.New(rows, cols)
		d.Linear(y, uploaded(d, rows, depth, flatX), d.Pack(uploaded(d, cols, depth, flatW), ForwardInt8), Epilogue{})
		return downloaded(d, y)
	}
	sound := func(row []float32) (most float64, ok bool) {
		for _, v := range row {
			if !finite(v) {
				return 0, false
			}
			most = max(most, math.Abs(float64(v)))
		}
		return most, true
	}
	got, want := run(k), run(generic)
	for i := range rows {
		big, fine := sound(x[i])
		for j := range cols {
			wide, alsoFine := sound(w[j])
			g, v := got[i][j], want[i][j]
			if finite(g) != (fine && alsoFine) || finite(v) != finite(g) {
				t.Fatalf("%s int8, %d×%d×%d [%d,%d]: %v and %v of a row and a column that are finite: %v, %v", k.name, rows, cols, depth, i, j, g, v, fine, alsoFine)
			}
			if finite(v) && !(math.Abs(float64(g)-float64(v)) <= 1e-6*big*wide*float64(depth)+2e-38) {
				t.Fatalf("%s int8, %d×%d×%d [%d,%d]: %v instead of %v", k.name, rows, cols, depth, i, j, g, v)
			}
		}
	}
}

func TestTranspose(t *testing.T) {
	for _, k := range available() {
		rng := rand.New(rand.NewPCG(8, 8))
		d := newCPU(1, k)
		for range 200 {
			rows, cols := 1+rng.IntN(40), 1+rng.IntN(40)
			src := make([]float32, rows*cols)
			for i := range src {
				src[i] = float32(rng.NormFloat64())
			}
			m := d.New(cols+1, rows+2)
			k.transposeTo(m.RowRange(0, cols).ColRange(1, rows+1).open(), uploaded(d, rows, cols, src).open())
			frame := downloaded(d, m)
			for i := range cols + 1 {
				for j := range rows + 2 {
					var want float32
					if i < cols && j > 0 && j <= rows {
						want = src[(j-1)*cols+i]
					}
					if frame[i][j] != want {
						t.Fatalf("%s, %d×%d: [%d,%d] is %v instead of %v", k.name, rows, cols, i, j, frame[i][j], want)
					}
				}
			}
		}
	}
}

// CLIPCUE_CPU selects the kernels by name; an unavailable name is an error.
func TestBackend(t *testing.T) {
	for _, k := range available() {
		t.Setenv("CLIPCUE_CPU", k.name)
		if got, err := Backend(); err != nil || got != k.name {
			t.Errorf("%s: got %q, %v", k.name, got, err)
		}
	}
	t.Setenv("CLIPCUE_CPU", "z80")
	if _, err := Backend(); err == nil || !strings.Contains(err.Error(), "CLIPCUE_CPU=z80") || !strings.Contains(err.Error(), "generic") {
		t.Errorf("an unknown name: %v", err)
	}
}
