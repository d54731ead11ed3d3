package main

import (
	"fmt"
	"strings"
)

// A tile of the product has 8 rows and 2 vectors of columns. The largest cores start four
// multiply-adds per cycle, with a latency of four cycles; 16 sums keep them busy. They leave
// registers for four elements of each row of A and for two rows of B.
const (
	neonRows    = 8
	neonVectors = 2
)

// tiles writes the kernels for all heights and widths, and the table of them.
func (g *neon) tiles(kind tileKind) {
	var table strings.Builder
	fmt.Fprintf(&table, "var neon%ss = [][]func(*tile){\n\tnil,\n", kind)
	for nv := 1; nv <= neonVectors; nv++ {
		table.WriteString("\t{nil")
		for mr := 1; mr <= neonRows; mr++ {
			g.tile(kind, mr, nv)
			fmt.Fprintf(&table, ", neon%s%dx%d", kind, mr, nv*neonLanes)
		}
		table.WriteString("},\n")
	}
	g.stubs.WriteString(table.String() + "}\n\n")
}

// neonTile is a kernel for mr rows and nv vectors of columns. Each sum is one chain of
// multiply-adds in the order of k, so its bits depend neither on the size of the tile nor on
// the neighbors of the sum.
//
// NEON multiplies signed bytes, but the levels of A are unsigned. So the kernel multiplies
// level-128, and finally adds 128 times the sum of B's column. This is exact.
//
// The kernel does not use tile.next to prefetch: it reads B and the rows of A in order. Whether
// prefetching helps has to be measured on real machines.
type neonTile struct {
	*neon
	kind   tileKind
	mr, nv int
}

// The vector registers of integer tiles: 128 and 1 in every byte, and the sums of B's columns.
const (
	neonFlip    = 28
	neonOnes    = 29
	neonColumns = 30
)

// neonRowBytes is the size of a row of B in its panel.
const neonRowBytes = neonVectors * 16

func (t *neonTile) sum(r, j int) int { return r*t.nv + j }
func (t *neonTile) a(r int) int      { return 16 + r }
func (t *neonTile) b(u, j int) int   { return 24 + u%2*t.nv + j }

// pointer returns the general register that points to row r of A.
func (t *neonTile) pointer(r int) int { return 8 + r }

func (g *neon) tile(kind tileKind, mr, nv int) {
	t := &neonTile{g, kind, mr, nv}
	g.fn(fmt.Sprintf("%s%dx%d", kind, mr, nv*neonLanes), "t *tile R0")
	g.op("MOVD tile_a(R0), R8")
	g.op("MOVD tile_lda(R0), R1")
	for r := 1; r < mr; r++ {
		g.op("ADD R1, R%d, R%d", t.pointer(r-1), t.pointer(r))
	}
	g.op("MOVD tile_b(R0), R2")
	g.op("MOVD tile_k(R0), R3")
	t.start()
	t.loops()
	if kind == floatTile {
		t.storeSums()
		g.at("finish")
	}
	g.op("MOVD tile_cols(R0), R5")
	g.op("SUB $%d, R5", (nv-1)*neonLanes)
	for n := 1; n < neonLanes; n++ {
		g.op("CMP $%d, R5", n)
		g.op("BEQ edge%d", n)
	}
	for n := neonLanes; n > 0; n-- {
		t.finish(n)
	}
}

// start sets the sums to zero, or to the sums over earlier k.
func (t *neonTile) start() {
	if t.kind == floatTile {
		t.op("MOVD tile_from(R0), R4")
		t.op("CBZ R4, zero")
		for r := range t.mr {
			for j := range t.nv {
				t.op("FMOVQ %d(R4), F%d", r*neonRowBytes+16*j, t.sum(r, j))
			}
		}
		t.op("B start")
		t.at("zero")
	}
	t.zeros(t.mr * t.nv)
	if t.kind == floatTile {
		t.at("start")
		return
	}
	t.op("VMOVI $128, V%d.B16", neonFlip)
	t.op("VMOVI $1, V%d.B16", neonOnes)
	for j := range t.nv {
		t.zero(neonColumns + j)
	}
}

// loops adds the products for all k, four at a time and then one at a time.
func (t *neonTile) loops() {
	const unroll = 4
	t.op("LSR $2, R3, R5")
	t.op("CBZ R5, rest")
	t.op("PCALIGN $32")
	t.at("loop")
	t.loadA("FMOVQ", 16)
	for u := range unroll {
		t.step(u)
	}
	t.op("ADD $%d, R2", unroll*neonRowBytes)
	t.op("SUBS $1, R5")
	t.op("BNE loop")
	t.at("rest")
	t.op("ANDS $3, R3")
	t.op("BEQ end")
	t.at("single")
	t.loadA("FMOVS", 4)
	t.step(0)
	t.op("ADD $%d, R2", neonRowBytes)
	t.op("SUBS $1, R3")
	t.op("BNE single")
	t.at("end")
}

// loadA loads the next bytes of each row of A by an instruction, and makes levels signed.
func (t *neonTile) loadA(load string, bytes int) {
	for r := range t.mr {
		t.op("%s.P %d(R%d), F%d", load, bytes, t.pointer(r), t.a(r))
	}
	if t.kind == intTile {
		for r := range t.mr {
			t.op("VEOR V%d.B16, V%d.B16, V%d.B16", neonFlip, t.a(r), t.a(r))
		}
	}
}

// step adds the products of element u of the loaded rows of A and row u of B.
func (t *neonTile) step(u int) {
	if t.nv == 2 {
		t.op("FLDPQ %d(R2), (F%d, F%d)", u*neonRowBytes, t.b(u, 0), t.b(u, 1))
	} else {
		t.op("FMOVQ %d(R2), F%d", u*neonRowBytes, t.b(u, 0))
	}
	for r := range t.mr {
		for j := range t.nv {
			t.byElement(t.kind == intTile, t.sum(r, j), t.b(u, j), t.a(r), u)
		}
	}
	if t.kind == intTile {
		for j := range t.nv {
			t.sdot(neonColumns+j, t.b(u, j), neonOnes)
		}
	}
}

// storeSums stores the sums and returns, unless they are complete.
func (t *neonTile) storeSums() {
	t.op("MOVD tile_to(R0), R4")
	t.op("CBZ R4, finish")
	for r := range t.mr {
		for j := range t.nv {
			t.op("FMOVQ F%d, %d(R4)", t.sum(r, j), r*neonRowBytes+16*j)
		}
	}
	t.ret()
}

// The vector registers of finish.
const (
	neonFactor = 16 + iota
	neonTemp
	neonStep
	neonLow
)

// finish writes c = alpha·sum + bias + residual for a tile whose last vector has n columns,
// and returns. Integer sums are dequantized instead of multiplied by alpha.
func (t *neonTile) finish(n int) {
	t.at(fmt.Sprintf("edge%d", n))
	if t.kind == floatTile {
		t.op("FMOVS tile_alpha(R0), F%d", neonFactor)
		t.op("VDUP V%d.S[0], V%d.S4", neonFactor, neonFactor)
		for i := range t.mr * t.nv {
			t.f("fmul", i, i, neonFactor)
		}
	} else {
		t.dequantize()
	}
	t.op("MOVD tile_bias(R0), R4")
	t.op("CBZ R4, plain%d", n)
	for j := range t.nv {
		t.loadPart(n, j, neonTemp)
		for r := range t.mr {
			t.f("fadd", t.sum(r, j), t.sum(r, j), neonTemp)
		}
	}
	t.at(fmt.Sprintf("plain%d", n))
	t.op("MOVD tile_r(R0), R4")
	t.op("CBZ R4, store%d", n)
	t.op("MOVD tile_ldr(R0), R5")
	for r := range t.mr {
		for j := range t.nv {
			t.loadPart(n, j, neonTemp)
			t.f("fadd", t.sum(r, j), t.sum(r, j), neonTemp)
		}
		t.op("ADD R5, R4")
	}
	t.at(fmt.Sprintf("store%d", n))
	t.op("MOVD tile_c(R0), R4")
	t.op("MOVD tile_ldc(R0), R5")
	for r := range t.mr {
		for j := range t.nv {
			t.storePart(n, t.sum(r, j), j)
		}
		t.op("ADD R5, R4")
	}
	t.ret()
}

// dequantize converts integer sums to values: step·scale·sum + low·offset.
func (t *neonTile) dequantize() {
	t.op("MOVD tile_scales(R0), R4")
	t.op("MOVD tile_offsets(R0), R5")
	t.op("MOVD tile_levels(R0), R6")
	for j := range t.nv {
		t.op("VSHL $7, V%d.S4, V%d.S4", neonColumns+j, neonColumns+j)
	}
	for r := range t.mr {
		t.op("VLD1R.P 4(R6), [V%d.S4]", neonStep)
		t.op("VLD1R.P 4(R6), [V%d.S4]", neonLow)
		for j := range t.nv {
			s := t.sum(r, j)
			t.op("VADD V%d.S4, V%d.S4, V%d.S4", neonColumns+j, s, s)
			t.f1("scvtf", s, s)
			t.op("FMOVQ %d(R4), F%d", 16*j, neonTemp)
			t.f("fmul", s, s, neonTemp)
			t.f("fmul", s, s, neonStep)
			t.op("FMOVQ %d(R5), F%d", 16*j, neonTemp)
			t.mla(s, neonTemp, neonLow)
		}
	}
}

// neonMoves are the instructions that move the first n elements of a vector; those for three
// elements move two.
var neonMoves = map[int]string{1: "FMOVS", 2: "FMOVD", 3: "FMOVD"}

// loadPart loads vector j at R4 to register r: n columns if it is the last vector.
func (t *neonTile) loadPart(n, j, r int) {
	if j < t.nv-1 || n == neonLanes {
		t.op("FMOVQ %d(R4), F%d", 16*j, r)
		return
	}
	t.op("%s %d(R4), F%d", neonMoves[n], 16*j, r)
	if n == 3 {
		t.op("ADD $%d, R4, R14", 16*j+8)
		t.op("VLD1 (R14), V%d.S[2]", r)
	}
}

// storePart stores register r to vector j at R4: n columns if it is the last vector.
func (t *neonTile) storePart(n, r, j int) {
	if j < t.nv-1 || n == neonLanes {
		t.op("FMOVQ F%d, %d(R4)", r, 16*j)
		return
	}
	t.op("%s F%d, %d(R4)", neonMoves[n], r, 16*j)
	if n == 3 {
		t.op("ADD $%d, R4, R14", 16*j+8)
		t.op("VST1 V%d.S[2], (R14)", r)
	}
}

// transpose writes dst[c][r] = src[r][c]; the leading dimensions are in bytes. It processes
// eight rows at a time, then four, then one. Within them it transposes squares of four in
// registers, and copies the remaining columns element by element.
func (g *neon) transpose() {
	g.fn("Transpose", "dst *float32 R0", "ldd uintptr R1", "src *float32 R2", "lds uintptr R3", "rows int R4", "cols int R5")
	for _, height := range []int{8, 4, 1} {
		strip, square, column, end, next := g.label("strip"), g.label("square"), g.label("column"), g.label("end"), g.label("next")
		g.at(strip)
		g.op("CMP $%d, R4", height)
		g.op("BLT %s", next)
		for r := range height {
			g.op("MOVD R2, R%d", 8+r)
			g.op("ADD R3, R2")
		}
		g.op("MOVD R0, R6")
		g.op("MOVD R5, R7")
		if height >= 4 {
			g.at(square)
			g.op("CMP $4, R7")
			g.op("BLT %s", column)
			for r := range height {
				g.op("FMOVQ.P 16(R%d), F%d", 8+r, r)
			}
			zip := func(half, a, b, dst int) { g.op("VZIP%d V%d.S4, V%d.S4, V%d.S4", half, b, a, dst) }
			for r := 0; r < height; r += 4 {
				zip(1, r, r+2, 16+r)
				zip(2, r, r+2, 17+r)
				zip(1, r+1, r+3, 18+r)
				zip(2, r+1, r+3, 19+r)
				zip(1, 16+r, 18+r, r)
				zip(2, 16+r, 18+r, r+1)
				zip(1, 17+r, 19+r, r+2)
				zip(2, 17+r, 19+r, r+3)
			}
			for c := range 4 {
				for r := 0; r < height; r += 4 {
					g.op("FMOVQ F%d, %d(R6)", r+c, 4*r)
				}
				g.op("ADD R1, R6")
			}
			g.op("SUB $4, R7")
			g.op("B %s", square)
		}
		g.at(column)
		g.op("CBZ R7, %s", end)
		for r := range height {
			g.op("FMOVS.P 4(R%d), F%d", 8+r, r)
			g.op("FMOVS F%d, %d(R6)", r, 4*r)
		}
		g.op("ADD R1, R6")
		g.op("SUB $1, R7")
		g.op("B %s", column)
		g.at(end)
		g.op("ADD $%d, R0", 4*height)
		g.op("SUB $%d, R4", height)
		g.op("B %s", strip)
		g.at(next)
	}
	g.ret()
}

// peak writes a loop of independent multiply-adds on registers, to measure the peak. It
// executes 24 of them half as often, because 12 would not keep the largest cores busy.
func (g *neon) peak() {
	const sums = 24
	g.fn("Peak", "n int R0")
	for i := range sums + 2 {
		g.zero(i)
	}
	g.op("LSR $1, R0")
	g.op("CBZ R0, end")
	g.op("PCALIGN $32")
	g.at("loop")
	for i := range sums {
		g.mla(i, sums, sums+1)
	}
	g.op("SUBS $1, R0")
	g.op("BNE loop")
	g.at("end")
	g.ret()
}

// pause writes a function that tells the processor that a loop waits for another thread.
func (g *neon) pause() {
	g.begin("pause", "", "", 0)
	for range 4 {
		g.op("YIELD")
	}
	g.ret()
}
