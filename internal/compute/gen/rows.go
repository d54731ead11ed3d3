package main

import (
	"fmt"
	"math"
)

// softmax writes the kernel for y = softmax(scale·x), scale > 0.
func (g *asm) softmax() {
	n := g.unroll(4)
	scale, largest := g.hold(0), g.hold(1)
	g.fn("Softmax", "y []float32 DI _", "x []float32 SI R8", fmt.Sprintf("scale float32 %d", scale))
	fill := g.hold(2)
	g.set(math.Inf(-1), fill)
	for u := range n {
		g.set(math.Inf(-1), u)
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		g.loadOr(l, "SI", n+l.u, fill)
		g.ops3("VMAXPS", l.u, n+l.u, l.u)
	})
	g.fold("VMAXPS", 0, n, n)
	g.ops3("VMULPS", 0, scale, largest)
	for u := range n {
		g.zero(u)
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		x := n + 3*l.u
		g.load(l, "SI", x)
		g.op("VFMSUB213PS %s, %s, %s", g.v(largest), g.v(scale), g.v(x))
		g.exp(x, x+1, x+2)
		g.clip(l, x+2)
		g.ops3("VADDPS", l.u, x+2, l.u)
		g.store(l, x+2, "DI")
	})
	g.fold("VADDPS", 0, n, n)
	g.set(1, 1)
	g.ops3("VDIVPS", 1, 0, 0)
	g.op("MOVQ R8, CX")
	g.each(g.unroll(8), func(l lane) {
		g.load(l, "DI", 1+l.u)
		g.ops3("VMULPS", 1+l.u, 0, 1+l.u)
		g.store(l, 1+l.u, "DI")
	})
	g.ret()
}

// softmaxGrad writes the kernel for dx = scale·p·(dp - Σ p·dp).
func (g *asm) softmaxGrad() {
	n, scale := g.unroll(4), g.hold(0)
	g.fn("SoftmaxGrad", "dx []float32 DI R8", "p []float32 SI _", "dp []float32 R9 _", fmt.Sprintf("scale float32 %d", scale))
	for u := range n {
		g.zero(u)
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		x := n + 2*l.u
		g.load(l, "SI", x)
		g.load(l, "R9", x+1)
		g.op("VFMADD231PS %s, %s, %s", g.v(x), g.v(x+1), g.v(l.u))
	})
	g.fold("VADDPS", 0, n, n)
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		x := n + 2*l.u
		g.load(l, "SI", x)
		g.load(l, "R9", x+1)
		g.ops3("VSUBPS", x+1, 0, x+1)
		g.ops3("VMULPS", x, x+1, x)
		g.ops3("VMULPS", x, scale, x)
		g.store(l, x, "DI")
	})
	g.ret()
}

// normRegisters are the registers of the layer norm kernels: the row's mean, 1/σ (eps before
// moments) and 1/length.
func (g *asm) normRegisters() (mean, inverse, part int) { return g.hold(0), g.hold(1), g.hold(2) }

// moments computes the contents of normRegisters for the row of R8 elements at SI.
func (g *asm) moments() {
	mean, inverse, part := g.normRegisters()
	n := g.unroll(4)
	low := func(r int) string { return fmt.Sprintf("X%d", r) }
	g.op("VCVTSI2SSQ R8, %s, %s", low(1), low(1))
	g.op("VBROADCASTSS %s, %s", low(1), g.v(part))
	g.set(1, 0)
	g.ops3("VDIVPS", 0, part, part)
	for u := range n {
		g.zero(u)
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		g.load(l, "SI", n+l.u)
		g.ops3("VADDPS", l.u, n+l.u, l.u)
	})
	g.fold("VADDPS", 0, n, n)
	g.ops3("VMULPS", 0, part, mean)
	for u := range n {
		g.zero(u)
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		g.load(l, "SI", n+l.u)
		g.ops3("VSUBPS", n+l.u, mean, n+l.u)
		g.clip(l, n+l.u)
		g.op("VFMADD231PS %s, %s, %s", g.v(n+l.u), g.v(n+l.u), g.v(l.u))
	})
	g.fold("VADDPS", 0, n, n)
	g.op("VFMADD213PS %s, %s, %s", g.v(inverse), g.v(part), g.v(0)) // variance + eps
	g.op("VSQRTPS %s, %s", g.v(0), g.v(0))
	g.set(1, 1)
	g.ops3("VDIVPS", 1, 0, inverse)
}

// layerNorm writes the kernel for y = (x-mean)·inverse·gamma + beta.
func (g *asm) layerNorm() {
	mean, inverse, _ := g.normRegisters()
	g.fn("LayerNorm", "y []float32 DI _", "x []float32 SI R8", "gamma []float32 R9 _", "beta []float32 R10 _",
		fmt.Sprintf("eps float32 %d", inverse))
	g.moments()
	g.op("MOVQ R8, CX")
	g.each(g.unroll(4), func(l lane) {
		x := 3 * l.u
		g.load(l, "SI", x)
		g.ops3("VSUBPS", x, mean, x)
		g.ops3("VMULPS", x, inverse, x)
		g.load(l, "R9", x+1)
		g.load(l, "R10", x+2)
		g.op("VFMADD213PS %s, %s, %s", g.v(x+2), g.v(x+1), g.v(x))
		g.store(l, x, "DI")
	})
	g.ret()
}

// layerNormGrad writes the kernel for the gradient of a layer norm's input. With
// z = (x-mean)·inverse and h = dy·gamma, it is
// dx = keep·dx + inverse·(h - mean(h) - z·mean(h·z)); keep is 0 or 1.
func (g *asm) layerNormGrad() {
	mean, inverse, part := g.normRegisters()
	keep, mh, mhz := g.hold(3), g.hold(2), g.hold(4)
	n := g.unroll(4)
	g.fn("LayerNormGrad", "dx []float32 DI _", "dy []float32 R9 _", "x []float32 SI R8", "gamma []float32 R10 _", "stats []float32 R11 _",
		fmt.Sprintf("eps float32 %d", inverse), fmt.Sprintf("keep float32 %d", keep))
	g.moments()
	g.op("VMOVSS X%d, (R11)", mean)
	g.op("VMOVSS X%d, 4(R11)", inverse)
	for u := range 2 * n {
		g.zero(u)
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		x := 2*n + 2*l.u
		g.load(l, "R9", x)
		g.load(l, "R10", x+1)
		g.ops3("VMULPS", x, x+1, x)
		g.ops3("VADDPS", l.u, x, l.u)
		g.load(l, "SI", x+1)
		g.ops3("VSUBPS", x+1, mean, x+1)
		g.ops3("VMULPS", x+1, inverse, x+1)
		g.op("VFMADD231PS %s, %s, %s", g.v(x), g.v(x+1), g.v(n+l.u))
	})
	g.fold("VADDPS", 0, n, 2*n)
	g.fold("VADDPS", n, n, 2*n)
	g.ops3("VMULPS", n, part, mhz)
	g.ops3("VMULPS", 0, part, mh)
	// Without accumulation, dx is undefined, so its bits are masked.
	zero := 0
	g.zero(zero)
	if g.wide {
		g.op("VCMPPS $4, %s, %s, K2", g.v(zero), g.v(keep))
	} else {
		g.op("VCMPPS $4, %s, %s, %s", g.v(zero), g.v(keep), g.v(keep))
	}
	g.op("MOVQ R8, CX")
	g.each(n, func(l lane) {
		x := 3 * l.u
		g.load(l, "R9", x)
		g.load(l, "R10", x+1)
		g.load(l, "SI", x+2)
		g.ops3("VMULPS", x, x+1, x)
		g.ops3("VSUBPS", x, mh, x)
		g.ops3("VSUBPS", x+2, mean, x+2)
		g.ops3("VMULPS", x+2, inverse, x+2)
		g.op("VFNMADD231PS %s, %s, %s", g.v(x+2), g.v(mhz), g.v(x))
		g.ops3("VMULPS", x, inverse, x)
		g.load(l, "DI", x+1)
		if g.wide {
			g.op("VMOVAPS.Z %s, K2, %s", g.v(x+1), g.v(x+1))
		} else {
			g.ops3("VANDPS", x+1, keep, x+1)
		}
		g.ops3("VADDPS", x, x+1, x)
		g.store(l, x, "DI")
	})
	g.ret()
}

// normParamGrad writes the kernel for dgamma += dy·(x-mean)·inverse, dbeta += dy.
func (g *asm) normParamGrad() {
	mean, inverse, _ := g.normRegisters()
	g.fn("NormParamGrad", "dgamma []float32 DI CX", "dbeta []float32 R8 _", "dy []float32 R9 _", "x []float32 SI _",
		fmt.Sprintf("mean float32 %d", mean), fmt.Sprintf("inverse float32 %d", inverse))
	g.each(g.unroll(4), func(l lane) {
		x := 3 * l.u
		g.load(l, "SI", x)
		g.ops3("VSUBPS", x, mean, x)
		g.ops3("VMULPS", x, inverse, x)
		g.load(l, "R9", x+1)
		g.load(l, "DI", x+2)
		g.op("VFMADD231PS %s, %s, %s", g.v(x), g.v(x+1), g.v(x+2))
		g.store(l, x+2, "DI")
		g.load(l, "R8", x+2)
		g.ops3("VADDPS", x+2, x+1, x+2)
		g.store(l, x+2, "R8")
	})
	g.ret()
}

// rows writes the kernels for y += a·x, y = a·x and x·y.
func (g *asm) rows() {
	a := fmt.Sprintf("a float32 %d", g.hold(0))
	n := g.unroll(8)
	g.fn("Axpy", "y []float32 DI CX", "x []float32 SI _", a)
	g.each(n, func(l lane) {
		g.load(l, "SI", 2*l.u)
		g.load(l, "DI", 2*l.u+1)
		g.op("VFMADD231PS %s, %s, %s", g.v(2*l.u), g.v(g.hold(0)), g.v(2*l.u+1))
		g.store(l, 2*l.u+1, "DI")
	})
	g.ret()

	g.fn("Scale", "y []float32 DI CX", "x []float32 SI _", a)
	g.each(n, func(l lane) {
		g.load(l, "SI", l.u)
		g.ops3("VMULPS", l.u, g.hold(0), l.u)
		g.store(l, l.u, "DI")
	})
	g.ret()

	g.dot()
}

// dot writes the kernel for the sum of products in double precision, of the whole groups of
// 16 elements of x.
func (g *asm) dot() {
	g.begin(g.name+"Dot", "x, y []float32", " (sum float64)", 56)
	g.op("MOVQ x_base+0(FP), SI")
	g.op("MOVQ x_len+8(FP), CX")
	g.op("MOVQ y_base+24(FP), DI")
	sums := 128 / g.bytes()
	for u := range sums {
		g.zero(u)
	}
	g.op("SHRQ $4, CX")
	g.op("JZ end")
	g.at("loop")
	for u := range sums {
		g.op("VCVTPS2PD %d(SI), %s", u*g.bytes()/2, g.v(sums+2*u))
		g.op("VCVTPS2PD %d(DI), %s", u*g.bytes()/2, g.v(sums+2*u+1))
		g.op("VFMADD231PD %s, %s, %s", g.v(sums+2*u), g.v(sums+2*u+1), g.v(u))
	}
	g.op("ADDQ $64, SI")
	g.op("ADDQ $64, DI")
	g.op("DECQ CX")
	g.op("JNZ loop")
	g.at("end")
	for step := 1; step < sums; step *= 2 {
		for i := 0; i < sums; i += 2 * step {
			g.op("VADDPD %s, %s, %s", g.v(i+step), g.v(i), g.v(i))
		}
	}
	if g.wide {
		g.op("VEXTRACTF64X4 $1, Z0, Y1")
		g.op("VADDPD Y1, Y0, Y0")
	}
	g.op("VEXTRACTF128 $1, Y0, X1")
	g.op("VADDPD X1, X0, X0")
	g.op("VPERMILPD $1, X0, X1")
	g.op("VADDSD X1, X0, X0")
	g.op("VMOVSD X0, sum+48(FP)")
	g.ret()
}

// adamw writes the kernel for a step of AdamW.
func (g *asm) adamw() {
	g.fn("AdamW", "p []float32 DI CX", "d []float32 SI _", "m []float32 R8 _", "v []float32 R9 _", "s *adamw AX")
	fields := []string{"keep1", "take1", "keep2", "take2", "decay", "rate", "root", "eps"}
	hold := map[string]int{}
	for i, f := range fields {
		hold[f] = g.hold(i)
		g.op("VBROADCASTSS adamw_%s(AX), %s", f, g.v(hold[f]))
	}
	g.each(g.unroll(2), func(l lane) {
		d, m, v, p := 4*l.u, 4*l.u+1, 4*l.u+2, 4*l.u+3
		g.load(l, "SI", d)
		g.load(l, "R8", m)
		g.load(l, "R9", v)
		g.load(l, "DI", p)
		g.ops3("VMULPS", m, hold["keep1"], m)
		g.op("VFMADD231PS %s, %s, %s", g.v(d), g.v(hold["take1"]), g.v(m))
		g.store(l, m, "R8")
		g.ops3("VMULPS", d, d, d)
		g.ops3("VMULPS", v, hold["keep2"], v)
		g.op("VFMADD231PS %s, %s, %s", g.v(d), g.v(hold["take2"]), g.v(v))
		g.store(l, v, "R9")
		// p = p·decay - rate·m / (√v·root + eps)
		g.op("VSQRTPS %s, %s", g.v(v), g.v(v))
		g.op("VFMADD213PS %s, %s, %s", g.v(hold["eps"]), g.v(hold["root"]), g.v(v))
		g.ops3("VMULPS", m, hold["rate"], m)
		g.ops3("VDIVPS", m, v, m)
		g.op("VFMSUB213PS %s, %s, %s", g.v(m), g.v(hold["decay"]), g.v(p))
		g.store(l, p, "DI")
	})
	g.ret()
}
