package main

import "math"

// horner writes p = the polynomial in x with the given coefficients, highest order first.
// Each step is rounded once. t is overwritten.
func (g *neon) horner(x, p, t int, coefficients ...float64) {
	if len(coefficients)%2 == 0 {
		p, t = t, p // the result alternates between the two and ends in p
	}
	g.set(coefficients[0], p)
	for _, c := range coefficients[1:] {
		g.set(c, t)
		g.mla(t, p, x)
		p, t = t, p
	}
}

// exp writes p = e^x for x <= 88, with the method of exp for amd64. x, n and t are overwritten.
func (g *neon) exp(x, n, p, t int) {
	g.set(-87.33654, n)
	g.f("fmax", x, x, n)
	g.set(math.Log2E, n)
	g.f("fmul", n, n, x)
	g.f1("frintn", n, n)
	g.set(0.693359375, t)
	g.mls(x, n, t)
	g.set(-2.12194440e-4, t)
	g.mls(x, n, t)
	g.horner(x, p, t, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1)
	g.f1("fcvtns", n, n)
	g.op("VSHL $23, V%d.S4, V%d.S4", n, n)
	g.op("VADD V%d.S4, V%d.S4, V%d.S4", n, p, p)
}

// logistic writes d = 1 + e^(-factor·x); a, b and c are overwritten.
func (g *neon) logistic(factor float64, x, a, b, c, d int) {
	g.set(-factor, a)
	g.f("fmul", a, a, x)
	g.onePlusExp(a, b, c, d)
}

// onePlusExp writes d = 1 + e^a; a, b and c are overwritten.
func (g *neon) onePlusExp(a, b, c, d int) {
	g.set(87, b) // so that 1/d is a normal number
	g.f("fmin", a, a, b)
	g.exp(a, b, d, c)
	g.set(1, a)
	g.f("fadd", d, d, a)
}

// tailArea writes c = Φ(-|x|) and e = e^(-x²/2), with the method of tailArea for amd64. a, b
// and t are overwritten.
func (g *neon) tailArea(x, a, b, c, e, t int) {
	g.f1("fabs", a, x)
	g.set(math.Sqrt(0.5), b)
	g.f("fmul", a, a, b)
	g.set(1, b)
	g.set(0.3275911, t)
	g.move(c, b)
	g.mla(c, a, t)
	g.f("fdiv", b, b, c)
	g.horner(b, c, t, 1.061405429/2, -1.453152027/2, 1.421413741/2, -0.284496736/2, 0.254829592/2)
	g.f("fmul", c, c, b)
	g.f("fmul", a, a, a)
	g.f1("fneg", a, a)
	g.exp(a, b, e, t)
	g.f("fmul", c, c, e)
}

type neonActivation struct {
	name          string
	temps, unroll int
	value, slope  func(g *neon, x, t int)
}

func neonSwish(name string, factor float64) neonActivation {
	return neonActivation{
		name: name, temps: 4, unroll: 4,
		value: func(g *neon, x, t int) {
			g.logistic(factor, x, t, t+1, t+2, t+3)
			g.f("fdiv", x, x, t+3)
		},
		slope: func(g *neon, x, t int) {
			g.logistic(factor, x, t, t+1, t+2, t+3)
			g.set(1, t)
			g.f("fdiv", t+1, t, t+3) // s
			g.f("fsub", t+2, t, t+1) // 1-s
			g.set(factor, t+3)
			g.f("fmul", x, x, t+3)
			g.mla(t, x, t+2)
			g.f("fmul", x, t, t+1)
		},
	}
}

// tanhExponent writes n = -(tanhLinear·x + tanhCubic·x³); a is overwritten.
func (g *neon) tanhExponent(x, n, a int) {
	g.f("fmul", n, x, x)
	g.set(-tanhCubic, a)
	g.f("fmul", n, n, a)
	g.set(-tanhLinear, a)
	g.f("fadd", n, n, a)
	g.f("fmul", n, n, x)
}

// neonActivations are the activations with kernels, by the names of their Go constants, with
// the formulas for amd64. value writes x = act(x) and slope x = act'(x); the registers from t
// are temporary.
var neonActivations = []neonActivation{
	neonSwish("QuickGELU", 1.702),
	neonSwish("SiLU", 1),
	{
		name: "TanhGELU", temps: 4, unroll: 4,
		value: func(g *neon, x, t int) {
			g.tanhExponent(x, t, t+1)
			g.onePlusExp(t, t+1, t+2, t+3)
			g.f("fdiv", x, x, t+3)
		},
		slope: func(g *neon, x, t int) {
			g.tanhExponent(x, t, t+1)
			g.onePlusExp(t, t+1, t+2, t+3)
			g.set(1, t)
			g.f("fdiv", t+1, t, t+3) // s
			g.f("fsub", t+2, t, t+1) // 1-s
			g.f("fmul", t+2, t+2, x) // x·(1-s)
			g.f("fmul", x, x, x)
			g.set(3*tanhCubic, t+3)
			g.f("fmul", x, x, t+3)
			g.set(tanhLinear, t+3)
			g.f("fadd", x, x, t+3)
			g.mla(t, x, t+2)
			g.f("fmul", x, t, t+1)
		},
	},
	{
		name: "GELU", temps: 5, unroll: 4,
		value: func(g *neon, x, t int) {
			g.tailArea(x, t, t+1, t+2, t+3, t+4)
			g.zero(t)
			g.f1("fabs", t+1, x)
			g.f("fmax", x, x, t)
			g.mls(x, t+1, t+2)
		},
		slope: func(g *neon, x, t int) {
			g.tailArea(x, t, t+1, t+2, t+3, t+4)
			g.set(0.5, t)
			g.f("fsub", t+2, t, t+2)
			g.set(math.Copysign(0, -1), t+1)
			g.op("VAND V%d.B16, V%d.B16, V%d.B16", x, t+1, t+1)
			g.op("VORR V%d.B16, V%d.B16, V%d.B16", t+1, t+2, t+2)
			g.f("fadd", t+2, t, t+2) // Φ(x)
			g.set(1/math.Sqrt(2*math.Pi), t+1)
			g.f("fmul", t+3, t+3, t+1)
			g.mla(t+2, x, t+3)
			g.move(x, t+2)
		},
	},
}

// activations writes the kernels for c = act(a) + r, where a, c and the optional r are given
// by a tile, and for dx = dy·act'(x).
func (g *neon) activations() {
	for _, act := range neonActivations {
		body := func(residual bool) {
			pointers := 2
			if residual {
				pointers = 3
			}
			g.each(pointers, act.unroll, func(l lane) {
				x := l.u * (1 + act.temps)
				g.load(l, 0, x)
				act.value(g, x, x+1)
				if residual {
					g.load(l, 2, x+1)
					g.f("fadd", x, x, x+1)
				}
				g.store(l, x, 1)
			})
		}
		g.fn("Finish"+act.name, "t *tile R15")
		g.op("MOVD tile_a(R15), R0")
		g.op("MOVD tile_c(R15), R1")
		g.op("MOVD tile_r(R15), R2")
		g.op("MOVD tile_lda(R15), R3")
		g.op("MOVD tile_ldc(R15), R4")
		g.op("MOVD tile_cols(R15), R6")
		g.op("MOVD tile_rows(R15), R5")
		row, plain, next := g.label("row"), g.label("plain"), g.label("next")
		g.at(row)
		g.op("CBZ R2, %s", plain)
		body(true)
		g.op("MOVD tile_ldr(R15), R14")
		g.op("ADD R14, R2")
		g.op("B %s", next)
		g.at(plain)
		body(false)
		g.at(next)
		g.op("ADD R3, R0")
		g.op("ADD R4, R1")
		g.op("SUBS $1, R5")
		g.op("BNE %s", row)
		g.ret()

		g.fn(act.name+"Grad", "dx []float32 R0 R6", "dy []float32 R1 _", "x []float32 R2 _")
		g.each(3, act.unroll, func(l lane) {
			x := l.u * (1 + act.temps)
			g.load(l, 2, x)
			act.slope(g, x, x+1)
			g.load(l, 1, x+1)
			g.f("fmul", x, x, x+1)
			g.store(l, x, 0)
		})
		g.ret()
	}
}

// zeros clears the registers 0..n-1.
func (g *neon) zeros(n int) {
	for i := range n {
		g.zero(i)
	}
}

// softmax writes the kernel for y = softmax(scale·x), scale > 0.
func (g *neon) softmax() {
	const n, scale, negated = 4, 31, 30
	g.fn("Softmax", "y []float32 R0 _", "x []float32 R1 R6", "scale float32 31")
	for u := range n {
		g.set(math.Inf(-1), u)
	}
	g.each(2, n, func(l lane) {
		g.loadSame(l, 1, n+l.u)
		g.f("fmax", l.u, l.u, n+l.u)
	})
	g.fold("fmax", 0, n, n)
	g.f("fmul", negated, 0, scale)
	g.f1("fneg", negated, negated)
	g.zeros(n)
	g.each(2, n, func(l lane) {
		x := n + 5*l.u
		g.load(l, 1, x+1)
		g.move(x, negated)
		g.mla(x, x+1, scale)
		g.exp(x, x+1, x+2, x+3)
		g.clip(l, x+2)
		g.f("fadd", l.u, l.u, x+2)
		g.store(l, x+2, 0)
	})
	g.fold("fadd", 0, n, n)
	g.set(1, 1)
	g.f("fdiv", 0, 1, 0)
	g.each(1, n, func(l lane) {
		g.load(l, 0, 1+l.u)
		g.f("fmul", 1+l.u, 1+l.u, 0)
		g.store(l, 1+l.u, 0)
	})
	g.ret()
}

// softmaxGrad writes the kernel for dx = scale·p·(dp - Σ p·dp).
func (g *neon) softmaxGrad() {
	const n, scale = 4, 31
	g.fn("SoftmaxGrad", "dx []float32 R0 R6", "p []float32 R1 _", "dp []float32 R2 _", "scale float32 31")
	g.zeros(n)
	g.each(3, n, func(l lane) {
		x := n + 2*l.u
		g.load(l, 1, x)
		g.load(l, 2, x+1)
		g.mla(l.u, x, x+1)
	})
	g.fold("fadd", 0, n, n)
	g.each(3, n, func(l lane) {
		x := n + 2*l.u
		g.load(l, 1, x)
		g.load(l, 2, x+1)
		g.f("fsub", x+1, x+1, 0)
		g.f("fmul", x, x, x+1)
		g.f("fmul", x, x, scale)
		g.store(l, x, 0)
	})
	g.ret()
}

// The registers of the layer norm kernels: the row's mean, 1/σ (eps before moments), 1/length,
// and for the gradient keep, mean(h) and mean(h·z).
const (
	neonMean = 24 + iota
	neonInverse
	neonPart
	neonKeep
	neonMeanH
	neonMeanHZ
)

// moments computes the first three of these registers for the row at pointer 2.
func (g *neon) moments() {
	const n = 4
	g.op("SCVTFS R6, F0")
	g.op("VDUP V0.S[0], V%d.S4", neonPart)
	g.set(1, 0)
	g.f("fdiv", neonPart, 0, neonPart)
	g.zeros(n)
	g.each(3, n, func(l lane) {
		g.load(l, 2, n+l.u)
		g.f("fadd", l.u, l.u, n+l.u)
	})
	g.fold("fadd", 0, n, n)
	g.f("fmul", neonMean, 0, neonPart)
	g.zeros(n)
	g.each(3, n, func(l lane) {
		g.load(l, 2, n+l.u)
		g.f("fsub", n+l.u, n+l.u, neonMean)
		g.clip(l, n+l.u)
		g.mla(l.u, n+l.u, n+l.u)
	})
	g.fold("fadd", 0, n, n)
	g.mla(neonInverse, 0, neonPart) // variance + eps
	g.f1("fsqrt", neonInverse, neonInverse)
	g.set(1, 1)
	g.f("fdiv", neonInverse, 1, neonInverse)
}

// standard writes x = (x-mean)·inverse.
func (g *neon) standard(x int) {
	g.f("fsub", x, x, neonMean)
	g.f("fmul", x, x, neonInverse)
}

// layerNorm writes the kernel for y = (x-mean)·inverse·gamma + beta.
func (g *neon) layerNorm() {
	const n = 4
	g.fn("LayerNorm", "y []float32 R0 _", "x []float32 R2 R6", "gamma []float32 R1 _", "beta []float32 R3 _", "eps float32 25")
	g.moments()
	g.each(4, n, func(l lane) {
		x := 3 * l.u
		g.load(l, 2, x)
		g.standard(x)
		g.load(l, 1, x+1)
		g.load(l, 3, x+2)
		g.mla(x+2, x, x+1)
		g.store(l, x+2, 0)
	})
	g.ret()
}

// layerNormGrad writes the kernel for the gradient of a layer norm's input, with the formula
// for amd64.
func (g *neon) layerNormGrad() {
	const n = 4
	g.fn("LayerNormGrad", "dx []float32 R0 _", "dy []float32 R1 _", "x []float32 R2 R6", "gamma []float32 R3 _", "stats []float32 R4 _",
		"eps float32 25", "keep float32 27")
	g.moments()
	g.op("FMOVS F%d, (R4)", neonMean)
	g.op("FMOVS F%d, 4(R4)", neonInverse)
	g.zeros(2 * n)
	g.each(4, n, func(l lane) {
		x := 2*n + 2*l.u
		g.load(l, 1, x)
		g.load(l, 3, x+1)
		g.f("fmul", x, x, x+1)
		g.f("fadd", l.u, l.u, x)
		g.load(l, 2, x+1)
		g.standard(x + 1)
		g.mla(n+l.u, x, x+1)
	})
	g.fold("fadd", 0, n, 2*n)
	g.fold("fadd", n, n, 2*n)
	g.f("fmul", neonMeanH, 0, neonPart)
	g.f("fmul", neonMeanHZ, n, neonPart)
	// Without accumulation, dx is undefined, so its bits are masked.
	g.op("VCMTST V%d.S4, V%d.S4, V%d.S4", neonKeep, neonKeep, neonKeep)
	g.each(4, n, func(l lane) {
		x := 3 * l.u
		g.load(l, 1, x)
		g.load(l, 3, x+1)
		g.load(l, 2, x+2)
		g.f("fmul", x, x, x+1)
		g.f("fsub", x, x, neonMeanH)
		g.standard(x + 2)
		g.mls(x, x+2, neonMeanHZ)
		g.f("fmul", x, x, neonInverse)
		g.load(l, 0, x+1)
		g.op("VAND V%d.B16, V%d.B16, V%d.B16", neonKeep, x+1, x+1)
		g.f("fadd", x, x, x+1)
		g.store(l, x, 0)
	})
	g.ret()
}

// normParamGrad writes the kernel for dgamma += dy·(x-mean)·inverse, dbeta += dy.
func (g *neon) normParamGrad() {
	const n = 4
	g.fn("NormParamGrad", "dgamma []float32 R0 R6", "dbeta []float32 R1 _", "dy []float32 R3 _", "x []float32 R2 _", "mean float32 24", "inverse float32 25")
	g.each(4, n, func(l lane) {
		x := 4 * l.u
		g.load(l, 2, x)
		g.standard(x)
		g.load(l, 3, x+1)
		g.load(l, 0, x+2)
		g.mla(x+2, x, x+1)
		g.store(l, x+2, 0)
		g.load(l, 1, x+3)
		g.f("fadd", x+3, x+3, x+1)
		g.store(l, x+3, 1)
	})
	g.ret()
}

// rows writes the kernels for y += a·x and y = a·x.
func (g *neon) rows() {
	const n, a = 4, 31
	g.fn("Axpy", "y []float32 R0 R6", "x []float32 R1 _", "a float32 31")
	g.each(2, n, func(l lane) {
		g.load(l, 1, 2*l.u)
		g.load(l, 0, 2*l.u+1)
		g.mla(2*l.u+1, 2*l.u, a)
		g.store(l, 2*l.u+1, 0)
	})
	g.ret()

	g.fn("Scale", "y []float32 R0 R6", "x []float32 R1 _", "a float32 31")
	g.each(2, n, func(l lane) {
		g.load(l, 1, l.u)
		g.f("fmul", l.u, l.u, a)
		g.store(l, l.u, 0)
	})
	g.ret()
}

// dot writes the kernel for the sum of products in double precision, of the whole groups of
// 16 elements of x.
func (g *neon) dot() {
	g.begin("neonDot", "x, y []float32", " (sum float64)", 56)
	g.op("MOVD x_base+0(FP), R0")
	g.op("MOVD x_len+8(FP), R2")
	g.op("MOVD y_base+24(FP), R1")
	const sums = 8
	g.zeros(sums)
	g.op("LSR $4, R2")
	g.op("CBZ R2, end")
	g.at("loop")
	widen := func(half, dst, a int) {
		if half == 0 {
			g.word(0x0e617800|uint32(a<<5|dst), "fcvtl v%d.2d, v%d.2s", dst, a)
		} else {
			g.word(0x4e617800|uint32(a<<5|dst), "fcvtl2 v%d.2d, v%d.4s", dst, a)
		}
	}
	for i := range sums / 2 {
		x, y := 8+6*i, 9+6*i
		g.op("FMOVQ.P 16(R0), F%d", x)
		g.op("FMOVQ.P 16(R1), F%d", y)
		for half := range 2 {
			wx, wy := x+2+2*half, x+3+2*half
			widen(half, wx, x)
			widen(half, wy, y)
			g.op("VFMLA V%d.D2, V%d.D2, V%d.D2", wy, wx, 2*i+half)
		}
	}
	g.op("SUBS $1, R2")
	g.op("BNE loop")
	g.at("end")
	for step := 1; step < sums; step *= 2 {
		for i := 0; i < sums; i += 2 * step {
			g.word(0x4e60d400|uint32((i+step)<<16|i<<5|i), "fadd v%d.2d, v%d.2d, v%d.2d", i, i, i+step)
		}
	}
	g.word(0x7e70d800, "faddp d0, v0.2d")
	g.op("FMOVD F0, sum+48(FP)")
	g.ret()
}

// adamw writes the kernel for a step of AdamW.
func (g *neon) adamw() {
	const keep1, take1, keep2, take2, decay, rate, root, eps = 24, 25, 26, 27, 28, 29, 30, 31
	g.fn("AdamW", "p []float32 R0 R6", "d []float32 R1 _", "m []float32 R2 _", "v []float32 R3 _", "s *adamw R4")
	for i, field := range []string{"keep1", "take1", "keep2", "take2", "decay", "rate", "root", "eps"} {
		g.op("FMOVS adamw_%s(R4), F%d", field, keep1+i)
		g.op("VDUP V%d.S[0], V%d.S4", keep1+i, keep1+i)
	}
	g.f1("fneg", rate, rate)
	g.each(4, 2, func(l lane) {
		d, m, v, p, t := 5*l.u, 5*l.u+1, 5*l.u+2, 5*l.u+3, 5*l.u+4
		g.load(l, 1, d)
		g.load(l, 2, m)
		g.load(l, 3, v)
		g.load(l, 0, p)
		g.f("fmul", m, m, keep1)
		g.mla(m, d, take1)
		g.store(l, m, 2)
		g.f("fmul", d, d, d)
		g.f("fmul", v, v, keep2)
		g.mla(v, d, take2)
		g.store(l, v, 3)
		// p = p·decay - rate·m / (√v·root + eps)
		g.f1("fsqrt", v, v)
		g.move(t, eps)
		g.mla(t, v, root)
		g.f("fmul", m, m, rate)
		g.f("fdiv", m, m, t)
		g.mla(m, p, decay)
		g.store(l, m, 0)
	})
	g.ret()
}

// quantize writes the kernels that convert a row of float32 to levels: its minimum and maximum
// element, and q = round((x-low)·inverse) for whole groups of 16.
func (g *neon) quantize() {
	const n = 4
	g.fn("Extent", "lohi []float32 R1 _", "x []float32 R0 R6")
	for u := range 2 * n {
		g.op("VLD1R (R0), [V%d.S4]", u)
	}
	g.each(1, n, func(l lane) {
		g.loadSame(l, 0, 2*n+l.u)
		g.f("fmin", l.u, l.u, 2*n+l.u)
		g.f("fmax", n+l.u, n+l.u, 2*n+l.u)
	})
	g.fold("fmin", 0, n, 2*n)
	g.fold("fmax", n, n, 2*n)
	g.op("FMOVS F0, (R1)")
	g.op("FMOVS F%d, 4(R1)", n)
	g.ret()

	const low, inverse = 30, 31
	g.fn("Quantize", "q []byte R0 _", "x []float32 R1 R2", "low float32 30", "inverse float32 31")
	g.op("LSR $4, R2")
	g.op("CBZ R2, end")
	g.at("loop")
	for i := range n {
		g.op("FMOVQ.P 16(R1), F%d", i)
		g.f("fsub", i, i, low)
		g.f("fmul", i, i, inverse)
		g.f1("fcvtnu", i, i)
	}
	// narrow converts the integers of a to half their width, saturated, in one half of dst.
	narrow := func(size, half, dst, a int) {
		code := uint32(0x2e214800 | (size/32)<<22 | half<<30 | a<<5 | dst)
		if size == 32 {
			g.word(code, "uqxtn%s v%d.%dh, v%d.4s", []string{"", "2"}[half], dst, 4+4*half, a)
		} else {
			g.word(code, "uqxtn%s v%d.%db, v%d.8h", []string{"", "2"}[half], dst, 8+8*half, a)
		}
	}
	narrow(32, 0, 0, 0)
	narrow(32, 1, 0, 1)
	narrow(32, 0, 2, 2)
	narrow(32, 1, 2, 3)
	narrow(16, 0, 0, 0)
	narrow(16, 1, 0, 2)
	g.op("FMOVQ.P F0, 16(R0)")
	g.op("SUBS $1, R2")
	g.op("BNE loop")
	g.at("end")
	g.ret()
}
