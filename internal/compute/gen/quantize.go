package main

import "fmt"

// quantize writes the kernels that convert a row of float32 to levels for integer tiles.
func (g *asm) quantize() {
	// The minimum and maximum element of a row.
	n := g.unroll(4)
	first := g.hold(0)
	g.fn("Extent", "lohi []float32 DI _", "x []float32 SI CX")
	g.op("VBROADCASTSS (SI), %s", g.v(first))
	for u := range 2 * n {
		g.op("VMOVAPS %s, %s", g.v(first), g.v(u))
	}
	g.each(n, func(l lane) {
		g.loadOr(l, "SI", 2*n+l.u, first)
		g.ops3("VMINPS", l.u, 2*n+l.u, l.u)
		g.ops3("VMAXPS", n+l.u, 2*n+l.u, n+l.u)
	})
	g.fold("VMINPS", 0, n, 2*n)
	g.fold("VMAXPS", n, n, 2*n)
	g.op("VMOVSS X0, (DI)")
	g.op("VMOVSS X%d, 4(DI)", n)
	g.ret()

	// q = round((x-low)·inverse) for whole groups of 16.
	low, inverse := g.hold(0), g.hold(1)
	g.fn("Quantize", "q []byte DI _", "x []float32 SI CX", fmt.Sprintf("low float32 %d", low), fmt.Sprintf("inverse float32 %d", inverse))
	g.op("SHRQ $4, CX")
	g.op("JZ end")
	g.at("loop")
	for i := range 64 / g.bytes() {
		g.op("VMOVUPS %d(SI), %s", i*g.bytes(), g.v(i))
		g.ops3("VSUBPS", i, low, i)
		g.ops3("VMULPS", i, inverse, i)
		g.op("VCVTPS2DQ %s, %s", g.v(i), g.v(i))
	}
	if g.wide {
		g.op("VPMOVUSDB Z0, (DI)")
	} else {
		g.op("VPACKUSDW Y1, Y0, Y0")
		g.op("VPERMQ $0xd8, Y0, Y0")
		g.op("VEXTRACTI128 $1, Y0, X1")
		g.op("VPACKUSWB X1, X0, X0")
		g.op("VMOVDQU X0, (DI)")
	}
	g.op("ADDQ $16, DI")
	g.op("ADDQ $64, SI")
	g.op("DECQ CX")
	g.op("JNZ loop")
	g.at("end")
	g.ret()
}
