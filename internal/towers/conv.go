package towers

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// ConvTower is the convolutional image tower of MobileCLIP. It is always frozen. Activations
// have one row for each pixel, line by line.
type ConvTower struct {
	device compute.Device
	window compute.Window // of the first convolution
	stem   *nn.Linear     // of its windows
	shrink *spatial
	mix    *nn.Linear
	stages []*convStage
	final  *spatial
	gate   *excitation
	head   *nn.Linear
}

// NewConvTower builds the tower from the tensors of b.
func NewConvTower(b *nn.Builder, c ConvSizes, imageSize, embed int) *ConvTower {
	width := c.Stages[0].Width
	t := &ConvTower{device: b.Device, window: compute.Window{Side: imageSize, Kernel: 3, Stride: 2, Pad: 1}}
	// Pixels are the tower's raw input: they are never rounded.
	exact := *b
	exact.Forms = compute.Forward
	t.stem = layer(&exact, Trunk+"stem.0.reparam_conv", width, 27)
	t.shrink = newSpatial(b, Trunk+"stem.1.reparam_conv", compute.Window{Side: t.window.Out(), Kernel: 3, Stride: 2, Pad: 1}, width, width)
	t.mix = layer(b, Trunk+"stem.2.reparam_conv", width, width)
	side := t.shrink.window.Out()
	for i, s := range c.Used() {
		stage := newConvStage(b, fmt.Sprintf("%sstages.%d.", Trunk, i), s, width, side)
		t.stages = append(t.stages, stage)
		width, side = s.Width, stage.side
	}
	t.final = newSpatial(b, Trunk+"final_conv.reparam_conv", compute.Window{Side: side, Kernel: 3, Stride: 1, Pad: 1}, width, c.Final)
	t.gate = newExcitation(b, Trunk+"final_conv", c.Final, c.Squeeze, t.final.order)
	t.head = layer(t.final.order.columns(b, Trunk+"head.fc.weight"), Trunk+"head.fc", embed, c.Final)
	return t
}

// stageRows is the approximate number of rows that a stage processes at once: their
// activations stay in the cache, and there are enough for the products.
const stageRows = 1024

// Encode implements [Image].
func (t *ConvTower) Encode(out, pixels compute.Matrix) {
	d, n := t.device, pixels.Rows
	defer d.Release(d.Mark())
	x := t.begin(pixels)
	for _, s := range t.stages {
		before, after := x.Rows/n, s.side*s.side
		y := d.Temp(n*after, s.width)
		group := max(1, stageRows/after)
		for from := 0; from < n; from += group {
			to := min(n, from+group)
			s.forward(y.RowRange(from*after, to*after), x.RowRange(from*before, to*before), to-from)
		}
		x = y
	}
	y := d.Temp(x.Rows, t.final.channels)
	t.final.forward(y, x, compute.Identity)
	t.gate.forward(y, n, compute.GELU)
	mean := d.Temp(n, y.Cols)
	d.Mean(mean, y, parts(y.Rows, n))
	t.head.Forward(out, mean, compute.Identity, compute.Matrix{})
}

// begin returns the input of the first stage, computed image by image.
func (t *ConvTower) begin(pixels compute.Matrix) compute.Matrix {
	d, width := t.device, t.shrink.channels
	large, small := t.window.Out()*t.window.Out(), t.shrink.window.Out()*t.shrink.window.Out()
	x := d.Temp(pixels.Rows*small, width)
	for i := range pixels.Rows {
		mark := d.Mark()
		y, z := d.Temp(large, width), d.Temp(small, width)
		windows := d.Temp(large, 27)
		d.UnfoldImages(windows, pixels.RowRange(i, i+1), t.window)
		t.stem.Forward(y, windows, compute.GELU, compute.Matrix{})
		t.shrink.forward(z, y, compute.GELU)
		t.mix.Forward(x.RowRange(i*small, (i+1)*small), z, compute.GELU, compute.Matrix{})
		d.Release(mark)
	}
	return x
}

// parts divides n rows into equal parts.
func parts(rows, n int) []compute.Range {
	r := make([]compute.Range, n)
	for i := range r {
		r[i] = compute.Range{From: rows / n * i, To: rows / n * (i + 1)}
	}
	return r
}
