package main

import "math"

// exp writes p = e^x for x <= 88; x and n are overwritten. Below -87.3, where the result
// would not be a normal number, it is e^-87.3 = 1.2e-38. The argument is reduced to
// |r| <= ln 2 / 2, for which the degree-7 polynomial of Cephes (Moshier) is used. The relative
// error is at most 1e-7. NaN stays NaN.
func (g *asm) exp(x, n, p int) {
	g.set(-87.33654, n)
	// In this order of operands, MAX returns the first if either is NaN.
	g.op("VMAXPS %s, %s, %s", g.v(x), g.v(n), g.v(x))
	g.opk("VMULPS", math.Log2E, g.v(x), g.v(n))
	if g.wide {
		g.op("VRNDSCALEPS $8, %s, %s", g.v(n), g.v(n))
	} else {
		g.op("VROUNDPS $8, %s, %s", g.v(n), g.v(n))
	}
	g.opk("VFNMADD231PS", 0.693359375, g.v(n), g.v(x))
	g.opk("VFNMADD231PS", -2.12194440e-4, g.v(n), g.v(x))
	g.set(1.9875691500e-4, p)
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1} {
		g.opk("VFMADD213PS", c, g.v(x), g.v(p))
	}
	if g.wide {
		g.op("VSCALEFPS %s, %s, %s", g.v(n), g.v(p), g.v(p))
		return
	}
	g.op("VCVTPS2DQ %s, %s", g.v(n), g.v(n))
	g.op("VPSLLD $23, %s, %s", g.v(n), g.v(n))
	g.op("VPADDD %s, %s, %s", g.v(n), g.v(p), g.v(p))
}

// logistic writes d = 1 + e^(-factor·x); n and p are overwritten.
func (g *asm) logistic(factor float64, x, n, p, d int) {
	g.opk("VMULPS", -factor, g.v(x), g.v(n))
	g.onePlusExp(n, p, d)
}

// onePlusExp writes d = 1 + e^n; n and p are overwritten.
func (g *asm) onePlusExp(n, p, d int) {
	g.set(87, d) // so that 1/d is a normal number
	g.op("VMINPS %s, %s, %s", g.v(n), g.v(d), g.v(n))
	g.exp(n, p, d)
	g.opk("VADDPS", 1, g.v(d), g.v(d))
}

// tailArea writes c = Φ(-|x|), the area of the normal distribution beyond |x|, and
// e = e^(-x²/2); a and b are overwritten. It uses formula 7.1.26 of Abramowitz and Stegun, with
// an error of at most 8e-8.
func (g *asm) tailArea(x, a, b, c, e int) {
	from, size := g.v(x), g.v(a)
	g.zero(a)
	g.ops3("VSUBPS", a, x, a)
	g.op("VMAXPS %s, %s, %s", size, from, size) // |x|
	g.opk("VMULPS", math.Sqrt(0.5), size, size)
	g.set(1, b)
	g.op("VMOVAPS %s, %s", g.v(b), g.v(c))
	g.opk("VFMADD231PS", 0.3275911, size, g.v(c))
	g.ops3("VDIVPS", b, c, b) // 1/(1 + 0.3275911·|x|/√2)
	g.set(1.061405429/2, c)
	for _, k := range []float64{-1.453152027 / 2, 1.421413741 / 2, -0.284496736 / 2, 0.254829592 / 2} {
		g.opk("VFMADD213PS", k, g.v(b), g.v(c))
	}
	g.ops3("VMULPS", c, b, c)
	g.ops3("VMULPS", a, a, a)
	g.opk("VMULPS", -1, g.v(a), g.v(a))
	g.exp(a, b, e)
	g.ops3("VMULPS", c, e, c)
}

// geluTerms are the coefficients of a polynomial p of degree 14 in s = 2u²/geluEnd² - 1, so that
// Φ(u) = 1/2 + u·p(s) for |u| <= geluEnd, with an error of at most 1.6e-7 in float32. They
// minimize the largest error (Lawson 1961). Beyond geluEnd, Φ is 0 or 1 with a smaller error.
const geluEnd = 5.25

var geluTerms = []float64{
	0.13465934991836548, -0.06712677329778671, 0.04964567720890045, -0.039764877408742905, 0.032033976167440414,
	-0.025027582421898842, 0.01851775124669075, -0.012834441848099232, 0.008496085181832314, -0.005331736523658037,
	0.0027472106739878654, -0.0011486447183415294, 0.0007948095444589853, -0.0006178250187076628, 0.00019510535639710724,
}

// gelu writes x = x·Φ(x) without a division or an exponential function. The even and the odd
// terms of the polynomial are two chains, which halves the time until the result is known.
func (g *asm) gelu(x, t int) {
	u, s, even, odd := t, t+1, t+2, t+3
	g.set(-geluEnd, u)
	g.op("VMAXPS %s, %s, %s", g.v(x), g.v(u), g.v(x)) // NaN stays NaN
	g.opk("VMINPS", geluEnd, g.v(x), g.v(u))
	g.ops3("VMULPS", u, u, s)
	g.set(2/(geluEnd*geluEnd), odd)
	g.opk("VFMADD213PS", -1, g.v(odd), g.v(s))
	square, last := u, len(geluTerms)-1
	g.ops3("VMULPS", s, s, square)
	g.set(geluTerms[last], even)
	g.set(geluTerms[last-1], odd)
	for i := last - 2; i >= 0; i -= 2 {
		g.opk("VFMADD213PS", geluTerms[i], g.v(square), g.v(even))
		if i > 0 {
			g.opk("VFMADD213PS", geluTerms[i-1], g.v(square), g.v(odd))
		}
	}
	g.op("VFMADD231PS %s, %s, %s", g.v(odd), g.v(s), g.v(even))
	g.opk("VMINPS", geluEnd, g.v(x), g.v(u))
	g.opk("VFMADD213PS", 0.5, g.v(u), g.v(even))
	g.ops3("VMULPS", x, even, x)
}

// activation is an activation with kernels, by the name of its Go constant.
type activation struct {
	name   string
	temps  int
	value  func(g *asm, x, t int) // x = act(x), with temporaries from t
	slope  func(g *asm, x, t int) // x = act'(x)
	unroll int
}

// swish is x·sigmoid(factor·x).
func swish(name string, factor float64) activation {
	return activation{
		name: name, temps: 3, unroll: 4,
		value: func(g *asm, x, t int) {
			g.logistic(factor, x, t, t+1, t+2)
			g.ops3("VDIVPS", x, t+2, x)
		},
		// s·(1 + factor·x·(1-s))
		slope: func(g *asm, x, t int) {
			g.logistic(factor, x, t, t+1, t+2)
			g.set(1, t)
			g.ops3("VDIVPS", t, t+2, t+1) // s
			g.ops3("VSUBPS", t, t+1, t+2) // 1-s
			g.opk("VMULPS", factor, g.v(x), g.v(x))
			g.op("VFMADD213PS %s, %s, %s", g.v(t), g.v(t+2), g.v(x))
			g.ops3("VMULPS", x, t+1, x)
		},
	}
}

// GELU with tanh is x·sigmoid(tanhLinear·x + tanhCubic·x³), because (1+tanh z)/2 is sigmoid(2z).
var (
	tanhLinear = 2 * math.Sqrt(2/math.Pi)
	tanhCubic  = 0.044715 * tanhLinear
)

var activations = []activation{
	swish("QuickGELU", 1.702),
	swish("SiLU", 1),
	{
		name: "TanhGELU", temps: 3, unroll: 4,
		value: func(g *asm, x, t int) {
			g.tanhExponent(x, t)
			g.onePlusExp(t, t+1, t+2)
			g.ops3("VDIVPS", x, t+2, x)
		},
		// s·(1 + x·(tanhLinear + 3·tanhCubic·x²)·(1-s))
		slope: func(g *asm, x, t int) {
			g.tanhExponent(x, t)
			g.onePlusExp(t, t+1, t+2)
			g.set(1, t)
			g.ops3("VDIVPS", t, t+2, t+1) // s
			g.ops3("VSUBPS", t, t+1, t+2) // 1-s
			g.ops3("VMULPS", x, t+2, t+2) // x·(1-s)
			g.ops3("VMULPS", x, x, x)
			g.opk("VMULPS", 3*tanhCubic, g.v(x), g.v(x))
			g.opk("VADDPS", tanhLinear, g.v(x), g.v(x))
			g.op("VFMADD213PS %s, %s, %s", g.v(t), g.v(t+2), g.v(x))
			g.ops3("VMULPS", x, t+1, x)
		},
	},
	{
		name: "GELU", temps: 4, unroll: 4,
		value: (*asm).gelu,
		// Φ(x) + x·φ(x)
		slope: func(g *asm, x, t int) {
			g.tailArea(x, t, t+1, t+2, t+3)
			g.set(0.5, t)
			g.ops3("VSUBPS", t, t+2, t+2)
			g.opk("VANDPS", math.Copysign(0, -1), g.v(x), g.v(t+1))
			g.ops3("VORPS", t+1, t+2, t+2)
			g.ops3("VADDPS", t, t+2, t+2) // Φ(x)
			g.opk("VMULPS", 1/math.Sqrt(2*math.Pi), g.v(t+3), g.v(t+3))
			g.op("VFMADD213PS %s, %s, %s", g.v(t+2), g.v(t+3), g.v(x))
		},
	},
}

// tanhExponent writes n = -(tanhLinear·x + tanhCubic·x³).
func (g *asm) tanhExponent(x, n int) {
	g.ops3("VMULPS", x, x, n)
	g.opk("VMULPS", -tanhCubic, g.v(n), g.v(n))
	g.opk("VADDPS", -tanhLinear, g.v(n), g.v(n))
	g.ops3("VMULPS", x, n, n)
}

// finishes writes the kernels for c = act(a) + r, where a, c and the optional r are given by
// a tile.
func (g *asm) finishes() {
	for _, act := range activations {
		g.fn("Finish"+act.name, "t *tile AX")
		g.op("MOVQ tile_a(AX), SI")
		g.op("MOVQ tile_c(AX), DI")
		g.op("MOVQ tile_r(AX), R9")
		g.op("MOVQ tile_rows(AX), R8")
		row, plain, next := g.label("row"), g.label("plain"), g.label("next")
		body := func(residual bool) {
			g.op("MOVQ tile_cols(AX), CX")
			g.each(g.unroll(act.unroll), func(l lane) {
				x := l.u * (1 + act.temps)
				g.load(l, "SI", x)
				act.value(g, x, x+1)
				if residual {
					g.load(l, "R9", x+1)
					g.ops3("VADDPS", x, x+1, x)
				}
				g.store(l, x, "DI")
			})
		}
		g.at(row)
		g.op("TESTQ R9, R9")
		g.op("JZ %s", plain)
		body(true)
		g.op("ADDQ tile_ldr(AX), R9")
		g.op("JMP %s", next)
		g.at(plain)
		body(false)
		g.at(next)
		g.op("ADDQ tile_lda(AX), SI")
		g.op("ADDQ tile_ldc(AX), DI")
		g.op("DECQ R8")
		g.op("JNZ %s", row)
		g.ret()
	}
}

// slopes writes the kernels for dx = dy·act'(x).
func (g *asm) slopes() {
	for _, act := range activations {
		g.fn(act.name+"Grad", "dx []float32 DI CX", "dy []float32 R9 _", "x []float32 SI _")
		g.each(g.unroll(act.unroll), func(l lane) {
			x := l.u * (1 + act.temps)
			g.load(l, "SI", x)
			act.slope(g, x, x+1)
			g.load(l, "R9", x+1)
			g.ops3("VMULPS", x, x+1, x)
			g.store(l, x, "DI")
		})
		g.ret()
	}
}
