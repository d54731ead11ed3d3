package main

// transpose writes dst[c][r] = src[r][c] for any number of columns and at most as many rows
// as a vector has elements. The leading dimensions are in bytes. It transposes one square at a
// time, in registers.
func (g *asm) transpose() {
	n := g.lanes
	g.fn("Transpose", "dst *float32 DI", "ldd uintptr R8", "src *float32 SI", "lds uintptr BX", "rows int R10", "cols int DX")
	square, part, shuffle, done := g.label("square"), g.label("part"), g.label("shuffle"), g.label("done")
	if g.wide {
		g.mask("R10", 2, 0)
	}
	g.at(square)
	g.op("TESTQ DX, DX")
	g.op("JZ %s", done)
	g.op("CMPQ DX, $%d", n)
	g.op("JLT %s", part)
	g.loadSquare(false)
	g.op("JMP %s", shuffle)
	g.at(part)
	g.mask("DX", 1, 15)
	g.loadSquare(true)
	g.at(shuffle)
	first := g.shuffle()
	stores := func(one func(r int)) {
		for c := range n {
			one(first + c)
			g.op("ADDQ R8, DI")
			g.op("DECQ DX")
			if c < n-1 {
				g.op("JZ %s", done)
			}
		}
		g.op("ADDQ $%d, SI", g.bytes())
		g.op("JMP %s", square)
	}
	if g.wide {
		stores(func(r int) { g.op("VMOVUPS %s, K2, (DI)", g.v(r)) })
	} else {
		few := g.label("few")
		g.op("CMPQ R10, $%d", n)
		g.op("JLT %s", few)
		stores(func(r int) { g.op("VMOVUPS %s, (DI)", g.v(r)) })
		g.at(few)
		g.mask("R10", 0, 0)
		stores(func(r int) { g.op("VMASKMOVPS %s, Y0, (DI)", g.v(r)) })
	}
	g.at(done)
	g.ret()
}

// loadSquare loads a square's rows to the registers from 0; rows beyond the last repeat it.
func (g *asm) loadSquare(tail bool) {
	g.op("MOVQ SI, R9")
	for r := range g.lanes {
		g.loadAt(tail, "(R9)", r)
		if r < g.lanes-1 {
			g.op("LEAQ (R9)(BX*1), R11")
			g.op("CMPQ R10, $%d", r+1)
			g.op("CMOVQGT R11, R9")
		}
	}
}

// shuffle transposes the square in the registers from 0, and returns the first register of
// the result. Each stage moves it between the registers 0..n-1 and n..2n-1.
func (g *asm) shuffle() int {
	n := g.lanes
	unpack := func(kind string, a, b, dst int) { g.op("VUNPCK%s %s, %s, %s", kind, g.v(b), g.v(a), g.v(dst)) }
	for i := 0; i < n; i += 2 {
		unpack("LPS", i, i+1, n+i)
		unpack("HPS", i, i+1, n+i+1)
	}
	for i := 0; i < n; i += 4 {
		unpack("LPD", n+i, n+i+2, i)
		unpack("HPD", n+i, n+i+2, i+1)
		unpack("LPD", n+i+1, n+i+3, i+2)
		unpack("HPD", n+i+1, n+i+3, i+3)
	}
	// Now the 128-bit part p of register i+c holds column 4p+c of the rows i..i+3.
	if !g.wide {
		for c := range 4 {
			g.op("VPERM2F128 $0x20, %s, %s, %s", g.v(4+c), g.v(c), g.v(8+c))
			g.op("VPERM2F128 $0x31, %s, %s, %s", g.v(4+c), g.v(c), g.v(12+c))
		}
		return n
	}
	pick := func(order, a, b, dst int) {
		g.op("VSHUFF32X4 $0x%02x, %s, %s, %s", order, g.v(b), g.v(a), g.v(dst))
	}
	const even, odd = 0x88, 0xdd
	for c := range 4 {
		pick(even, c, 4+c, 16+c)
		pick(odd, c, 4+c, 20+c)
		pick(even, 8+c, 12+c, 24+c)
		pick(odd, 8+c, 12+c, 28+c)
	}
	for c := range 4 {
		pick(even, 16+c, 24+c, c)
		pick(odd, 16+c, 24+c, 8+c)
		pick(even, 20+c, 28+c, 4+c)
		pick(odd, 20+c, 28+c, 12+c)
	}
	return 0
}
