package main

import (
	"fmt"
	"strings"
)

// tileRows is the height of a tile of the product, tileVectors its width. With
// its 24 (AVX2: 12) sums a tile hides the latency of the multiply-add and
// leaves registers for a row of B and two elements of A.
const tileRows = 6

func (g *asm) tileVectors() int {
	if g.wide {
		return 4
	}
	return 2
}

// tiles writes the tiles of all heights and widths, and the table of them: an
// edge costs what it holds and no full tile.
func (g *asm) tiles(kind tileKind) {
	var table strings.Builder
	fmt.Fprintf(&table, "var %s%ss = [][]func(*tile){\n\tnil,\n", g.name, kind)
	for nv := 1; nv <= g.tileVectors(); nv++ {
		table.WriteString("\t{nil")
		for mr := 1; mr <= tileRows; mr++ {
			g.tile(kind, mr, nv)
			fmt.Fprintf(&table, ", %s%s%dx%d", g.name, kind, mr, nv*g.lanes)
		}
		table.WriteString("},\n")
	}
	g.stubs.WriteString(table.String() + "}\n\n")
}

// tileKind is what a tile multiplies: float32, or small integers, of which four
// bytes hold as many as are added up by one instruction.
type tileKind string

const (
	floatTile tileKind = "Tile"
	intTile   tileKind = "IntTile"
)

// multiplyAdd writes sum += a·b for vectors of one kind.
func (g *asm) multiplyAdd(kind tileKind, a, b, sum, temp int) {
	switch {
	case kind == floatTile:
		g.op("VFMADD231PS %s, %s, %s", g.v(b), g.v(a), g.v(sum))
	case g.wide:
		// four unsigned bytes of a by four signed ones of b
		g.op("VPDPBUSD %s, %s, %s", g.v(b), g.v(a), g.v(sum))
	default:
		// Two 16-bit numbers: the instruction for bytes saturates.
		g.op("VPMADDWD %s, %s, %s", g.v(b), g.v(a), g.v(temp))
		g.op("VPADDD %s, %s, %s", g.v(temp), g.v(sum), g.v(sum))
	}
}

// tile writes the kernel for mr rows and nv vectors of columns. Each sum is one
// chain of multiply-adds in the order of k, so that its bits depend neither on
// the tile's size nor on its neighbors.
func (g *asm) tile(kind tileKind, mr, nv int) {
	sum := func(r, j int) int { return r*nv + j }
	b := func(j int) int { return mr*nv + j }
	a := func(r int) int { return mr*nv + nv + r%2 }
	temp := mr*nv + nv + 1
	if kind == intTile && !g.wide {
		a = func(int) int { return mr*nv + nv }
	}
	row := g.tileVectors() * g.bytes()

	g.fn(fmt.Sprintf("%s%dx%d", kind, mr, nv*g.lanes), "t *tile AX")
	g.op("MOVQ tile_a(AX), SI")
	g.op("MOVQ tile_lda(AX), BX")
	g.op("MOVQ tile_b(AX), DI")
	g.op("MOVQ tile_k(AX), CX")
	g.op("MOVQ tile_next(AX), DX")
	bases := []string{"SI"}
	if mr > 3 {
		bases = append(bases, "R8")
		g.op("LEAQ (BX)(BX*2), R13")
		g.op("LEAQ (SI)(R13*1), R8")
	}
	element := func(r, offset int) string {
		index := []string{"", "(BX*1)", "(BX*2)"}[r%3]
		return fmt.Sprintf("%d(%s)%s", offset, bases[r/3], index)
	}

	// Begin at zero or at the sums over earlier k.
	if kind == floatTile {
		g.op("MOVQ tile_from(AX), R13")
		g.op("TESTQ R13, R13")
		g.op("JZ zero")
		for r := range mr {
			for j := range nv {
				g.op("VMOVUPS %d(R13), %s", r*row+j*g.bytes(), g.v(sum(r, j)))
			}
		}
		g.op("JMP start")
		g.at("zero")
	}
	for i := range mr * nv {
		g.zero(i)
	}
	if kind == floatTile {
		g.at("start")
	}

	step := func(u int) {
		for j := range nv {
			offset := u*row + j*g.bytes()
			g.op("VMOVUPS %d(DI), %s", offset, g.v(b(j)))
			if offset%64 == 0 {
				g.op("PREFETCHT0 %d(DI)", offset+g.ahead())
			}
		}
		for r := range mr {
			g.op("VBROADCASTSS %s, %s", element(r, 4*u), g.v(a(r)))
			for j := range nv {
				g.multiplyAdd(kind, a(r), b(j), sum(r, j), temp)
			}
		}
	}
	advance := func(steps int) {
		g.op("ADDQ $%d, DI", steps*row)
		for _, r := range bases {
			g.op("ADDQ $%d, %s", 4*steps, r)
		}
	}
	const unroll = 4
	g.op("MOVQ CX, R13")
	g.op("SHRQ $2, R13")
	g.op("JZ rest")
	g.op("PCALIGN $64")
	g.at("loop")
	g.op("PREFETCHT1 (DX)") // the next block of B, a line at a time
	g.op("ADDQ $64, DX")
	for u := range unroll {
		step(u)
	}
	advance(unroll)
	g.op("DECQ R13")
	g.op("JNZ loop")
	g.at("rest")
	g.op("ANDQ $3, CX")
	g.op("JZ end")
	g.at("single")
	step(0)
	advance(1)
	g.op("DECQ CX")
	g.op("JNZ single")

	g.at("end")
	if kind == floatTile {
		g.op("MOVQ tile_to(AX), R13")
		g.op("TESTQ R13, R13")
		g.op("JZ finish")
		for r := range mr {
			for j := range nv {
				g.op("VMOVUPS %s, %d(R13)", g.v(sum(r, j)), r*row+j*g.bytes())
			}
		}
		g.ret()
	} else {
		// Convert integers to values: step·scale·sum + low·offset.
		g.op("MOVQ tile_scales(AX), R13")
		g.op("MOVQ tile_offsets(AX), R12")
		g.op("MOVQ tile_levels(AX), R9")
		step, low := mr*nv, mr*nv+1
		for r := range mr {
			g.op("VBROADCASTSS %d(R9), %s", 8*r, g.v(step))
			g.op("VBROADCASTSS %d(R9), %s", 8*r+4, g.v(low))
			for j := range nv {
				s := g.v(sum(r, j))
				g.op("VCVTDQ2PS %s, %s", s, s)
				g.op("VMULPS %d(R13), %s, %s", j*g.bytes(), s, s)
				g.op("VMULPS %s, %s, %s", g.v(step), s, s)
				g.op("VFMADD231PS %d(R12), %s, %s", j*g.bytes(), g.v(low), s)
			}
		}
	}

	// c = alpha·sum + bias + residual
	finish := func(tail bool, label string) {
		last := func(j int) bool { return tail && j == nv-1 }
		t0, t1 := mr*nv, mr*nv+1
		g.op("VBROADCASTSS tile_alpha(AX), %s", g.v(t0))
		g.op("MOVQ tile_bias(AX), R13")
		g.op("TESTQ R13, R13")
		g.op("JZ %splain", label)
		for j := range nv {
			g.loadAt(last(j), fmt.Sprintf("%d(R13)", j*g.bytes()), t1)
			for r := range mr {
				g.op("VFMADD213PS %s, %s, %s", g.v(t1), g.v(t0), g.v(sum(r, j)))
			}
		}
		g.op("JMP %sresidual", label)
		g.at(label + "plain")
		for i := range mr * nv {
			g.ops3("VMULPS", i, t0, i)
		}
		g.at(label + "residual")
		g.op("MOVQ tile_r(AX), R13")
		g.op("TESTQ R13, R13")
		g.op("JZ %sstore", label)
		g.op("MOVQ tile_ldr(AX), R12")
		for r := range mr {
			for j := range nv {
				g.loadAt(last(j), fmt.Sprintf("%d(R13)", j*g.bytes()), t1)
				g.ops3("VADDPS", sum(r, j), t1, sum(r, j))
			}
			if r < mr-1 {
				g.op("ADDQ R12, R13")
			}
		}
		g.at(label + "store")
		g.op("MOVQ tile_c(AX), DX")
		g.op("MOVQ tile_ldc(AX), R12")
		for r := range mr {
			for j := range nv {
				g.storeAt(last(j), sum(r, j), fmt.Sprintf("%d(DX)", j*g.bytes()))
			}
			if r < mr-1 {
				g.op("ADDQ R12, DX")
			}
		}
		g.ret()
	}
	if kind == floatTile {
		g.at("finish")
	}
	g.op("MOVQ tile_cols(AX), CX")
	g.op("SUBQ $%d, CX", (nv-1)*g.lanes)
	if g.wide {
		g.mask("CX", 1, 0)
		finish(true, "")
		return
	}
	// Masked stores are slow with AVX2: only where a row ends.
	g.op("CMPQ CX, $%d", g.lanes)
	g.op("JLT edge")
	finish(false, "full")
	g.at("edge")
	g.mask("CX", 1, 15)
	finish(true, "edge")
}

// ahead is how far before its use a row of B is fetched from L2, in bytes.
func (g *asm) ahead() int {
	if g.wide {
		return 1536
	}
	return 768
}

// peak writes a loop of nothing but independent multiply-adds, in the measure of
// which the GEMM is told.
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

// pause writes the hint that a loop waits for another thread.
func (g *asm) pause() {
	g.begin("pause", "", "", 0)
	for range 4 {
		g.op("PAUSE")
	}
	g.op("RET")
	g.text.WriteString("\n")
}
