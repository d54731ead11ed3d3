package towers

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// convStage is a stage of a [ConvTower].
type convStage struct {
	device      compute.Device
	side, width int // of its output
	// The layers that halve the resolution and widen the rows; nil without.
	shrink   *spatial
	gate     *excitation
	mix      *nn.Linear
	position *spatial // nil without
	blocks   []*convBlock
}

func newConvStage(b *nn.Builder, name string, s Stage, width, side int) *convStage {
	t := &convStage{device: b.Device, side: side, width: s.Width}
	if s.Down {
		first := name + "downsample.proj.0"
		t.shrink = newSpatial(b, first+".reparam_conv", compute.Window{Side: side, Kernel: 7, Stride: 2, Pad: 3}, width, s.Width)
		order := t.shrink.order
		t.side = t.shrink.window.Out()
		t.gate = newExcitation(b, first, s.Width, s.Squeeze, order)
		second := name + "downsample.proj.1.reparam_conv"
		t.mix = layer(order.columns(b, second+".weight"), second, s.Width, s.Width)
	}
	wide := compute.Window{Side: t.side, Kernel: 7, Stride: 1, Pad: 3}
	if s.Position {
		t.position = newSpatial(b, name+"pos_emb.reparam_conv", wide, s.Width, s.Width)
	}
	for i := range s.Blocks {
		t.blocks = append(t.blocks, newConvBlock(b, fmt.Sprintf("%sblocks.%d.", name, i), s, wide))
	}
	return t
}

// forward writes y for the input x of n images.
func (t *convStage) forward(y, x compute.Matrix, n int) {
	d := t.device
	defer d.Release(d.Mark())
	spare := d.Temp(y.Rows, y.Cols)
	if t.shrink != nil {
		if t.gate == nil {
			t.shrink.forward(spare, x, compute.GELU)
		} else {
			t.shrink.forward(spare, x, compute.Identity)
			t.gate.forward(spare, n, compute.GELU)
		}
		t.mix.Forward(y, spare, compute.GELU, compute.Matrix{})
		x = y
	}
	if t.position != nil {
		t.position.forward(spare, x, compute.Identity)
		d.Copy(y, spare)
		x = y
	}
	for _, block := range t.blocks {
		block.forward(y, x, spare, n)
		x = y
	}
}

// convBlock mixes the pixels of an image, and then the channels of each pixel:
//
//	x = mixer(x), or x + attention(norm(x))
//	x = x + fc2(gelu(fc1(conv(x))))
//
// The residual connection of the mixer is part of its convolution.
type convBlock struct {
	device       compute.Device
	mixer        *spatial      // nil with attention
	norm         *nn.LayerNorm // nil without
	q, kv, proj  *nn.Linear
	conv         *spatial
	fc1, fc2     *nn.Linear
	width, heads int
}

// normEps is what layer norms in convolutional towers add to the variance.
const normEps = 1e-5

func newConvBlock(b *nn.Builder, name string, s Stage, wide compute.Window) *convBlock {
	t := &convBlock{device: b.Device, width: s.Width}
	if s.Attention {
		qkv := name + "token_mixer.qkv"
		t.heads = s.Width / HeadWidth
		t.q = layer(part(b, qkv, 0, s.Width, 3*s.Width), qkv, s.Width, s.Width)
		t.kv = layer(part(b, qkv, s.Width, 3*s.Width, 3*s.Width), qkv, 2*s.Width, s.Width)
		t.proj = layer(b, name+"token_mixer.proj", s.Width, s.Width)
		if s.Norm {
			t.norm = b.LayerNorm(name+"norm", s.Width, normEps)
		}
	} else {
		near := wide
		near.Kernel, near.Pad = 3, 1
		t.mixer = newSpatial(b, name+"token_mixer.reparam_conv", near, s.Width, s.Width)
	}
	t.conv = newSpatial(b, name+"mlp.conv", wide, s.Width, s.Width)
	t.fc1 = layer(b, name+"mlp.fc1", s.MLP, s.Width)
	t.fc2 = layer(b, name+"mlp.fc2", s.Width, s.MLP)
	return t
}

// forward writes y, which may be x, for the rows x of n images. spare is overwritten.
func (t *convBlock) forward(y, x, spare compute.Matrix, n int) {
	d := t.device
	defer d.Release(d.Mark())
	mixed := spare
	if t.mixer != nil {
		t.mixer.forward(mixed, x, compute.Identity)
	} else {
		t.attend(mixed, x, n)
	}
	h := d.Temp(x.Rows, t.width)
	t.conv.forward(h, mixed, compute.Identity)
	nn.MLP(y, h, t.fc1, t.fc2, compute.GELU, mixed)
}

// attend writes y = x + proj(attention(norm(x))).
func (t *convBlock) attend(y, x compute.Matrix, n int) {
	d := t.device
	defer d.Release(d.Mark())
	normed := x
	if t.norm != nil {
		normed = d.Temp(x.Rows, t.width)
		t.norm.Forward(normed, x)
	}
	q, kv, att := d.Temp(x.Rows, t.width), d.Temp(x.Rows, 2*t.width), d.Temp(x.Rows, t.width)
	t.q.Forward(q, normed, compute.Identity, compute.Matrix{})
	t.kv.Forward(kv, normed, compute.Identity, compute.Matrix{})
	s := &compute.AttentionShape{Heads: t.heads}
	for _, r := range parts(x.Rows, n) {
		s.Segments = append(s.Segments, compute.Segment{Query: r.From, Queries: r.To - r.From, Key: r.From, Keys: r.To - r.From})
	}
	d.Attention(att, q, kv, s)
	t.proj.Forward(y, att, compute.Identity, x)
}
