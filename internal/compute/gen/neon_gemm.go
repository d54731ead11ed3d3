package main

import (
	"fmt"
	"strings"
)

// A tile of the product has 8 rows and 2 vectors of columns: its 16 sums keep
// four multiply-adds of a latency of four under way, which is what the largest
// cores do, and leave registers for four elements of each row of A and, twice, a
// row of B.
const (
	neonRows    = 8
	neonVectors = 2
)

// tiles writes the tiles of all heights and widths, and the table of them.
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

// tile writes the kernel for mr rows and nv vectors of columns. Each sum is one
// chain of multiply-adds in the order of k, so that its bits depend neither on
// the tile's size nor on its neighbors.
//
// For integers, the dot product of bytes is one of signed ones, and levels of A
// are unsigned: what is multiplied is level-128, and 128 times the sum of B's
// column is added in the end. All this is exact.
//
// Nothing is fetched ahead (tile.next): B and the rows of A are read in order,
// and what more would gain has to be measured on real machines.
func (g *neon) tile(kind tileKind, mr, nv int) {
	const row = neonVectors * 16
	sum := func(r, j int) int { return r*nv + j }
	a := func(r int) int { return 16 + r }
	b := func(u, j int) int { return 24 + u%2*nv + j }
	const flip, ones, columns = 28, 29, 30
	pointer := func(r int) int { return 8 + r } // to the rows of A

	g.fn(fmt.Sprintf("%s%dx%d", kind, mr, nv*neonLanes), "t *tile R0")
	g.op("MOVD tile_a(R0), R8")
	g.op("MOVD tile_lda(R0), R1")
	for r := 1; r < mr; r++ {
		g.op("ADD R1, R%d, R%d", pointer(r-1), pointer(r))
	}
	g.op("MOVD tile_b(R0), R2")
	g.op("MOVD tile_k(R0), R3")
	if kind == floatTile {
		g.op("MOVD tile_from(R0), R4")
		g.op("CBZ R4, zero")
		for r := range mr {
			for j := range nv {
				g.op("FMOVQ %d(R4), F%d", r*row+16*j, sum(r, j))
			}
		}
		g.op("B start")
		g.at("zero")
	}
	for i := range mr * nv {
		g.zero(i)
	}
	if kind == floatTile {
		g.at("start")
	} else {
		g.op("VMOVI $128, V%d.B16", flip)
		g.op("VMOVI $1, V%d.B16", ones)
		for j := range nv {
			g.zero(columns + j)
		}
	}

	// levels converts the loaded values of A for multiplication.
	levels := func() {
		for r := range mr {
			if kind == intTile {
				g.op("VEOR V%d.B16, V%d.B16, V%d.B16", flip, a(r), a(r))
			}
		}
	}
	step := func(u int) {
		if nv == 2 {
			g.op("FLDPQ %d(R2), (F%d, F%d)", u*row, b(u, 0), b(u, 1))
		} else {
			g.op("FMOVQ %d(R2), F%d", u*row, b(u, 0))
		}
		for r := range mr {
			for j := range nv {
				g.byElement(kind == intTile, sum(r, j), b(u, j), a(r), u)
			}
		}
		for j := range nv {
			if kind == intTile {
				c, b := columns+j, b(u, j)
				g.word(0x4e809400|uint32(ones<<16|b<<5|c), "sdot v%d.4s, v%d.16b, v%d.16b", c, b, ones)
			}
		}
	}
	const unroll = 4
	g.op("LSR $2, R3, R5")
	g.op("CBZ R5, rest")
	g.op("PCALIGN $32")
	g.at("loop")
	for r := range mr {
		g.op("FMOVQ.P 16(R%d), F%d", pointer(r), a(r))
	}
	levels()
	for u := range unroll {
		step(u)
	}
	g.op("ADD $%d, R2", unroll*row)
	g.op("SUBS $1, R5")
	g.op("BNE loop")
	g.at("rest")
	g.op("ANDS $3, R3")
	g.op("BEQ end")
	g.at("single")
	for r := range mr {
		g.op("FMOVS.P 4(R%d), F%d", pointer(r), a(r))
	}
	levels()
	step(0)
	g.op("ADD $%d, R2", row)
	g.op("SUBS $1, R3")
	g.op("BNE single")
	g.at("end")
	if kind == floatTile {
		g.op("MOVD tile_to(R0), R4")
		g.op("CBZ R4, finish")
		for r := range mr {
			for j := range nv {
				g.op("FMOVQ F%d, %d(R4)", sum(r, j), r*row+16*j)
			}
		}
		g.ret()
		g.at("finish")
	}
	g.op("MOVD tile_cols(R0), R5")
	g.op("SUB $%d, R5", (nv-1)*neonLanes)
	for n := 1; n < neonLanes; n++ {
		g.op("CMP $%d, R5", n)
		g.op("BEQ edge%d", n)
	}
	for n := neonLanes; n > 0; n-- {
		g.finish(kind, mr, nv, n)
	}
}

// finish writes c = alpha·sum + bias + residual for a tile whose last vector has
// n columns; integers become what they stand for, step·scale·sum + low·offset,
// where others are multiplied by alpha.
func (g *neon) finish(kind tileKind, mr, nv, n int) {
	const factor, temp, step, low, columns = 16, 17, 18, 19, 30
	sum := func(r, j int) int { return r*nv + j }
	// A vector at an offset in bytes from a pointer.
	whole := func(j int) bool { return j < nv-1 || n == neonLanes }
	size := map[int]string{1: "FMOVS", 2: "FMOVD", 3: "FMOVD"}[n]
	load := func(pointer string, j, r int) {
		if whole(j) {
			g.op("FMOVQ %d(%s), F%d", 16*j, pointer, r)
			return
		}
		g.op("%s %d(%s), F%d", size, 16*j, pointer, r)
		if n == 3 {
			g.op("ADD $%d, %s, R14", 16*j+8, pointer)
			g.op("VLD1 (R14), V%d.S[2]", r)
		}
	}
	store := func(r int, pointer string, j int) {
		if whole(j) {
			g.op("FMOVQ F%d, %d(%s)", r, 16*j, pointer)
			return
		}
		g.op("%s F%d, %d(%s)", size, r, 16*j, pointer)
		if n == 3 {
			g.op("ADD $%d, %s, R14", 16*j+8, pointer)
			g.op("VST1 V%d.S[2], (R14)", r)
		}
	}

	g.at(fmt.Sprintf("edge%d", n))
	if kind == floatTile {
		g.op("FMOVS tile_alpha(R0), F%d", factor)
		g.op("VDUP V%d.S[0], V%d.S4", factor, factor)
		for i := range mr * nv {
			g.f("fmul", i, i, factor)
		}
	} else {
		g.op("MOVD tile_scales(R0), R4")
		g.op("MOVD tile_offsets(R0), R5")
		g.op("MOVD tile_levels(R0), R6")
		for j := range nv {
			g.op("VSHL $7, V%d.S4, V%d.S4", columns+j, columns+j)
		}
		for r := range mr {
			g.op("VLD1R.P 4(R6), [V%d.S4]", step)
			g.op("VLD1R.P 4(R6), [V%d.S4]", low)
			for j := range nv {
				s := sum(r, j)
				g.op("VADD V%d.S4, V%d.S4, V%d.S4", columns+j, s, s)
				g.f1("scvtf", s, s)
				g.op("FMOVQ %d(R4), F%d", 16*j, temp)
				g.f("fmul", s, s, temp)
				g.f("fmul", s, s, step)
				g.op("FMOVQ %d(R5), F%d", 16*j, temp)
				g.mla(s, temp, low)
			}
		}
	}
	g.op("MOVD tile_bias(R0), R4")
	g.op("CBZ R4, plain%d", n)
	for j := range nv {
		load("R4", j, temp)
		for r := range mr {
			g.f("fadd", sum(r, j), sum(r, j), temp)
		}
	}
	g.at(fmt.Sprintf("plain%d", n))
	g.op("MOVD tile_r(R0), R4")
	g.op("CBZ R4, store%d", n)
	g.op("MOVD tile_ldr(R0), R5")
	for r := range mr {
		for j := range nv {
			load("R4", j, temp)
			g.f("fadd", sum(r, j), sum(r, j), temp)
		}
		g.op("ADD R5, R4")
	}
	g.at(fmt.Sprintf("store%d", n))
	g.op("MOVD tile_c(R0), R4")
	g.op("MOVD tile_ldc(R0), R5")
	for r := range mr {
		for j := range nv {
			store(sum(r, j), "R4", j)
		}
		g.op("ADD R5, R4")
	}
	g.ret()
}

// transpose writes dst[c][r] = src[r][c]; the leading dimensions are in bytes. It
// takes eight rows at a time, then four, then one, in registers by squares of
// four and what columns are left element by element.
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

// peak writes a loop of nothing but independent multiply-adds. It does 24 of them
// half as often, because 12 would not keep the largest cores busy.
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

// pause writes the hint that a loop waits for another thread.
func (g *neon) pause() {
	g.begin("pause", "", "", 0)
	for range 4 {
		g.op("YIELD")
	}
	g.ret()
}
