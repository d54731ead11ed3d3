package nn

import (
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
)

// Transformer is a stack of blocks.
type Transformer struct {
	device compute.Device
	Blocks []*ResidualAttentionBlock
}

// Transformer returns the blocks name.0, name.1, ….
func (b *Builder) Transformer(name string, layers int, s BlockConfig) *Transformer {
	t := &Transformer{device: b.Device}
	for i := range layers {
		t.Blocks = append(t.Blocks, b.ResidualAttentionBlock(fmt.Sprintf("%s.%d", name, i), s))
	}
	return t
}

// AttentionPattern defines which rows attend to which. Full describes all rows. If
// only some output rows are used, LastRows lists them, and Last describes the last
// block restricted to them. LastRows is nil if all rows are used.
type AttentionPattern struct {
	Full, Last *compute.AttentionShape
	LastRows   []int32
	// Rotary holds the rotations of queries and keys by position, as [compute.Device.Rotate]
	// takes them; the position of a row is its number modulo the rows of Rotary. The zero
	// Matrix means none. Backward does not support it.
	Rotary compute.Matrix
}

// Tape holds the activations that Backward needs. It is valid until the device's
// memory is released to a mark taken before Forward.
type Tape struct{ blocks []blockTape }

// Forward writes y [m,D] for x [n,D], with m = len(a.LastRows), or n when that
// is nil. The tape may be nil; temporary memory is then released at once. x and
// y must not overlap.
func (t *Transformer) Forward(y, x compute.Matrix, a *AttentionPattern, tape *Tape) {
	d := t.device
	if len(t.Blocks) == 0 {
		d.Gather(y, nil, x, a.LastRows)
		return
	}
	if tape == nil {
		defer d.Release(d.Mark())
	} else {
		tape.blocks = slices.Grow(tape.blocks[:0], len(t.Blocks))[:len(t.Blocks)]
	}
	spare := [2]compute.Matrix{}
	for i, b := range t.Blocks {
		shape, rows, out := a.Full, []int32(nil), y
		if i == len(t.Blocks)-1 {
			if a.LastRows != nil {
				shape, rows = a.Last, a.LastRows
			}
		} else if tape != nil || i < 2 {
			out = d.Temp(x.Rows, x.Cols)
			spare[i%2] = out
		} else {
			out = spare[i%2]
		}
		if tape == nil {
			b.forward(out, x, shape, a.Rotary, rows, nil)
		} else {
			b.forward(out, x, shape, a.Rotary, rows, &tape.blocks[i])
		}
		x = out
	}
}

// Backward writes dx [n,D] for dy [m,D].
func (t *Transformer) Backward(dx, dy compute.Matrix, a *AttentionPattern, tape *Tape) {
	d := t.device
	if len(t.Blocks) == 0 {
		d.Zero(dx)
		d.ScatterAdd(dx, a.LastRows, dy, nil)
		return
	}
	defer d.Release(d.Mark())
	spare := [2]compute.Matrix{}
	for i := len(t.Blocks) - 1; i >= 0; i-- {
		out := dx
		if i > 0 {
			if spare[i%2].IsZero() {
				spare[i%2] = d.Temp(dx.Rows, dx.Cols)
			}
			out = spare[i%2]
		}
		t.Blocks[i].backward(out, dy, &tape.blocks[i])
		dy = out
	}
}
