package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// isa is an instruction set.
type isa struct {
	name  string // prefix of the names of its kernels
	reg   string
	lanes int
	wide  bool // AVX-512: mask registers, broadcasts from memory
}

var (
	avx2   = isa{name: "avx2", reg: "Y", lanes: 8}
	avx512 = isa{name: "avx512", reg: "Z", lanes: 16, wide: true}
)

// source collects assembly and the Go declarations for it.
type source struct {
	text, stubs bytes.Buffer
	labels      int
}

// asm is the source for amd64. Where possible, both instruction sets share the code of a
// kernel.
//
// Conventions for registers: the mask of a row's last elements is Y15 with AVX2 and K1 with
// AVX-512. R13 is a scratch register.
type asm struct {
	source
	isa
	data  []string
	known map[string]bool
}

// op writes one instruction.
func (g *source) op(format string, args ...any) { fmt.Fprintf(&g.text, "\t"+format+"\n", args...) }

// at writes a label.
func (g *source) at(label string) { fmt.Fprintf(&g.text, "%s:\n", label) }

// label returns a new label.
func (g *source) label(what string) string {
	g.labels++
	return fmt.Sprintf("%s%d", what, g.labels)
}

// v returns the name of vector register i.
func (g *asm) v(i int) string { return fmt.Sprintf("%s%d", g.reg, i) }

// hold returns register i, counted from the last, for a value that a whole kernel uses. Loops
// use the registers from 0.
func (g *asm) hold(i int) int {
	if g.wide {
		return 31 - i
	}
	return 14 - i
}

// bytes returns the size of a vector.
func (g *asm) bytes() int { return 4 * g.lanes }

// unroll returns the number of vectors that a loop processes at once, given the number for
// AVX-512, which has twice as many registers as AVX2.
func (g *asm) unroll(wide int) int {
	if g.wide {
		return wide
	}
	return max(1, wide/2)
}

// fn starts a function. A parameter is "name type" and the registers it is loaded to:
//
//   - a general register for a pointer or an integer
//   - two general registers for the base and the length of a slice, "_" for unused
//   - the number of a vector register for a float32, which is broadcast
func (g *asm) fn(name string, params ...string) {
	full := g.name + name
	var decl, loads []string
	offset := 0
	for _, p := range params {
		f := strings.Fields(p)
		decl = append(decl, f[0]+" "+f[1])
		load := func(op, what, to string) {
			if to != "_" {
				loads = append(loads, fmt.Sprintf("%s %s+%d(FP), %s", op, what, offset, to))
			}
			offset += 8
		}
		switch f[1] {
		case "[]float32", "[]byte", "[]int32", "[]int8":
			load("MOVQ", f[0]+"_base", f[2])
			load("MOVQ", f[0]+"_len", f[3])
			offset += 8
		case "float32":
			loads = append(loads, fmt.Sprintf("VBROADCASTSS %s+%d(FP), %s%s", f[0], offset, g.reg, f[2]))
			offset += 4
		default:
			offset = (offset + 7) &^ 7
			load("MOVQ", f[0], f[2])
		}
	}
	g.begin(full, strings.Join(decl, ", "), "", offset)
	for _, l := range loads {
		g.op("%s", l)
	}
}

// begin starts a function with arguments of the given size in bytes.
func (g *source) begin(name, params, result string, size int) {
	fmt.Fprintf(&g.stubs, "//go:noescape\nfunc %s(%s)%s\n\n", name, params, result)
	fmt.Fprintf(&g.text, "// func %s(%s)%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, params, result, name, size)
}

// load8 loads a parameter, "name register", from an offset in the arguments.
func (g *source) load8(param string, offset int) {
	name, register, _ := strings.Cut(param, " ")
	g.op("MOVQ %s+%d(FP), %s", name, offset, register)
}

// ret ends a function.
func (g *asm) ret() {
	g.op("VZEROUPPER")
	g.op("RET")
	g.text.WriteString("\n")
}

// k returns the address of the constant x, repeated for a whole AVX2 vector.
func (g *asm) k(x float64) string {
	bits := math.Float32bits(float32(x))
	name := fmt.Sprintf("k_%08x<>", bits)
	if !g.known[name] {
		g.known[name] = true
		var b strings.Builder
		for i := 0; i < 32; i += 8 {
			fmt.Fprintf(&b, "DATA %s+%d(SB)/8, $0x%08x%08x\n", name, i, bits, bits)
		}
		fmt.Fprintf(&b, "GLOBL %s(SB), RODATA|NOPTR, $32\n", name)
		g.data = append(g.data, b.String())
	}
	return name + "(SB)"
}

// opk writes an instruction whose first operand is the constant x.
func (g *asm) opk(op string, x float64, rest ...string) {
	if g.wide {
		op += ".BCST"
	}
	g.op("%s %s, %s", op, g.k(x), strings.Join(rest, ", "))
}

// set writes the constant x to register r.
func (g *asm) set(x float64, r int) { g.op("VBROADCASTSS %s, %s", g.k(x), g.v(r)) }

// zero clears register r.
func (g *asm) zero(r int) {
	op := "VXORPS"
	if g.wide {
		op = "VPXORD"
	}
	g.op("%s %s, %s, %s", op, g.v(r), g.v(r), g.v(r))
}

// lane is one vector of a loop: its index among those processed at once, and whether it is the
// last, incomplete vector of a row.
type lane struct {
	u    int
	tail bool
}

// each writes a loop over the CX elements of rows; CX may be 0. load and store add the offset
// DX, in bytes, to their pointers.
func (g *asm) each(unroll int, body func(l lane)) {
	many, one, tail, done := g.label("many"), g.label("one"), g.label("tail"), g.label("done")
	g.op("XORQ DX, DX")
	if unroll > 1 {
		g.at(many)
		g.op("CMPQ CX, $%d", unroll*g.lanes)
		g.op("JLT %s", one)
		for u := range unroll {
			body(lane{u: u})
		}
		g.op("ADDQ $%d, DX", unroll*g.bytes())
		g.op("SUBQ $%d, CX", unroll*g.lanes)
		g.op("JMP %s", many)
	}
	g.at(one)
	g.op("CMPQ CX, $%d", g.lanes)
	g.op("JLT %s", tail)
	body(lane{})
	g.op("ADDQ $%d, DX", g.bytes())
	g.op("SUBQ $%d, CX", g.lanes)
	g.op("JMP %s", one)
	g.at(tail)
	g.op("TESTQ CX, CX")
	g.op("JZ %s", done)
	g.mask("CX", 1, 15)
	body(lane{tail: true})
	g.at(done)
}

// mask writes the mask of the first elements of a vector to K<k> or Y<y>. Register count has
// their number, which is less than the length of a vector.
func (g *asm) mask(count string, k, y int) {
	if g.wide {
		// BZHI keeps the low bits of all ones.
		g.op("MOVQ $-1, R13")
		g.op("BZHIQ %s, R13, R13", count)
		g.op("KMOVW R13, K%d", k)
		return
	}
	if !g.known["tails"] {
		g.known["tails"] = true
		g.data = append(g.data, strings.Join([]string{
			"DATA tails<>+0(SB)/8, $-1", "DATA tails<>+8(SB)/8, $-1", "DATA tails<>+16(SB)/8, $-1", "DATA tails<>+24(SB)/8, $-1",
			"DATA tails<>+32(SB)/8, $0", "DATA tails<>+40(SB)/8, $0", "DATA tails<>+48(SB)/8, $0", "DATA tails<>+56(SB)/8, $0",
			"GLOBL tails<>(SB), RODATA|NOPTR, $64\n"}, "\n"))
	}
	g.op("LEAQ tails<>+32(SB), R13")
	g.op("NEGQ %s", count)
	g.op("VMOVUPS (R13)(%s*4), Y%d", count, y)
	g.op("NEGQ %s", count)
}

func (g *asm) place(l lane, ptr string) string {
	if l.u == 0 {
		return fmt.Sprintf("(%s)(DX*1)", ptr)
	}
	return fmt.Sprintf("%d(%s)(DX*1)", l.u*g.bytes(), ptr)
}

// load loads a vector to register r, with zeros after the end of the row.
func (g *asm) load(l lane, ptr string, r int) { g.loadAt(l.tail, g.place(l, ptr), r) }

func (g *asm) loadAt(tail bool, address string, r int) {
	switch {
	case !tail:
		g.op("VMOVUPS %s, %s", address, g.v(r))
	case g.wide:
		g.op("VMOVUPS.Z %s, K1, %s", address, g.v(r))
	default:
		g.op("VMASKMOVPS %s, Y15, %s", address, g.v(r))
	}
}

// loadOr is load with the elements of register fill after the end of the row.
func (g *asm) loadOr(l lane, ptr string, r, fill int) {
	if l.tail && g.wide {
		g.op("VMOVAPS %s, %s", g.v(fill), g.v(r))
		g.op("VMOVUPS %s, K1, %s", g.place(l, ptr), g.v(r))
		return
	}
	g.load(l, ptr, r)
	if l.tail {
		g.op("VBLENDVPS Y15, %s, %s, %s", g.v(r), g.v(fill), g.v(r))
	}
}

// store stores register r up to the end of the row.
func (g *asm) store(l lane, r int, ptr string) { g.storeAt(l.tail, r, g.place(l, ptr)) }

func (g *asm) storeAt(tail bool, r int, address string) {
	switch {
	case !tail:
		g.op("VMOVUPS %s, %s", g.v(r), address)
	case g.wide:
		g.op("VMOVUPS %s, K1, %s", g.v(r), address)
	default:
		g.op("VMASKMOVPS %s, Y15, %s", g.v(r), address)
	}
}

// clip clears the elements of register r after the end of the row.
func (g *asm) clip(l lane, r int) {
	if !l.tail {
		return
	}
	if g.wide {
		g.op("VMOVAPS.Z %s, K1, %s", g.v(r), g.v(r))
	} else {
		g.op("VANDPS %s, Y15, %s", g.v(r), g.v(r))
	}
}

// fold combines all elements of the registers from..from+n-1 by op, in a fixed order, and
// writes the result to all elements of register from.
func (g *asm) fold(op string, from, n, temp int) {
	for step := 1; step < n; step *= 2 {
		for i := 0; i+step < n; i += 2 * step {
			g.op("%s %s, %s, %s", op, g.v(from+i+step), g.v(from+i), g.v(from+i))
		}
	}
	x, t := g.v(from), g.v(temp)
	combine := func() { g.op("%s %s, %s, %s", op, t, x, x) }
	if g.wide {
		for _, order := range []int{0x4e, 0xb1} {
			g.op("VSHUFF32X4 $0x%02x, %s, %s, %s", order, x, x, t)
			combine()
		}
	} else {
		g.op("VPERM2F128 $0x01, %s, %s, %s", x, x, t)
		combine()
	}
	for _, order := range []int{0x4e, 0xb1} {
		g.op("VSHUFPS $0x%02x, %s, %s, %s", order, x, x, t)
		combine()
	}
}

// ops3 writes dst = a op b, with the operands in the order of the formula.
func (g *asm) ops3(op string, a, b, dst int) { g.op("%s %s, %s, %s", op, g.v(b), g.v(a), g.v(dst)) }
