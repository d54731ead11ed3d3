package compute

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// against measures f, which executes the given number of floating-point operations, alternately
// with the loop of [CPU.Peak]. It reports the median rate of f by wall time, and its share of
// the loop's rate by processor time, because wall time is unreliable while other programs run.
func against(b *testing.B, c *CPU, flops float64, f func()) {
	f()
	var rates []float64
	var took, loop time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		begin, used := time.Now(), processorTime()
		f()
		rates = append(rates, flops/time.Since(begin).Seconds()/1e9)
		took += processorTime() - used
		b.StopTimer()
		used = processorTime()
		c.peakLoop()
		loop += processorTime() - used
		b.StartTimer()
	}
	slices.Sort(rates)
	b.ReportMetric(rates[len(rates)/2], "GFLOP/s")
	b.ReportMetric(flops/c.peakFlops()*loop.Seconds()/took.Seconds(), "of-peak")
}

// benchmarkDevices runs f for each instruction set except the portable one, on one thread and
// on all.
func benchmarkDevices(b *testing.B, f func(b *testing.B, c *CPU)) {
	for _, k := range available()[1:] {
		for _, threads := range []int{1, runtime.GOMAXPROCS(0)} {
			b.Run(fmt.Sprintf("%s/threads=%d", k.name, threads), func(b *testing.B) { f(b, newCPU(threads, k)) })
		}
	}
}

func filled(c *CPU, rows, cols int) Matrix {
	rng := rand.New(rand.NewPCG(1, 1))
	m, values := c.New(rows, cols), make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	c.Upload(m, values)
	return m
}

// ViT-B/16 on eight images.
const (
	pictures, tokens, width, heads = 8, 197, 768, 12
	rowsAll                        = pictures * tokens
)

func BenchmarkLinear(b *testing.B) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		for _, s := range []struct {
			name string
			n, k int
			act  Activation
			add  bool
		}{
			{"qkv", 3 * width, width, Identity, false},
			{"out", width, width, Identity, true},
			{"fc", 4 * width, width, QuickGELU, false},
			{"proj", width, 4 * width, Identity, true},
		} {
			y, x, bias := filled(c, rowsAll, s.n), filled(c, rowsAll, s.k), filled(c, 1, s.n)
			e := Epilogue{Bias: bias, Act: s.act}
			if s.add {
				e.Residual = y
				c.Scale(x, 1e-3)
			}
			for form, name := range map[Form]string{Forward: "", ForwardInt8: "-int8"} {
				w := c.Pack(filled(c, s.n, s.k), form)
				b.Run(s.name+name, func(b *testing.B) {
					against(b, c, 2*rowsAll*float64(s.n*s.k), func() { c.Linear(y, x, w, e) })
				})
			}
		}
	})
}

// A search multiplies one row by many.
func BenchmarkSearch(b *testing.B) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		const n, k = 200_000, 512
		y, x, all := c.New(1, n), filled(c, 1, k), c.New(n, k)
		b.SetBytes(4 * n * k)
		for range b.N {
			c.MulNT(y, x, all, 1, false)
		}
	})
}

// The gradient of a weight, for which both operands are packed first.
func BenchmarkWeightGrad(b *testing.B) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		const rows, in, out = 1024, 512, 2048
		dw, dy, x := filled(c, out, in), filled(c, rows, out), filled(c, rows, in)
		against(b, c, 2*rows*in*out, func() { c.MulTN(dw, dy, x, 1e-3, true) })
	})
}

func attentionCase(c *CPU, rows, width, heads, tokens int) (q, kv Matrix, s *AttentionShape) {
	s = &AttentionShape{Heads: heads}
	for i := 0; i < rows; i += tokens {
		s.Segments = append(s.Segments, Segment{i, tokens, i, tokens})
	}
	return filled(c, rows, width), filled(c, rows, 2*width), s
}

func BenchmarkAttention(b *testing.B) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		for _, s := range []struct {
			name                       string
			rows, width, heads, tokens int
		}{{"image", rowsAll, width, heads, tokens}, {"text", 51 * 77, 512, 8, 77}, {"temporal", 64 * 16, 512, 8, 16}} {
			q, kv, shape := attentionCase(c, s.rows, s.width, s.heads, s.tokens)
			out, dkv := filled(c, s.rows, s.width), filled(c, s.rows, 2*s.width)
			flops := 4 * float64(s.rows*s.tokens*s.width)
			b.Run(s.name, func(b *testing.B) { against(b, c, flops, func() { c.Attention(out, q, kv, shape) }) })
			b.Run(s.name+"-grad", func(b *testing.B) {
				against(b, c, 2.5*flops, func() { c.AttentionGrad(out, dkv, q, q, kv, shape) })
			})
		}
	})
}

func BenchmarkRows(b *testing.B) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		y, x, z := filled(c, rowsAll, 4*width), filled(c, rowsAll, 4*width), filled(c, rowsAll, 4*width)
		g := filled(c, 1, 4*width)
		for name, f := range map[string]func(){
			"layer-norm":      func() { c.LayerNorm(y, x, g, g, 1e-5) },
			"layer-norm-grad": func() { c.LayerNormGrad(y, x, z, g, 1e-5, false, Matrix{}, Matrix{}) },
			"quickgelu":       func() { c.Activate(y, x, QuickGELU) },
			"gelu":            func() { c.Activate(y, x, GELU) },
			"quickgelu-grad":  func() { c.ActivateGrad(y, x, z, QuickGELU) },
			"softmax":         func() { c.Softmax(y, x) },
			"add":             func() { c.Add(y, x) },
			"adamw":           func() { c.AdamW(y, x, z, z, AdamWStep{Step: 1, Beta1: 0.9, Beta2: 0.999, LearningRate: 1e-9}) },
		} {
			b.Run(name, func(b *testing.B) {
				for range b.N {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*y.Rows*y.Cols), "ns/element")
			})
		}
	})
}

// A block of the image tower, forward.
func BenchmarkBlock(b *testing.B)     { benchmarkBlock(b, Forward) }
func BenchmarkBlockInt8(b *testing.B) { benchmarkBlock(b, ForwardInt8) }

func benchmarkBlock(b *testing.B, form Form) {
	benchmarkDevices(b, func(b *testing.B, c *CPU) {
		pack := func(n, k int) *Weight {
			w := filled(c, n, k)
			c.Scale(w, 0.02)
			return c.Pack(w, form)
		}
		wq, wkv, wo, wf, wp := pack(width, width), pack(2*width, width), pack(width, width), pack(4*width, width), pack(width, 4*width)
		bias := filled(c, 1, 4*width)
		row := func(n int) Matrix { return bias.ColRange(0, n) }
		x, y := filled(c, rowsAll, width), filled(c, rowsAll, width)
		_, _, shape := attentionCase(c, rowsAll, width, heads, tokens)
		flops := 2*rowsAll*float64(12*width*width) + 4*rowsAll*float64(tokens*width)
		against(b, c, flops, func() {
			defer c.Release(c.Mark())
			h, q, kv, f := c.Temp(rowsAll, width), c.Temp(rowsAll, width), c.Temp(rowsAll, 2*width), c.Temp(rowsAll, 4*width)
			c.LayerNorm(h, x, row(width), row(width), 1e-5)
			c.Linear(q, h, wq, Epilogue{Bias: row(width)})
			c.Linear(kv, h, wkv, Epilogue{Bias: row(2 * width)})
			c.Attention(h, q, kv, shape)
			c.Linear(y, h, wo, Epilogue{Bias: row(width), Residual: x})
			c.LayerNorm(h, y, row(width), row(width), 1e-5)
			c.Linear(f, h, wf, Epilogue{Bias: row(4 * width), Act: QuickGELU})
			c.Linear(y, f, wp, Epilogue{Bias: row(width), Residual: y})
		})
	})
}
