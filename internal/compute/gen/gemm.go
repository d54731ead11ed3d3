package main

import (
	"fmt"
	"strings"
)

// tileRows is the height of a tile of the product, and tileVectors its width. The 24 sums of
// a tile (12 with AVX2) hide the latency of the multiply-add and leave registers for a row of
// B and two elements of A.
const tileRows = 6

func (g *asm) tileVectors() int {
	if g.wide {
		return 4
	}
	return 2
}

// tileHeight returns tileRows, or 3 for bytes with AVX2, which take twice as many registers.
func (g *asm) tileHeight(kind tileKind) int {
	if g.sumsWords(kind) {
		return tileRows / 2
	}
	return tileRows
}

// sumsWords reports whether the kernels of a kind first add products in 16 bits.
func (g *asm) sumsWords(kind tileKind) bool { return kind == intTile && !g.wide }

// tiles writes the kernels for all heights and widths, and the table of them, so that tiles
// at the edges of a product do not cost as much as full ones.
func (g *asm) tiles(kind tileKind) {
	var table strings.Builder
	fmt.Fprintf(&table, "var %s%ss = [][]func(*tile){\n\tnil,\n", g.name, kind)
	for nv := 1; nv <= g.tileVectors(); nv++ {
		table.WriteString("\t{nil")
		for mr := 1; mr <= g.tileHeight(kind); mr++ {
			g.tile(kind, mr, nv)
			fmt.Fprintf(&table, ", %s%s%dx%d", g.name, kind, mr, nv*g.lanes)
		}
		table.WriteString("},\n")
	}
	g.stubs.WriteString(table.String() + "}\n\n")
}

// tileKind is the type of a tile's operands: float32, or bytes in groups of four along k. A
// vnniTile is an intTile for AVX2 with AVX-VNNI.
type tileKind string

const (
	floatTile tileKind = "Tile"
	intTile   tileKind = "IntTile"
	vnniTile  tileKind = "VNNITile"
)

// multiplyAdd writes sum += a·b.
func (t *amd64Tile) multiplyAdd(a, b, sum int) {
	switch t.kind {
	case floatTile:
		t.op("VFMADD231PS %s, %s, %s", t.v(b), t.v(a), t.v(sum))
	case intTile: // four unsigned bytes of a times four signed bytes of b
		t.op("VPDPBUSD %s, %s, %s", t.v(b), t.v(a), t.v(sum))
	case vnniTile:
		t.op("%s // VPDPBUSD %s, %s, %s", vexVPDPBUSD(b, a, sum), t.v(b), t.v(a), t.v(sum))
	}
}

// amd64Tile is a kernel for mr rows and nv vectors of columns. Each sum is one chain of
// multiply-adds in the order of k, so its bits depend neither on the size of the tile nor on
// the neighbors of the sum.
type amd64Tile struct {
	*asm
	kind   tileKind
	mr, nv int
}

// The vector registers: the sums, then a row of B, then elements of A.

func (t *amd64Tile) sum(r, j int) int { return r*t.nv + j }

func (t *amd64Tile) b(j int) int { return t.mr*t.nv + j }

func (t *amd64Tile) a(r int) int { return t.b(t.nv) + r%2 }

// rowBytes returns the size of a row of B in its panel.
func (t *amd64Tile) rowBytes() int { return t.tileVectors() * t.bytes() }

// bases returns the registers that point to rows 0 and 3 of A.
func (t *amd64Tile) bases() []string { return []string{"SI", "R8"}[:1+(t.mr-1)/3] }

func (g *asm) tile(kind tileKind, mr, nv int) {
	t := &amd64Tile{g, kind, mr, nv}
	g.fn(fmt.Sprintf("%s%dx%d", kind, mr, nv*g.lanes), "t *tile AX")
	g.op("MOVQ tile_a(AX), SI")
	g.op("MOVQ tile_lda(AX), BX")
	g.op("MOVQ tile_b(AX), DI")
	g.op("MOVQ tile_k(AX), CX")
	g.op("MOVQ tile_next(AX), DX")
	if mr > 3 {
		g.op("LEAQ (BX)(BX*2), R13")
		g.op("LEAQ (SI)(R13*1), R8")
	}
	t.start()
	if t.sumsWords(kind) {
		t.loopWords()
	} else {
		t.loops()
	}
	if kind == floatTile {
		t.storeSums()
		g.at("finish")
	} else {
		t.dequantize()
	}
	g.op("MOVQ tile_cols(AX), CX")
	g.op("SUBQ $%d, CX", (nv-1)*g.lanes)
	if g.wide {
		g.mask("CX", 1, 0)
		t.finish(true, "")
		return
	}
	// Masked stores are slow with AVX2, so whole vectors have their own code.
	g.op("CMPQ CX, $%d", g.lanes)
	g.op("JLT edge")
	t.finish(false, "full")
	g.at("edge")
	g.mask("CX", 1, 15)
	t.finish(true, "edge")
}

// start sets the sums to zero, or to the sums over earlier k.
func (t *amd64Tile) start() {
	if t.kind == floatTile {
		t.op("MOVQ tile_from(AX), R13")
		t.op("TESTQ R13, R13")
		t.op("JZ zero")
		for r := range t.mr {
			for j := range t.nv {
				t.op("VMOVUPS %d(R13), %s", r*t.rowBytes()+j*t.bytes(), t.v(t.sum(r, j)))
			}
		}
		t.op("JMP start")
		t.at("zero")
	}
	for i := range t.mr * t.nv {
		t.zero(i)
	}
	if t.kind == floatTile {
		t.at("start")
	}
}

// loops adds the products for all k, four at a time and then one at a time.
func (t *amd64Tile) loops() {
	const unroll = 4
	t.op("MOVQ CX, R13")
	t.op("SHRQ $2, R13")
	t.op("JZ rest")
	t.op("PCALIGN $64")
	t.at("loop")
	t.op("PREFETCHT1 (DX)") // one cache line of the next block of B
	t.op("ADDQ $64, DX")
	for u := range unroll {
		t.step(u)
	}
	t.advance(unroll)
	t.op("DECQ R13")
	t.op("JNZ loop")
	t.at("rest")
	t.op("ANDQ $3, CX")
	t.op("JZ end")
	t.at("single")
	t.step(0)
	t.advance(1)
	t.op("DECQ CX")
	t.op("JNZ single")
	t.at("end")
}

// step adds the products of column u of A and row u of B, relative to their pointers.
func (t *amd64Tile) step(u int) {
	t.loadB(u, t.b(0))
	for r := range t.mr {
		t.broadcastA(u, r, t.a(r))
		for j := range t.nv {
			t.multiplyAdd(t.a(r), t.b(j), t.sum(r, j))
		}
	}
}

// loadB loads row u of B to consecutive registers.
func (t *amd64Tile) loadB(u, register int) {
	for j := range t.nv {
		offset := u*t.rowBytes() + j*t.bytes()
		t.op("VMOVUPS %d(DI), %s", offset, t.v(register+j))
		if offset%64 == 0 {
			t.op("PREFETCHT0 %d(DI)", offset+t.ahead())
		}
	}
}

// broadcastA loads four bytes of row r of A in column u to all elements of a register.
func (t *amd64Tile) broadcastA(u, r, register int) {
	index := []string{"", "(BX*1)", "(BX*2)"}[r%3]
	t.op("VBROADCASTSS %d(%s)%s, %s", 4*u, t.bases()[r/3], index, t.v(register))
}

func (t *amd64Tile) advance(steps int) {
	t.op("ADDQ $%d, DI", steps*t.rowBytes())
	for _, r := range t.bases() {
		t.op("ADDQ $%d, %s", 4*steps, r)
	}
}

// storeSums stores the sums and returns, unless they are complete.
func (t *amd64Tile) storeSums() {
	t.op("MOVQ tile_to(AX), R13")
	t.op("TESTQ R13, R13")
	t.op("JZ finish")
	for r := range t.mr {
		for j := range t.nv {
			t.op("VMOVUPS %s, %d(R13)", t.v(t.sum(r, j)), r*t.rowBytes()+j*t.bytes())
		}
	}
	t.ret()
}

// dequantize converts integer sums to values: step·scale·sum + low·offset.
func (t *amd64Tile) dequantize() {
	t.op("MOVQ tile_scales(AX), R13")
	t.op("MOVQ tile_offsets(AX), R12")
	t.op("MOVQ tile_levels(AX), R9")
	step, low := t.mr*t.nv, t.mr*t.nv+1
	for r := range t.mr {
		t.op("VBROADCASTSS %d(R9), %s", 8*r, t.v(step))
		t.op("VBROADCASTSS %d(R9), %s", 8*r+4, t.v(low))
		for j := range t.nv {
			s := t.v(t.sum(r, j))
			t.op("VCVTDQ2PS %s, %s", s, s)
			t.op("VMULPS %d(R13), %s, %s", j*t.bytes(), s, s)
			t.op("VMULPS %s, %s, %s", t.v(step), s, s)
			t.op("VFMADD231PS %d(R12), %s, %s", j*t.bytes(), t.v(low), s)
		}
	}
}

// finish writes c = alpha·sum + bias + residual and returns. With tail, the last vector of
// each row is masked. The label distinguishes the two versions in one kernel.
func (t *amd64Tile) finish(tail bool, label string) {
	last := func(j int) bool { return tail && j == t.nv-1 }
	alpha, temp := t.mr*t.nv, t.mr*t.nv+1
	t.op("VBROADCASTSS tile_alpha(AX), %s", t.v(alpha))
	t.op("MOVQ tile_bias(AX), R13")
	t.op("TESTQ R13, R13")
	t.op("JZ %splain", label)
	for j := range t.nv {
		t.loadAt(last(j), fmt.Sprintf("%d(R13)", j*t.bytes()), temp)
		for r := range t.mr {
			t.op("VFMADD213PS %s, %s, %s", t.v(temp), t.v(alpha), t.v(t.sum(r, j)))
		}
	}
	t.op("JMP %sresidual", label)
	t.at(label + "plain")
	for i := range t.mr * t.nv {
		t.ops3("VMULPS", i, alpha, i)
	}
	t.at(label + "residual")
	t.op("MOVQ tile_r(AX), R13")
	t.op("TESTQ R13, R13")
	t.op("JZ %sstore", label)
	t.op("MOVQ tile_ldr(AX), R12")
	for r := range t.mr {
		for j := range t.nv {
			t.loadAt(last(j), fmt.Sprintf("%d(R13)", j*t.bytes()), temp)
			t.ops3("VADDPS", t.sum(r, j), temp, t.sum(r, j))
		}
		if r < t.mr-1 {
			t.op("ADDQ R12, R13")
		}
	}
	t.at(label + "store")
	t.op("MOVQ tile_c(AX), DX")
	t.op("MOVQ tile_ldc(AX), R12")
	for r := range t.mr {
		for j := range t.nv {
			t.storeAt(last(j), t.sum(r, j), fmt.Sprintf("%d(DX)", j*t.bytes()))
		}
		if r < t.mr-1 {
			t.op("ADDQ R12, DX")
		}
	}
	t.ret()
}

// ahead returns the distance in bytes between the use of a row of B and its prefetch from L2.
func (g *asm) ahead() int {
	if g.wide {
		return 1536
	}
	return 768
}

// peak writes a loop of independent multiply-adds on registers, to measure the peak.
func (g *asm) peak() {
	const sums = 12
	g.fn("Peak", "n int CX")
	for i := range sums + 2 {
		g.zero(i)
	}
	g.op("PCALIGN $64")
	g.at("loop")
	for i := range sums {
		g.op("VFMADD231PS %s, %s, %s", g.v(sums), g.v(sums+1), g.v(i))
	}
	g.op("DECQ CX")
	g.op("JNZ loop")
	g.ret()
}

// pause writes a function that tells the processor that a loop waits for another thread.
func (g *asm) pause() {
	g.begin("pause", "", "", 0)
	for range 4 {
		g.op("PAUSE")
	}
	g.op("RET")
	g.text.WriteString("\n")
}
