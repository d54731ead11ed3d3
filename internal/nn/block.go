package nn

import (
	"cmp"

	"github.com/clipcue/clipcue/internal/compute"
)

// BlockConfig holds the sizes of a pre-LN residual attention block.
type BlockConfig struct {
	Width, Heads int
	MLP          int // width of the hidden layer; 0 means 4·Width
	Act          compute.Activation
	Eps          float32
	// Variants of EVA-02, in which nothing can be learned: the MLP multiplies act(c_gate(x)) by
	// c_fc(x), and there are norms before out_proj and c_proj.
	Gated, AttentionNorm, MLPNorm bool
}

// inner returns the width of the MLP's hidden layer.
func (s BlockConfig) inner() int { return cmp.Or(s.MLP, 4*s.Width) }

// ResidualAttentionBlock is a pre-LN residual attention block, as in CLIP's towers and in the
// temporal Transformer:
//
//	x = x + out(attention(q, k, v of ln_1(x)))
//	x = x + c_proj(act(c_fc(ln_2(x))))
//
// Queries, projection and MLP can be restricted to the rows that are used later:
// CLIP's last blocks need only the class row or the EOT rows, and the result is the
// same.
type ResidualAttentionBlock struct {
	device      compute.Device
	size        BlockConfig
	ln1, ln2    *LayerNorm
	q, kv, out  *Linear
	fc, proj    *Linear
	gate        *Linear    // nil unless Gated
	lnAttention *LayerNorm // nil unless AttentionNorm
	lnMLP       *LayerNorm // nil unless MLPNorm
	attends     compute.AttentionShape
}

// ResidualAttentionBlock returns a block of the tensors under name, which have OpenAI's
// names.
func (b *Builder) ResidualAttentionBlock(name string, s BlockConfig) *ResidualAttentionBlock {
	if b.Params == nil && b.Forms&compute.ForwardInt8 != 0 {
		smooth := *b
		smooth.Source = smoothed(b.Source, name, s)
		b = &smooth
	}
	in := b.linears(name+".attn.in_proj_weight", name+".attn.in_proj_bias", s.Width, s.Width, 2*s.Width)
	block := &ResidualAttentionBlock{
		device: b.Device, size: s, q: in[0], kv: in[1],
		out:  b.Linear(name+".attn.out_proj.weight", name+".attn.out_proj.bias", s.Width, s.Width),
		ln1:  b.LayerNorm(name+".ln_1", s.Width, s.Eps),
		fc:   b.Linear(name+".mlp.c_fc.weight", name+".mlp.c_fc.bias", s.inner(), s.Width),
		proj: b.Linear(name+".mlp.c_proj.weight", name+".mlp.c_proj.bias", s.Width, s.inner()),
		ln2:  b.LayerNorm(name+".ln_2", s.Width, s.Eps),
	}
	if s.Gated {
		block.gate = b.Linear(name+".mlp.c_gate.weight", name+".mlp.c_gate.bias", s.inner(), s.Width)
	}
	if s.AttentionNorm {
		block.lnAttention = b.LayerNorm(name+".attn.ln", s.Width, s.Eps)
	}
	if s.MLPNorm {
		block.lnMLP = b.LayerNorm(name+".mlp.ln", s.inner(), s.Eps)
	}
	return block
}

// BlockTensors lists the tensors of a block under name with their shapes.
func BlockTensors(name string, s BlockConfig, f func(name string, shape ...int)) {
	width, inner := s.Width, s.inner()
	f(name+".attn.in_proj_weight", 3*width, width)
	f(name+".attn.in_proj_bias", 3*width)
	f(name+".attn.out_proj.weight", width, width)
	f(name+".attn.out_proj.bias", width)
	f(name+".ln_1.weight", width)
	f(name+".ln_1.bias", width)
	f(name+".mlp.c_fc.weight", inner, width)
	f(name+".mlp.c_fc.bias", inner)
	f(name+".mlp.c_proj.weight", width, inner)
	f(name+".mlp.c_proj.bias", width)
	f(name+".ln_2.weight", width)
	f(name+".ln_2.bias", width)
	if s.Gated {
		f(name+".mlp.c_gate.weight", inner, width)
		f(name+".mlp.c_gate.bias", inner)
	}
	if s.AttentionNorm {
		f(name+".attn.ln.weight", width)
		f(name+".attn.ln.bias", width)
	}
	if s.MLPNorm {
		f(name+".mlp.ln.weight", inner)
		f(name+".mlp.ln.bias", inner)
	}
}

// blockTape holds the activations of a forward pass that the backward pass needs. All
// are temporary memory of the device.
type blockTape struct {
	rows   []int32 // the selected rows, nil for all
	shape  *compute.AttentionShape
	x      compute.Matrix // [n,D] input
	q, kv  compute.Matrix // [m,D], [n,2D]
	middle compute.Matrix // [m,D] after attention
	fc     compute.Matrix // [m,MLP] before the activation
	// Needed only for the gradients of the weights.
	h1, hq, att, h2, act compute.Matrix
}

// forward writes y [m,D] for x [n,D], with m = len(rows), or n when rows is nil;
// s refers to the rows of q, which are in the order of rows. The tape may be nil.
func (b *ResidualAttentionBlock) forward(y, x compute.Matrix, s *compute.AttentionShape, rotary compute.Matrix, rows []int32, tape *blockTape) {
	d := b.device
	if tape == nil {
		defer d.Release(d.Mark())
	}
	n, m, w := x.Rows, y.Rows, b.size.Width
	q, kv := d.Temp(m, w), d.Temp(n, 2*w)
	middle, fc := d.Temp(m, w), d.Temp(m, b.size.inner())
	if tape == nil || !b.fc.Trainable() {
		// Only the gradients of the weights need the matrices that follow.
		defer d.Release(d.Mark())
	}
	h1 := d.Temp(n, w)
	b.ln1.Forward(h1, x)
	b.kv.Forward(kv, h1, compute.Identity, compute.Matrix{})
	hq, base := h1, x
	if rows != nil {
		hq, base = d.Temp(m, w), d.Temp(m, w)
		d.Gather(hq, nil, h1, rows)
		d.Gather(base, nil, x, rows)
	}
	b.q.Forward(q, hq, compute.Identity, compute.Matrix{})
	if !rotary.IsZero() {
		d.Rotate(q, rotary, rows)
		d.Rotate(kv.ColRange(0, w), rotary, nil)
	}
	att := d.Temp(m, w)
	d.Attention(att, q, kv, b.shape(s))
	if b.lnAttention != nil {
		b.lnAttention.Forward(att, att)
	}
	b.out.Forward(middle, att, compute.Identity, base)
	h2 := d.Temp(m, w)
	b.ln2.Forward(h2, middle)
	act := fc
	if tape == nil {
		b.hidden(fc, h2)
	} else {
		b.fc.Forward(fc, h2, compute.Identity, compute.Matrix{})
		act = d.Temp(m, b.size.inner())
		d.Activate(act, fc, b.size.Act)
		*tape = blockTape{rows: rows, shape: s, x: x, q: q, kv: kv, middle: middle, fc: fc, h1: h1, hq: hq, att: att, h2: h2, act: act}
	}
	b.proj.Forward(y, act, compute.Identity, middle)
}

// hidden writes the hidden layer y [m,MLP] of the MLP for x [m,D].
func (b *ResidualAttentionBlock) hidden(y, x compute.Matrix) {
	if b.gate == nil {
		b.fc.Forward(y, x, b.size.Act, compute.Matrix{})
	} else {
		gate := b.device.Temp(y.Rows, y.Cols)
		b.gate.Forward(gate, x, b.size.Act, compute.Matrix{})
		b.fc.Forward(y, x, compute.Identity, compute.Matrix{})
		b.device.Multiply(y, gate)
	}
	if b.lnMLP != nil {
		b.lnMLP.Forward(y, y)
	}
}

// shape returns s with this block's number of heads.
func (b *ResidualAttentionBlock) shape(s *compute.AttentionShape) *compute.AttentionShape {
	b.attends = *s
	b.attends.Heads = b.size.Heads
	return &b.attends
}

// backward writes dx [n,D] for dy [m,D] and adds to the gradients of the weights
// when they are learned.
func (b *ResidualAttentionBlock) backward(dx, dy compute.Matrix, t *blockTape) {
	d := b.device
	defer d.Release(d.Mark())
	n, m, w := dx.Rows, dy.Rows, b.size.Width

	// MLP: dmiddle = dy + through ln_2, c_fc, the activation and c_proj.
	dfc := d.Temp(m, b.size.inner())
	b.proj.Backward(dfc, dy, t.act, false)
	d.ActivateGrad(dfc, dfc, t.fc, b.size.Act)
	dh := d.Temp(m, w)
	b.fc.Backward(dh, dfc, t.h2, false)
	dmiddle := d.Temp(m, w)
	d.Copy(dmiddle, dy)
	b.ln2.Backward(dmiddle, dh, t.middle, true)

	// Attention: dx = dmiddle + through ln_1, the projections and attention.
	datt := dh
	b.out.Backward(datt, dmiddle, t.att, false)
	dq, dkv := d.Temp(m, w), d.Temp(n, 2*w)
	d.AttentionGrad(dq, dkv, datt, t.q, t.kv, b.shape(t.shape))
	dh1 := d.Temp(n, w)
	b.kv.Backward(dh1, dkv, t.h1, false)
	if t.rows == nil {
		b.q.Backward(dh1, dq, t.h1, true)
		d.Copy(dx, dmiddle)
	} else {
		dhq := datt
		b.q.Backward(dhq, dq, t.hq, false)
		d.ScatterAdd(dh1, t.rows, dhq, nil)
		d.Zero(dx)
		d.ScatterAdd(dx, t.rows, dmiddle, nil)
	}
	b.ln1.Backward(dx, dh1, t.x, true)
}
