package towers

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// TextTower is CLIP's causal text Transformer. It encodes many sequences at once,
// ragged, without padding: under a causal mask, tokens after EOT never matter. D is
// the width, E the embedding size.
type TextTower struct {
	device         compute.Device
	size           Sizes
	tokens, dtoken compute.Matrix // [Vocab,D]
	pos, dpos      compute.Matrix // [Context,D]
	blocks         *nn.Transformer
	lnFinal        *nn.LayerNorm
	proj           *nn.Projection
}

// NewTextTower builds the tower from the tensors of b, which are learnable if
// b.Params is set.
func NewTextTower(b *nn.Builder, c Sizes) *TextTower {
	t := &TextTower{device: b.Device, size: c}
	t.tokens, t.dtoken = b.Table("token_embedding.weight", c.Vocab, c.Text.Width)
	t.pos, t.dpos = b.Table("positional_embedding", c.Context, c.Text.Width)
	t.blocks = b.Transformer(TextBlocks, c.TextLayers, c.Text)
	t.lnFinal = b.LayerNorm("ln_final", c.Text.Width, c.Text.Eps)
	t.proj = b.Projection("text_projection", c.Text.Width, c.Embed)
	return t
}

// Sequences describes how token sequences are laid out in the rows of one matrix:
// first the Shared rows that all of them start with, then the own rows of each, of
// which the last is its EOT. Own rows attend to the shared rows and, causally, to the
// own rows of their sequence. The common prefix is therefore computed once, and the
// result is the same as encoding each sequence alone.
type Sequences struct {
	Shared  int
	Lengths []int // own rows of each sequence, at least 1

	positions []int32 // of each row in its sequence
	attends   nn.AttentionPattern
}

// NewSequences lays out sequences with the given number of shared first rows.
func NewSequences(shared int, lengths []int) *Sequences {
	s := &Sequences{Shared: shared, Lengths: lengths}
	full := &compute.AttentionShape{Causal: true, Shared: shared}
	last := &compute.AttentionShape{Causal: true, Shared: shared}
	for i := range shared {
		s.positions = append(s.positions, int32(i))
	}
	if shared > 0 {
		full.Segments = append(full.Segments, compute.Segment{Queries: shared, Keys: shared})
	}
	at := shared
	for i, n := range lengths {
		for j := range n {
			s.positions = append(s.positions, int32(shared+j))
		}
		full.Segments = append(full.Segments, compute.Segment{Query: at, Queries: n, Key: at, Keys: n})
		last.Segments = append(last.Segments, compute.Segment{Query: i, Queries: 1, Key: at, Keys: n})
		at += n
		s.attends.LastRows = append(s.attends.LastRows, int32(at-1))
	}
	s.attends.Full, s.attends.Last = full, last
	return s
}

// Rows returns the number of rows of the matrix that s describes.
func (s *Sequences) Rows() int { return len(s.positions) }

// TextTape holds the activations that Backward needs, in the device's temporary memory.
type TextTape struct {
	last, normed compute.Matrix
	blocks       nn.Tape
}

// Tokens returns the table of token vectors [Vocab,D].
func (t *TextTower) Tokens() compute.Matrix { return t.tokens }

// Forward writes out [C,E] for the C sequences s in x [rows,D], token or prompt
// vectors without positions; x is overwritten. The tape may be nil.
func (t *TextTower) Forward(out, x compute.Matrix, s *Sequences, tape *TextTape) {
	d, n, w := t.device, len(s.Lengths), t.size.Text.Width
	var blocks *nn.Tape
	if tape == nil {
		defer d.Release(d.Mark())
		tape = &TextTape{}
	} else {
		blocks = &tape.blocks
	}
	d.ScatterAdd(x, nil, t.pos, s.positions)
	tape.last, tape.normed = d.Temp(n, w), d.Temp(n, w)
	t.blocks.Forward(tape.last, x, &s.attends, blocks)
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
	t.blocks.Backward(dx, dlast, &s.attends, &tape.blocks)
	if !t.dpos.IsZero() {
		d.ScatterAdd(t.dpos, s.positions, dx, nil)
	}
}

// AddTokenGrad adds the gradients dx of token vectors to those of the table.
func (t *TextTower) AddTokenGrad(dx compute.Matrix, ids []int32) {
	d := t.device
	d.ScatterAdd(t.dtoken, ids, dx, nil)
}

// LayOut joins token sequences that all start with the same token into one list of ids
// and its layout: the first token once, then the rest of each.
func LayOut(texts [][]int) (ids []int32, s *Sequences) {
	lengths := make([]int, len(texts))
	ids = append(ids, int32(texts[0][0]))
	for i, t := range texts {
		for _, id := range t[1:] {
			ids = append(ids, int32(id))
		}
		lengths[i] = len(t) - 1
	}
	return ids, NewSequences(1, lengths)
}
