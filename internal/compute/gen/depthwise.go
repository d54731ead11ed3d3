package main

import "fmt"

// depthwiseSizes are the kernels and strides of depthwise convolutions with kernels.
var depthwiseSizes = []struct{ kernel, stride int }{{3, 1}, {3, 2}, {7, 1}, {7, 2}}

// depthwise writes the kernels of depthwise convolutions. One call computes 8 outputs next to
// each other, vector by vector of channels. For each line of the window, the taps are in
// registers, and each pixel is loaded once for all outputs that it contributes to. Pixels
// outside the image are skipped.
func (g *asm) depthwise() {
	var table string
	for _, s := range depthwiseSizes {
		name := fmt.Sprintf("Depthwise%dx%d", s.kernel, s.stride)
		table += fmt.Sprintf("\t{%d, %d}: %s%s,\n", s.kernel, s.stride, g.name, name)
		g.depthwiseKernel(name, s.kernel, s.stride)
	}
	fmt.Fprintf(&g.stubs, "var %sDepthwise = map[[2]int]func(*depthwise){\n%s}\n\n", g.name, table)
}

// depthwiseKernel writes the kernel for a size of window and a stride.
func (g *asm) depthwiseKernel(name string, kernel, stride int) {
	const outputs = 8
	tap, pixel := outputs, outputs+kernel
	g.fn(name, "t *depthwise AX")
	g.op("MOVQ depthwise_x(AX), SI")
	g.op("ADDQ depthwise_at(AX), SI")
	for _, f := range []string{"y(AX), DI", "mask(AX), R8", "taps(AX), R9", "pixel(AX), R11", "line(AX), R12", "ldt(AX), R14", "vectors(AX), CX"} {
		g.op("MOVQ depthwise_%s", f)
	}
	vectors, line, stored := g.label("vectors"), g.label("line"), g.label("stored")
	g.at(vectors)
	g.op("MOVQ depthwise_bias(AX), DX")
	g.op("VMOVUPS (DX), %s", g.v(0))
	g.op("ADDQ $%d, DX", g.bytes())
	g.op("MOVQ DX, depthwise_bias(AX)")
	for o := 1; o < outputs; o++ {
		g.op("VMOVAPS %s, %s", g.v(0), g.v(o))
	}
	g.op("MOVQ SI, R10")
	g.op("MOVQ R9, R13")
	g.op("MOVQ depthwise_lines(AX), BX")
	g.at(line)
	for k := range kernel {
		g.op("VMOVUPS (R13), %s", g.v(tap+k))
		g.op("ADDQ R14, R13")
	}
	g.op("MOVQ R10, DX")
	for i := range (outputs-1)*stride + kernel {
		skip := g.label("skip")
		g.op("TESTL $%d, R8", 1<<i)
		g.op("JZ %s", skip)
		g.op("VMOVUPS (DX), %s", g.v(pixel))
		for o := range outputs {
			if k := i - o*stride; k >= 0 && k < kernel {
				g.op("VFMADD231PS %s, %s, %s", g.v(pixel), g.v(tap+k), g.v(o))
			}
		}
		g.at(skip)
		g.op("ADDQ R11, DX")
	}
	g.op("ADDQ R12, R10")
	g.op("DECQ BX")
	g.op("JNZ %s", line)
	g.op("MOVQ depthwise_outputs(AX), BX")
	g.op("MOVQ DI, DX")
	for o := range outputs {
		g.op("VMOVUPS %s, (DX)", g.v(o))
		g.op("DECQ BX")
		g.op("JZ %s", stored)
		g.op("ADDQ depthwise_ldy(AX), DX")
	}
	g.at(stored)
	for _, r := range []string{"SI", "DI", "R9"} {
		g.op("ADDQ $%d, %s", g.bytes(), r)
	}
	g.op("DECQ CX")
	g.op("JNZ %s", vectors)
	g.ret()
}
