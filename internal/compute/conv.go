package compute

import (
	"fmt"
	"math"
	"unsafe"
)

// Window is a square window that a convolution moves over square images. Sizes are in pixels.
type Window struct {
	Side                int  // of an image
	Kernel, Stride, Pad int  // of the window; the padding has the value 0
	Line                bool // images and window are one pixel high
}

// Out returns the side of the output.
func (w Window) Out() int { return (w.Side+2*w.Pad-w.Kernel)/w.Stride + 1 }

// Area returns the number of pixels of a square with a side, or of a line.
func (w Window) Area(side int) int {
	if w.Line {
		return side
	}
	return side * side
}

// check panics unless images have the given numbers of rows before and after a convolution.
func (w Window) check(in, out int) {
	n := in / w.Area(w.Side)
	if in != n*w.Area(w.Side) || out != n*w.Area(w.Out()) {
		panic(fmt.Sprintf("compute: %d rows for a convolution %+v of %d rows", out, w, in))
	}
}

// inside returns the part from..to-1 of a window's pixels that are inside the image, for the
// output at a position. It is empty if from >= to.
func (w Window) inside(position int) (from, to int) {
	at := position*w.Stride - w.Pad
	return max(0, -at), min(w.Kernel, w.Side-at)
}

func (c *CPU) UnfoldImages(dst, images Matrix, w Window) {
	out := w.Out()
	if images.Cols != 3*w.Side*w.Side || dst.Rows != images.Rows*out*out || dst.Cols != 3*w.Kernel*w.Kernel {
		panic("compute: unfolding between incompatible shapes")
	}
	c.job = job{y: dst.open(), x: images.open(), window: w}
	c.blocks(images.Rows*out, 1, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			c.unfold(i)
		}
	})
}

// unfold writes the windows of one row of outputs.
func (c *CPU) unfold(line int) {
	w := c.job.window
	out, k := w.Out(), w.Kernel
	y0, y1 := w.inside(line % out)
	image := c.job.x.row(line / out)
	for o := range out {
		d := c.job.y.row(line*out + o)
		x0, x1 := w.inside(o)
		if y0 > 0 || y1 < k || x0 > 0 || x1 < k {
			clear(d)
		}
		for channel := range 3 {
			for y := y0; y < y1; y++ {
				at := (channel*w.Side+line%out*w.Stride-w.Pad+y)*w.Side + o*w.Stride - w.Pad
				into := d[(channel*k+y)*k:][:k]
				for x := x0; x < x1; x++ {
					into[x] = image[at+x]
				}
			}
		}
	}
}

// outputs is the number of outputs that a depthwise kernel computes at once.
const outputs = 8

// depthwise is the argument of the kernels of [Device.Depthwise]: up to 8 outputs next to each
// other. Distances are in bytes.
type depthwise struct {
	x           unsafe.Pointer // the first line of the window in the image, at its first pixel
	at          int            // from x to the window's first pixel, which may be outside
	pixel, line uintptr        // distance between pixels and between lines of x
	mask        int            // has bit i if pixel i of a line, counted from at, is inside
	lines       int            // of the window inside the image
	y           unsafe.Pointer
	ldy         uintptr // distance between outputs
	taps        unsafe.Pointer
	ldt         uintptr // distance between taps
	bias        unsafe.Pointer
	vectors     int // of channels
	outputs     int

	// For the version in plain Go only.
	kernel, stride, channels int
}

func (c *CPU) Depthwise(y, x, taps, bias Matrix, w Window, act Activation) {
	w.check(x.Rows, y.Rows)
	if y.Cols != x.Cols || taps.Cols != x.Cols || taps.Rows != w.Area(w.Kernel) || bias.Cols != x.Cols {
		panic("compute: depthwise convolution of incompatible shapes")
	}
	c.job = job{y: y.open(), x: x.open(), u: taps.open(), v: bias.open(), window: w, act: act}
	c.blocks(y.Rows/w.Out(), 1, func(c *CPU, worker *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			worker.depthwise(c, i)
		}
	})
}

// depthwise computes one line of outputs.
func (w *worker) depthwise(c *CPU, line int) {
	j, window := &c.job, c.job.window
	out := window.Out()
	t := &w.conv
	y0, y1 := window.inside(line % out)
	first := line/out*window.Side*window.Side + (line%out*window.Stride-window.Pad+y0)*window.Side
	if window.Line {
		y0, y1, first = 0, 1, line*window.Side
	}
	*t = depthwise{pixel: j.x.pitch(), line: j.x.pitch() * uintptr(window.Side), lines: y1 - y0, ldy: j.y.pitch(), ldt: j.u.pitch(),
		kernel: window.Kernel, stride: window.Stride}
	kernel, whole := c.kernels.depthwise[[2]int{window.Kernel, window.Stride}], j.x.Cols/c.kernels.vector
	if kernel == nil || window.Line {
		kernel, whole = genericDepthwise, 0
	}
	done := whole * c.kernels.vector
	for o := 0; o < out; o += outputs {
		at := o*window.Stride - window.Pad
		t.at, t.outputs = at*int(t.pixel), min(outputs, out-o)
		t.mask = inside(at, window.Side, (outputs-1)*window.Stride+window.Kernel)
		run := func(kernel func(*depthwise), from int) {
			t.x, t.y = j.x.at(first, from), j.y.at(line*out+o, from)
			t.taps, t.bias = j.u.at(y0*window.Kernel, from), j.v.at(0, from)
			kernel(t)
		}
		if t.vectors = whole; whole > 0 {
			run(kernel, 0)
		}
		if t.channels = j.x.Cols - done; t.channels > 0 {
			run(genericDepthwise, done)
		}
		if j.act != Identity {
			to := j.y.at(line*out+o, 0)
			w.finish = tile{a: to, lda: t.ldy, c: to, ldc: t.ldy, rows: t.outputs, cols: j.y.Cols}
			c.kernels.finish[j.act](&w.finish)
		}
	}
}

// inside returns the bits of the n pixels from at on that are inside an image of the given side.
func inside(at, side, n int) int {
	from, to := max(0, -at), min(n, side-at)
	if from >= to {
		return 0
	}
	return 1<<to - 1<<from
}

// genericDepthwise is the depthwise kernel for any window.
func genericDepthwise(t *depthwise) {
	bias := floatsAt(t.bias, 0, t.channels)
	for o := range t.outputs {
		y := floatsAt(t.y, uintptr(o)*t.ldy, t.channels)
		copy(y, bias)
		for line := range t.lines {
			for tap := range t.kernel {
				i := o*t.stride + tap
				if t.mask>>i&1 == 0 {
					continue
				}
				x := floatsAt(unsafe.Add(t.x, line*int(t.line)+t.at+i*int(t.pixel)), 0, t.channels)
				w := floatsAt(t.taps, uintptr(line*t.kernel+tap)*t.ldt, t.channels)
				for j := range y {
					y[j] += x[j] * w[j]
				}
			}
		}
	}
}

func (c *CPU) Gate(y, x, gates Matrix, act Activation) {
	need(y, x)
	if gates.Cols != x.Cols || gates.Rows == 0 || x.Rows%gates.Rows != 0 {
		panic("compute: gates of an incompatible shape")
	}
	defer c.Release(c.Mark())
	open := c.Temp(gates.Rows, gates.Cols)
	c.job = job{y: open.open(), x: gates.open()}
	c.blocks(gates.Rows, 1, func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			d := c.job.y.row(i)
			for j, v := range c.job.x.row(i) {
				d[j] = float32(1 / (1 + math.Exp(-float64(v))))
			}
		}
	})
	c.job = job{y: y.open(), x: x.open(), u: open.open(), act: act}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, w *worker, item int) {
		j := &c.job
		from, to := c.part(item)
		for i := from; i < to; i++ {
			d, gate := j.y.row(i), j.u.row(i/(j.x.Rows/j.u.Rows))
			for k, v := range j.x.row(i) {
				d[k] = v * gate[k]
			}
			if j.act != Identity && len(d) > 0 {
				w.finish = tile{a: j.y.at(i, 0), c: j.y.at(i, 0), rows: 1, cols: len(d)}
				c.kernels.finish[j.act](&w.finish)
			}
		}
	})
}

func (c *CPU) Rectify(x Matrix) {
	c.job = job{y: x.open()}
	c.blocks(x.Rows, grainFor(x.Cols), func(c *CPU, _ *worker, item int) {
		from, to := c.part(item)
		for i := from; i < to; i++ {
			d := c.job.y.row(i)
			for j, v := range d {
				d[j] = max(v, 0)
			}
		}
	})
}
