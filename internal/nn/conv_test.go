package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
)

// A convolution over two sequences matches its definition, and its gradients match central
// differences in float64.
func TestConv(t *testing.T) {
	const in, out = 3, 2
	for _, stride := range []int{1, 2} {
		sequences := []compute.Range{{From: 0, To: 4}, {From: 4, To: 6}}
		rng := rand.New(rand.NewPCG(1, uint64(stride)))
		normal := func(n int) []float64 {
			v := make([]float64, n)
			for i := range v {
				v[i] = float64(float32(rng.NormFloat64()))
			}
			return v
		}
		rows := 6 / stride
		x, w, bias, up := normal(6*in), normal(out*3*in), normal(out), normal(rows*out)
		oracle := func() []float64 {
			var y []float64
			for _, s := range sequences {
				for i := s.From; i < s.To; i += stride {
					for o := range out {
						sum := bias[o]
						for k := range 3 {
							row := min(max(i+k-1, s.From), s.To-1) // the ends go on
							for j := range in {
								sum += w[o*3*in+k*in+j] * x[row*in+j]
							}
						}
						y = append(y, sum)
					}
				}
			}
			return y
		}
		slope := func(v []float64) []float64 {
			const h = 1e-4
			at := func() (s float64) {
				for i, y := range oracle() {
					s += y * up[i]
				}
				return s
			}
			g := make([]float64, len(v))
			for i := range v {
				keep := v[i]
				v[i] = keep + h
				plus := at()
				v[i] = keep - h
				g[i] = (plus - at()) / (2 * h)
				v[i] = keep
			}
			return g
		}

		d := compute.NewCPU(2)
		matrix := func(v []float64, cols int) compute.Matrix {
			m, narrow := d.New(len(v)/cols, cols), make([]float32, len(v))
			for i := range v {
				narrow[i] = float32(v[i])
			}
			d.Upload(m, narrow)
			return m
		}
		values := map[string][]float64{"c.weight": w, "c.bias": bias}
		p := &Params{Device: d}
		b := &Builder{Device: d, Params: p, Source: func(name string) []float32 {
			var v []float32
			for _, x := range values[name] {
				v = append(v, float32(x))
			}
			return v
		}}
		c, taps := b.Conv("c", out, in), NewTaps(sequences, stride)
		if taps.Rows() != rows {
			t.Fatalf("stride %d: %d rows", stride, taps.Rows())
		}
		y, dx := d.New(rows, out), matrix(normal(6*in), in)
		before := make([]float32, 6*in)
		d.Download(before, dx)
		seen := c.Forward(y, matrix(x, in), taps)
		c.Backward(dx, matrix(up, out), seen, taps)
		want := slope(x)
		for i, v := range before {
			want[i] += float64(v) // it adds
		}
		for _, r := range []struct {
			name string
			got  compute.Matrix
			want []float64
		}{
			{"y", y, oracle()}, {"dx", dx, want}, {"dw", p.List[0].Grad, slope(w)}, {"dbias", p.List[1].Grad, slope(bias)},
		} {
			got := make([]float32, r.got.Rows*r.got.Cols)
			d.Download(got, r.got)
			for i := range r.want {
				if math.Abs(float64(got[i])-r.want[i]) > 1e-4 {
					t.Errorf("stride %d: %s[%d] is %v instead of %v", stride, r.name, i, got[i], r.want[i])
				}
			}
		}
		// If the input needs no gradient, none is computed.
		c.Backward(compute.Matrix{}, matrix(up, out), seen, taps)
	}
}
