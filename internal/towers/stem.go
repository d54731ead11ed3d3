package towers

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// StemPatch is the side of the patches of a convolutional stem.
const StemPatch = 16

// stem embeds patches by three convolutions with GELU between them, instead of one linear layer.
// Their windows of 4×4, 2×2 and 2×2 do not overlap. It is always frozen.
type stem struct {
	device compute.Device
	size   Sizes
	layers [3]*nn.Linear
	first  compute.Window
	// from lists the input rows of each pixel of a window of the second and third layer, for one
	// image; to lists the rows of its patches.
	from [2][4][]int32
	to   []int32
}

// StemTensors lists the tensors of a stem with the given width of its first layers.
func StemTensors(inner, width int, f func(name string, shape ...int)) {
	for i, shape := range [][]int{{inner, 3, 4, 4}, {inner, inner, 2, 2}, {width, inner, 2, 2}} {
		f(fmt.Sprintf("visual.stem.%d.weight", i), shape...)
		f(fmt.Sprintf("visual.stem.%d.bias", i), shape[0])
	}
}

func newStem(b *nn.Builder, c Sizes) *stem {
	t := &stem{device: b.Device, size: c, first: compute.Window{Side: c.ImageSize, Kernel: 4, Stride: 4}}
	inner := c.Image.Stem
	for i, in := range []int{48, 4 * inner, 4 * inner} {
		name, out := fmt.Sprintf("visual.stem.%d", i), inner
		if i == 2 {
			out = c.Vision.Width
		}
		source := b
		if i > 0 {
			source = changed(b, name+".weight", func(x []float32) []float32 { return pixelsFirst(x, inner) })
		}
		t.layers[i] = layer(source, name, out, in)
	}
	side := c.ImageSize / 4
	for i := range t.from {
		for y := 0; y < side; y += 2 {
			for x := 0; x < side; x += 2 {
				for k := range t.from[i] {
					t.from[i][k] = append(t.from[i][k], int32((y+k/2)*side+x+k%2))
				}
			}
		}
		side /= 2
	}
	for i := range side * side {
		t.to = append(t.to, int32(c.first()+i))
	}
	return t
}

// pixelsFirst changes the order of the columns of a weight from [in,2,2] to [2,2,in].
func pixelsFirst(x []float32, in int) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		row, channel, pixel := i/(4*in), i/4%in, i%4
		y[row*4*in+pixel*in+channel] = v
	}
	return y
}

// forward writes the patches of images, whose other rows become 0, to y [n·P,D].
func (t *stem) forward(y, pixels compute.Matrix) {
	d := t.device
	d.Zero(y)
	for i := range pixels.Rows {
		mark := d.Mark()
		windows := d.Temp(t.first.Out()*t.first.Out(), 48)
		d.UnfoldImages(windows, pixels.RowRange(i, i+1), t.first)
		x := d.Temp(windows.Rows, t.size.Image.Stem)
		t.layers[0].Forward(x, windows, compute.GELU, compute.Matrix{})
		for j, out := range []int{t.size.Image.Stem, t.size.Vision.Width} {
			joined, act := d.Temp(x.Rows/4, 4*x.Cols), [2]compute.Activation{compute.GELU, compute.Identity}[j]
			for k, from := range t.from[j] {
				d.Gather(joined.ColRange(k*x.Cols, (k+1)*x.Cols), nil, x, from)
			}
			next := d.Temp(joined.Rows, out)
			t.layers[j+1].Forward(next, joined, act, compute.Matrix{})
			x = next
		}
		d.Gather(y.RowRange(i*t.size.Tokens(), (i+1)*t.size.Tokens()), t.to, x, nil)
		d.Release(mark)
	}
}
