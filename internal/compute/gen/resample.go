package main

// resample writes the kernels of resampleKernels, for AVX2 only. A pixel of two rows is
// eight 32-bit integers.
func (g *asm) resample() {
	g.data = append(g.data,
		"DATA spread<>+0(SB)/8, $0x8005040380020100\nDATA spread<>+8(SB)/8, $0x800b0a0980080706\nGLOBL spread<>(SB), RODATA|NOPTR, $16\n",
		"DATA order<>+0(SB)/8, $0x0000000400000000\nDATA order<>+8(SB)/8, $0x0000000500000001\n"+
			"DATA order<>+16(SB)/8, $0x0000000600000002\nDATA order<>+24(SB)/8, $0x0000000700000003\nGLOBL order<>(SB), RODATA|NOPTR, $32\n")

	g.packPixels()
	g.across()
	g.down()
}

// packPixels packs four pixels at a time, and reads four bytes more.
func (g *asm) packPixels() {
	loop, done := g.label("loop"), g.label("done")
	g.begin("avx2PackPixels", "dst []uint64, a, b []byte", " (n int)", 80)
	g.op("MOVQ dst_base+0(FP), DI")
	g.op("MOVQ a_base+24(FP), SI")
	g.op("MOVQ a_len+32(FP), CX")
	g.op("MOVQ b_base+48(FP), R8")
	g.op("VMOVDQU spread<>(SB), X2")
	g.op("XORQ AX, AX")
	g.at(loop)
	g.op("CMPQ CX, $16")
	g.op("JLT %s", done)
	g.op("VMOVDQU (SI), X0")
	g.op("VMOVDQU (R8), X1")
	g.op("VPSHUFB X2, X0, X0")
	g.op("VPSHUFB X2, X1, X1")
	g.op("VPUNPCKLDQ X1, X0, X3")
	g.op("VPUNPCKHDQ X1, X0, X4")
	g.op("VMOVDQU X3, (DI)")
	g.op("VMOVDQU X4, 16(DI)")
	g.op("ADDQ $32, DI")
	g.op("ADDQ $12, SI")
	g.op("ADDQ $12, R8")
	g.op("ADDQ $4, AX")
	g.op("SUBQ $12, CX")
	g.op("JMP %s", loop)
	g.at(done)
	g.op("MOVQ AX, n+72(FP)")
	g.ret()
}

// half sets register r to one half, by which fixed-point sums are rounded.
func (g *asm) half(r int) {
	g.op("MOVL $%d, AX", 1<<21)
	g.op("VMOVD AX, X%d", r)
	g.op("VPBROADCASTD X%d, Y%d", r, r)
}

func (g *asm) across() {
	loop, tap := g.label("loop"), g.label("tap")
	g.begin("avx2Across", "a, b *byte, packed *uint64, first, weights *int32, taps, n int", "", 56)
	for i, r := range []string{"a DI", "b SI", "packed R8", "first R9", "weights R10", "taps R11", "n CX"} {
		g.load8(r, 8*i)
	}
	g.half(7)
	g.at(loop)
	g.op("MOVLQSX (R9), AX")
	g.op("LEAQ (R8)(AX*8), AX")
	g.op("VMOVDQA Y7, Y0")
	g.op("MOVQ R11, DX")
	g.at(tap)
	g.op("VPMOVZXBD (AX), Y1")
	g.op("VPBROADCASTD (R10), Y2")
	g.op("VPMULLD Y2, Y1, Y1")
	g.op("VPADDD Y1, Y0, Y0")
	g.op("ADDQ $8, AX")
	g.op("ADDQ $4, R10")
	g.op("DECQ DX")
	g.op("JNZ %s", tap)
	g.op("VPSRAD $22, Y0, Y0")
	g.op("VEXTRACTI128 $1, Y0, X1")
	g.op("VPACKSSDW X1, X0, X0")
	g.op("VPACKUSWB X0, X0, X0")
	g.op("VMOVD X0, (DI)")
	g.op("VPEXTRD $1, X0, (SI)")
	g.op("ADDQ $3, DI")
	g.op("ADDQ $3, SI")
	g.op("ADDQ $4, R9")
	g.op("DECQ CX")
	g.op("JNZ %s", loop)
	g.ret()
}

func (g *asm) down() {
	loop, tap := g.label("loop"), g.label("tap")
	g.begin("avx2Down", "dst, src *byte, stride uintptr, weights *int32, taps, n int", "", 48)
	for i, r := range []string{"dst DI", "src SI", "stride R8", "weights R9", "taps R11", "n CX"} {
		g.load8(r, 8*i)
	}
	g.half(15)
	g.op("VMOVDQU order<>(SB), Y14")
	g.at(loop)
	for i := range 4 {
		g.op("VMOVDQA Y15, Y%d", i)
	}
	g.op("MOVQ SI, AX")
	g.op("MOVQ R9, R10")
	g.op("MOVQ R11, DX")
	g.at(tap)
	g.op("VPBROADCASTD (R10), Y8")
	for i := range 4 {
		g.op("VPMOVZXBD %d(AX), Y%d", 8*i, 4+i)
		g.op("VPMULLD Y8, Y%d, Y%d", 4+i, 4+i)
		g.op("VPADDD Y%d, Y%d, Y%d", 4+i, i, i)
	}
	g.op("ADDQ R8, AX")
	g.op("ADDQ $4, R10")
	g.op("DECQ DX")
	g.op("JNZ %s", tap)
	for i := range 4 {
		g.op("VPSRAD $22, Y%d, Y%d", i, i)
	}
	g.op("VPACKSSDW Y1, Y0, Y0")
	g.op("VPACKSSDW Y3, Y2, Y2")
	g.op("VPACKUSWB Y2, Y0, Y0")
	g.op("VPERMD Y0, Y14, Y0")
	g.op("VMOVDQU Y0, (DI)")
	g.op("ADDQ $32, DI")
	g.op("ADDQ $32, SI")
	g.op("SUBQ $32, CX")
	g.op("JG %s", loop)
	g.ret()
}
