package main

import (
	"fmt"
	"math"
	"strings"
)

// neon is the source for arm64. Go's assembler lacks most floating-point instructions on
// vectors, so they are written as words, with a comment in Arm's notation.
//
// Conventions for registers:
//
//   - R0 to R5: pointers passed as arguments
//   - R6: length of a row
//   - R7, R8 to R13: used by each, the latter as copies of the pointers
//   - R14: scratch
//   - R19: address of the constants
//   - V24 to V31: values that a whole kernel uses
type neon struct {
	source
	constants []uint32
}

// neonLanes is the number of float32 in a vector.
const neonLanes = 4

// fn starts a function. A parameter is "name type" and the registers it is loaded to, as for
// amd64.
func (g *neon) fn(name string, params ...string) {
	var decl, loads []string
	offset := 0
	load := func(what, to string) {
		if to != "_" {
			loads = append(loads, fmt.Sprintf("MOVD %s+%d(FP), %s", what, offset, to))
		}
		offset += 8
	}
	for _, p := range params {
		f := strings.Fields(p)
		decl = append(decl, f[0]+" "+f[1])
		switch f[1] {
		case "[]float32", "[]byte", "[]int32", "[]int8":
			load(f[0]+"_base", f[2])
			load(f[0]+"_len", f[3])
			offset += 8
		case "float32":
			loads = append(loads, fmt.Sprintf("FMOVS %s+%d(FP), F%s", f[0], offset, f[2]), fmt.Sprintf("VDUP V%s.S[0], V%s.S4", f[2], f[2]))
			offset += 4
		default:
			offset = (offset + 7) &^ 7
			load(f[0], f[2])
		}
	}
	g.begin("neon"+name, strings.Join(decl, ", "), "", offset)
	for _, l := range loads {
		g.op("%s", l)
	}
	g.op("MOVD $neonConstants<>(SB), R19")
}

func (g *neon) ret() {
	g.op("RET")
	g.text.WriteString("\n")
}

// word writes an instruction as a number, with a comment.
func (g *neon) word(code uint32, format string, args ...any) {
	g.op("WORD $0x%08x // %s", code, fmt.Sprintf(format, args...))
}

// binaries are instructions on two vectors of float32.
var binaries = map[string]uint32{
	"fadd": 0x4e20d400, "fsub": 0x4ea0d400, "fmul": 0x6e20dc00, "fdiv": 0x6e20fc00,
	"fmax": 0x4e20f400, "fmin": 0x4ea0f400, // NaN if either is
}

// f writes dst = a op b.
func (g *neon) f(op string, dst, a, b int) {
	g.word(binaries[op]|uint32(b<<16|a<<5|dst), "%s v%d.4s, v%d.4s, v%d.4s", op, dst, a, b)
}

// unaries are instructions on one vector. fcvtns and fcvtnu round to the nearest integer, ties
// to even, and NaN to 0.
var unaries = map[string]uint32{
	"fabs": 0x4ea0f800, "fneg": 0x6ea0f800, "fsqrt": 0x6ea1f800, "frintn": 0x4e218800,
	"fcvtns": 0x4e21a800, "fcvtnu": 0x6e21a800, "scvtf": 0x4e21d800,
}

// f1 writes dst = op a.
func (g *neon) f1(op string, dst, a int) {
	g.word(unaries[op]|uint32(a<<5|dst), "%s v%d.4s, v%d.4s", op, dst, a)
}

// mla writes sum += a·b, mls sum -= a·b, both rounded once.
func (g *neon) mla(sum, a, b int) { g.op("VFMLA V%d.S4, V%d.S4, V%d.S4", b, a, sum) }
func (g *neon) mls(sum, a, b int) { g.op("VFMLS V%d.S4, V%d.S4, V%d.S4", b, a, sum) }

// byElement writes sum += a[e]·b for float32. With dots, it writes the dot products of the four
// signed bytes of each element of b and of a[e].
func (g *neon) byElement(dots bool, sum, b, a, e int) {
	at := uint32(e&1<<21 | a<<16 | e>>1<<11 | b<<5 | sum)
	if dots {
		g.word(0x4f80e000|at, "sdot v%d.4s, v%d.16b, v%d.4b[%d]", sum, b, a, e)
	} else {
		g.word(0x4f801000|at, "fmla v%d.4s, v%d.4s, v%d.s[%d]", sum, b, a, e)
	}
}

func (g *neon) move(dst, a int) { g.op("VMOV V%d.B16, V%d.B16", a, dst) }
func (g *neon) zero(r int)      { g.op("VEOR V%d.B16, V%d.B16, V%d.B16", r, r, r) }

// sdot writes sum += a·b, with the products of four signed bytes added to each integer.
func (g *neon) sdot(sum, a, b int) {
	g.word(0x4e809400|uint32(b<<16|a<<5|sum), "sdot v%d.4s, v%d.16b, v%d.16b", sum, a, b)
}

// set writes the constant x to all elements of register r.
func (g *neon) set(x float64, r int) {
	bits, i := math.Float32bits(float32(x)), 0
	for i < len(g.constants) && g.constants[i] != bits {
		i++
	}
	if i == len(g.constants) {
		g.constants = append(g.constants, bits)
	}
	g.op("FMOVQ %d(R19), F%d", 16*i, r)
}

// table writes the constants used by set, each repeated for a whole vector.
func (g *neon) table() {
	for i, bits := range g.constants {
		for half := range 2 {
			fmt.Fprintf(&g.text, "DATA neonConstants<>+%d(SB)/8, $0x%08x%08x\n", 16*i+8*half, bits, bits)
		}
	}
	fmt.Fprintf(&g.text, "GLOBL neonConstants<>(SB), RODATA|NOPTR, $%d\n", 16*len(g.constants))
}

// each writes a loop over the R6 elements of the rows at the first pointers R0, R1, …; R6 may
// be 0. It processes whole vectors, unroll at once, and then single elements, because NEON has
// no masks. It does not change R6 and the pointers.
func (g *neon) each(pointers, unroll int, body func(l lane)) {
	g.op("MOVD R6, R7")
	for i := range pointers {
		g.op("MOVD R%d, R%d", i, 8+i)
	}
	loop := func(what string, unroll, elements int, tail bool) {
		again, done := g.label(what), g.label("after")
		g.at(again)
		g.op("CMP $%d, R7", elements)
		g.op("BLT %s", done)
		for u := range unroll {
			body(lane{u: u, tail: tail})
		}
		for i := range pointers {
			g.op("ADD $%d, R%d", 4*elements, 8+i)
		}
		g.op("SUB $%d, R7", elements)
		g.op("B %s", again)
		g.at(done)
	}
	if unroll > 1 {
		loop("many", unroll, unroll*neonLanes, false)
	}
	loop("one", 1, neonLanes, false)
	loop("tail", 1, 1, true)
}

// load loads the next vector of the row at pointer p to register r, or a single element and
// zeros.
func (g *neon) load(l lane, p, r int) {
	if l.tail {
		g.op("FMOVS (R%d), F%d", 8+p, r)
	} else {
		g.op("FMOVQ %d(R%d), F%d", 16*l.u, 8+p, r)
	}
}

// loadSame is load, but it writes a single element to the whole register.
func (g *neon) loadSame(l lane, p, r int) {
	if l.tail {
		g.op("VLD1R (R%d), [V%d.S4]", 8+p, r)
	} else {
		g.load(l, p, r)
	}
}

// store stores register r to the next vector or element of the row at pointer p.
func (g *neon) store(l lane, r, p int) {
	if l.tail {
		g.op("FMOVS F%d, (R%d)", r, 8+p)
	} else {
		g.op("FMOVQ F%d, %d(R%d)", r, 16*l.u, 8+p)
	}
}

// clip clears register r after a single element.
func (g *neon) clip(l lane, r int) {
	if l.tail {
		g.op("FMOVS F%d, F%d", r, r)
	}
}

// fold combines all elements of the registers from..from+n-1 by op, in a fixed order, and
// writes the result to all elements of register from.
func (g *neon) fold(op string, from, n, temp int) {
	for step := 1; step < n; step *= 2 {
		for i := 0; i+step < n; i += 2 * step {
			g.f(op, from+i, from+i, from+i+step)
		}
	}
	for _, bytes := range []int{8, 4} {
		g.op("VEXT $%d, V%d.B16, V%d.B16, V%d.B16", bytes, from, from, temp)
		g.f(op, from, from, temp)
	}
}

func generateARM64() *source {
	g := &neon{source: newSource()}
	g.tiles(floatTile)
	g.tiles(intTile)
	g.quantize()
	g.byteDots()
	g.activations()
	g.softmax()
	g.softmaxGrad()
	g.layerNorm()
	g.layerNormGrad()
	g.normParamGrad()
	g.rows()
	g.dot()
	g.adamw()
	g.transpose()
	g.peak()
	g.pause()
	g.table()
	return &g.source
}
