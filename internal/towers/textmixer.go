package towers

import (
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// mixers prefixes the names of the two blocks of convolutions in the text tower of MobileCLIP-S0,
// before and after its Transformer.
const mixers = "mixers."

// MaxMixer bounds the positions that they mix.
const MaxMixer = 49

// MixerTensors calls f with the name and the shape of every tensor of both blocks.
func MixerTensors(width int, d TextDesign, f func(name string, shape ...int)) {
	for i := range 2 {
		conv := func(name string, shape ...int) {
			f(fmt.Sprintf("%s%d.%s.weight", mixers, i, name), shape...)
			f(fmt.Sprintf("%s%d.%s.bias", mixers, i, name), shape[0])
		}
		conv("token_mixer.reparam_conv", width, 1, 1, d.Mixer)
		conv("mlp.conv", width, 1, 1, d.Mixer)
		conv("mlp.fc1", d.MixerMLP, width, 1, 1)
		conv("mlp.fc2", width, d.MixerMLP, 1, 1)
	}
}

// mixer is such a block (Vasu et al. 2024). It mixes the positions of a text, and then the columns
// of each row:
//
//	x = mix(x)
//	x = x + fc2(gelu(fc1(conv(x))))
//
// The residual connection of mix is part of its convolution. A mixer is always frozen.
type mixer struct {
	device    compute.Device
	mix, conv *spatial
	// The same with taps in reverse order and without bias, by which gradients pass.
	backMix, backConv *spatial
	fc1, fc2          *nn.Linear
	width, hidden     int
}

func newMixer(b *nn.Builder, i int, c Sizes) *mixer {
	name, width, kernel := fmt.Sprintf("%s%d.", mixers, i), c.Text.Width, c.Words.Mixer
	w := compute.Window{Side: c.Context, Kernel: kernel, Stride: 1, Pad: kernel / 2, Line: true}
	m := &mixer{device: b.Device, width: width, hidden: c.Words.MixerMLP}
	both := func(name string) (forward, backward *spatial) {
		reversed := changed(b, name+".weight", func(x []float32) []float32 {
			x = slices.Clone(x)
			for taps := range slices.Chunk(x, kernel) {
				slices.Reverse(taps)
			}
			return x
		})
		reversed = changed(reversed, name+".bias", func(x []float32) []float32 { return make([]float32, len(x)) })
		return newSpatial(b, name, w, width, width), newSpatial(reversed, name, w, width, width)
	}
	m.mix, m.backMix = both(name + "token_mixer.reparam_conv")
	m.conv, m.backConv = both(name + "mlp.conv")
	m.fc1, m.fc2 = layer(b, name+"mlp.fc1", m.hidden, width), layer(b, name+"mlp.fc2", width, m.hidden)
	return m
}

// forward writes y [m,D] for the rows x [n,D] of whole contexts, with m = len(rows), or n if rows is
// nil. It returns what backward needs if keep is set.
func (t *mixer) forward(y, x compute.Matrix, rows []int32, keep bool) (hidden compute.Matrix) {
	d := t.device
	if keep {
		hidden = d.Temp(y.Rows, t.hidden)
	}
	defer d.Release(d.Mark())
	mixed, h := d.Temp(x.Rows, t.width), d.Temp(x.Rows, t.width)
	t.mix.forward(mixed, x, compute.Identity)
	t.conv.forward(h, mixed, compute.Identity)
	if rows != nil {
		all, allH := mixed, h
		mixed, h = d.Temp(y.Rows, t.width), d.Temp(y.Rows, t.width)
		d.Gather(mixed, nil, all, rows)
		d.Gather(h, nil, allH, rows)
	}
	if !keep {
		nn.MLP(y, h, t.fc1, t.fc2, compute.GELU, mixed)
		return hidden
	}
	t.fc1.Forward(hidden, h, compute.Identity, compute.Matrix{})
	act := d.Temp(y.Rows, t.hidden)
	d.Activate(act, hidden, compute.GELU)
	t.fc2.Forward(y, act, compute.Identity, mixed)
	return hidden
}

// backward writes dx [n,D] for dy [m,D], the gradient of what forward wrote. dx may be dy if rows is
// nil.
func (t *mixer) backward(dx, dy compute.Matrix, rows []int32, hidden compute.Matrix) {
	d := t.device
	defer d.Release(d.Mark())
	dhidden, dh := d.Temp(dy.Rows, t.hidden), d.Temp(dy.Rows, t.width)
	t.fc2.Backward(dhidden, dy, compute.Matrix{}, false)
	d.ActivateGrad(dhidden, dhidden, hidden, compute.GELU)
	t.fc1.Backward(dh, dhidden, compute.Matrix{}, false)
	dmixed := d.Temp(dx.Rows, t.width)
	if rows == nil {
		d.Copy(dmixed, dy)
	} else {
		all := d.Temp(dx.Rows, t.width)
		d.Zero(all)
		d.Zero(dmixed)
		d.ScatterAdd(all, rows, dh, nil)
		d.ScatterAdd(dmixed, rows, dy, nil)
		dh = all
	}
	through := d.Temp(dx.Rows, t.width)
	t.backConv.forward(through, dh, compute.Identity)
	d.Add(dmixed, through)
	t.backMix.forward(dx, dmixed, compute.Identity)
}
