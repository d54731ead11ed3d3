package towers

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// TextTower is CLIP's text Transformer. It encodes many sequences at once. D is the width, E the
// embedding size.
type TextTower struct {
	device         compute.Device
	size           Sizes
	tokens, dtoken compute.Matrix // [Vocab,D]
	pos, dpos      compute.Matrix // [positions,D]
	class          compute.Matrix // [1,D] the token after a text of PoolClass, else zero
	mixers         [2]*mixer      // before and after the blocks; nil without
	blocks         *nn.Transformer
	lnFinal        *nn.LayerNorm
	proj           *nn.Projection
}

// NewTextTower builds the tower from the tensors of b, which are learnable if
// b.Params is set.
func NewTextTower(b *nn.Builder, c Sizes) *TextTower {
	t := &TextTower{device: b.Device, size: c}
	t.tokens, t.dtoken = b.Table("token_embedding.weight", c.Vocab, c.Text.Width)
	t.pos, t.dpos = b.Table("positional_embedding", c.Positions(), c.Text.Width)
	if c.Words.Pool == PoolClass {
		t.class, _ = b.Vector("cls_emb", c.Text.Width)
	}
	if c.Words.Mixer > 0 {
		t.mixers = [2]*mixer{newMixer(b, 0, c), newMixer(b, 1, c)}
	}
	t.blocks = b.Transformer(TextBlocks, c.TextLayers, c.Text)
	t.lnFinal = b.LayerNorm("ln_final", c.Text.Width, c.Text.Eps)
	name, bias := "text_projection", ""
	if c.Words.NoProjection {
		name = ""
	}
	if c.Words.Bias {
		bias = "text_projection.bias"
	}
	t.proj = b.Projection(name, bias, c.Text.Width, c.Embed)
	return t
}

// TextTape holds the activations that Backward needs, in the device's temporary memory.
type TextTape struct {
	last, normed compute.Matrix
	blocks       nn.Tape
	mixers       [2]compute.Matrix // what their backward passes need
}

// Forward writes out [C,E] for the C sequences s in x [rows,D], token or prompt
// vectors without positions; x is overwritten. The tape may be nil.
func (t *TextTower) Forward(out, x compute.Matrix, s *Sequences, tape *TextTape) {
	d, n, w := t.device, s.Texts(), t.size.Text.Width
	var blocks *nn.Tape
	if tape == nil {
		defer d.Release(d.Mark())
		tape = &TextTape{}
	} else {
		blocks = &tape.blocks
	}
	if !t.class.IsZero() {
		d.Gather(x, s.classRows, t.class, s.zeros)
	}
	d.ScatterAdd(x, nil, t.pos, s.positions)
	tape.last, tape.normed = d.Temp(n, w), d.Temp(n, w)
	if t.mixers[0] == nil {
		t.blocks.Forward(tape.last, x, &s.attends, blocks)
	} else {
		mixed, encoded := d.Temp(x.Rows, w), d.Temp(x.Rows, w)
		tape.mixers[0] = t.mixers[0].forward(mixed, x, nil, blocks != nil)
		t.blocks.Forward(encoded, mixed, &nn.AttentionPattern{Full: s.attends.Full}, blocks)
		tape.mixers[1] = t.mixers[1].forward(tape.last, encoded, s.attends.LastRows, blocks != nil)
	}
	t.lnFinal.Forward(tape.normed, tape.last)
	t.proj.Forward(out, tape.normed)
}

// Backward writes dx [rows,D], the gradient of the vectors that Forward was
// given, for dout [C,E], and adds to the gradients of the tower's weights when
// they are learned.
func (t *TextTower) Backward(dx, dout compute.Matrix, s *Sequences, tape *TextTape) {
	d, n, w := t.device, dout.Rows, t.size.Text.Width
	defer d.Release(d.Mark())
	dnormed, dlast := d.Temp(n, w), d.Temp(n, w)
	t.proj.Backward(dnormed, dout, tape.normed)
	t.lnFinal.Backward(dlast, dnormed, tape.last, false)
	if t.mixers[0] == nil {
		t.blocks.Backward(dx, dlast, &s.attends, &tape.blocks)
	} else {
		dencoded, dmixed := d.Temp(dx.Rows, w), d.Temp(dx.Rows, w)
		t.mixers[1].backward(dencoded, dlast, s.attends.LastRows, tape.mixers[1])
		t.blocks.Backward(dmixed, dencoded, &nn.AttentionPattern{Full: s.attends.Full}, &tape.blocks)
		t.mixers[0].backward(dx, dmixed, nil, tape.mixers[0])
	}
	if !t.dpos.IsZero() {
		d.ScatterAdd(t.dpos, s.positions, dx, nil)
	}
}

// Embed writes the vectors of the tokens of s to their rows of x [rows,D].
func (t *TextTower) Embed(x compute.Matrix, s *Sequences) {
	t.device.Gather(x, s.TokenRows, t.tokens, s.Tokens)
}

// AddTokenGrad adds the gradients dx [rows,D] of the tokens of s to those of the table.
func (t *TextTower) AddTokenGrad(dx compute.Matrix, s *Sequences) {
	t.device.ScatterAdd(t.dtoken, s.Tokens, dx, s.TokenRows)
}
