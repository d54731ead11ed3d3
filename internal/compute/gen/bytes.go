package main

// byteDots writes the kernel for dst[i] = bias + Σ row·query, four rows at a time. Rows are
// unsigned bytes, the query is signed. Rows need not be adjacent, so the next four are
// prefetched while four are multiplied. The length of the query, a multiple of 64, is also
// the distance between rows.
func (g *asm) byteDots() {
	g.fn("ByteDots", "dst []int32 DI CX", "rows []byte SI _", "at []int32 R8 _", "query []int8 R9 _", "bias int64 _")
	const length = "query_len+80(FP)"
	now, next := []string{"AX", "BX", "R11", "R12"}, []string{"R10", "R13", "R14", "R15"}
	find := func(pointers []string, first int) {
		for i, p := range pointers {
			g.op("MOVLQSX %d(R8), %s", 4*(first+i), p)
			g.op("IMULQ %s, %s", length, p)
			g.op("ADDQ SI, %s", p)
		}
	}
	g.op("SHRQ $2, CX")
	g.op("JZ end")
	find(now, 0)
	g.at("four")
	for i := range now {
		g.op("MOVQ %s, %s", now[i], next[i])
	}
	g.op("CMPQ CX, $1")
	g.op("JE last")
	find(next, 4)
	g.at("last")
	for r := range now {
		g.zero(r)
	}
	g.op("XORQ DX, DX")
	g.op("PCALIGN $32")
	g.at("loop")
	for _, p := range next {
		g.op("PREFETCHT0 (%s)(DX*1)", p)
	}
	g.addByteProducts(now)
	g.op("ADDQ $64, DX")
	g.op("CMPQ DX, %s", length)
	g.op("JLT loop")
	if g.wide {
		for r := range now {
			g.op("VEXTRACTI64X4 $1, Z%d, Y5", r)
			g.op("VPADDD Y5, Y%d, Y%d", r, r)
		}
	}
	g.op("VPHADDD Y1, Y0, Y0")
	g.op("VPHADDD Y3, Y2, Y2")
	g.op("VPHADDD Y2, Y0, Y0")
	g.op("VEXTRACTI128 $1, Y0, X1")
	g.op("VPADDD X1, X0, X0")
	g.op("VPBROADCASTD bias+96(FP), X1")
	g.op("VPADDD X1, X0, X0")
	g.op("VMOVDQU X0, (DI)")
	for i := range now {
		g.op("MOVQ %s, %s", next[i], now[i])
	}
	g.op("ADDQ $16, DI")
	g.op("ADDQ $16, R8")
	g.op("DECQ CX")
	g.op("JNZ four")
	g.at("end")
	g.ret()
}

// addByteProducts adds the products of 64 bytes of the query and of the row at each pointer
// to the sums in the registers 0 to 3.
func (g *asm) addByteProducts(pointers []string) {
	const query, row = 4, 5
	if g.wide {
		g.op("VMOVUPS (R9)(DX*1), Z%d", query)
		for r, p := range pointers {
			g.op("VMOVUPS (%s)(DX*1), Z%d", p, row+r)
			g.op("VPDPBUSD Z%d, Z%d, Z%d", query, row+r, r)
		}
		return
	}
	for u := 0; u < 64; u += 16 {
		g.op("VPMOVSXBW %d(R9)(DX*1), Y%d", u, query)
		for r, p := range pointers {
			// In 16 bits, because the instruction for bytes saturates.
			g.op("VPMOVZXBW %d(%s)(DX*1), Y%d", u, p, row+r)
			g.op("VPMADDWD Y%d, Y%d, Y%d", query, row+r, row+r)
			g.op("VPADDD Y%d, Y%d, Y%d", row+r, r, r)
		}
	}
}

// byteDots is the same for arm64. NEON multiplies signed bytes, so the kernel computes
// Σ (row-128)·query, which already includes the bias.
func (g *neon) byteDots() {
	g.fn("ByteDots", "dst []int32 R0 R1", "rows []byte R2 _", "at []int32 R3 _", "query []int8 R4 R5", "bias int64 _")
	const query, row, flip = 4, 5, 28
	pointer := func(r int) int { return 8 + r }
	g.op("VMOVI $128, V%d.B16", flip)
	g.op("LSR $2, R1")
	g.op("CBZ R1, end")
	g.at("four")
	for r := range 4 {
		g.op("MOVW.P 4(R3), R14")
		g.op("MADD R14, R2, R5, R%d", pointer(r))
		g.zero(r)
	}
	g.op("MOVD R4, R6")
	g.op("MOVD R5, R7")
	g.at("loop")
	g.op("FMOVQ.P 16(R6), F%d", query)
	for r := range 4 {
		g.op("FMOVQ.P 16(R%d), F%d", pointer(r), row+r)
		g.op("VEOR V%d.B16, V%d.B16, V%d.B16", flip, row+r, row+r)
		g.sdot(r, row+r, query)
	}
	g.op("SUBS $16, R7")
	g.op("BNE loop")
	for _, p := range [][2]int{{0, 1}, {2, 3}, {0, 2}} {
		g.op("VADDP V%d.S4, V%d.S4, V%d.S4", p[1], p[0], p[0])
	}
	g.op("FMOVQ.P F0, 16(R0)")
	g.op("SUBS $1, R1")
	g.op("BNE four")
	g.at("end")
	g.ret()
}
