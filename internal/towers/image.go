package towers

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// ImageTower is CLIP's vision Transformer: images to features. n is a number of
// images, P the rows of one (its patches and the class token), D the width, E the
// embedding size.
type ImageTower struct {
	device        compute.Device
	size          Sizes
	conv          *nn.Linear // a patch's pixels [3·patch²] to D
	stem          *stem      // instead of conv; else nil
	class, dclass compute.Matrix
	pos, dpos     compute.Matrix // [P,D]
	lnPre, lnPost *nn.LayerNorm  // lnPre is nil if there is none
	blocks        *nn.Transformer
	pool          pooling
	proj          *nn.Projection
	rotary        compute.Matrix // zero if there is none
	layout        *layout        // of the latest batch
}

// layout describes which rows of a batch of images belong together.
type layout struct {
	attends nn.AttentionPattern
	first   []int32         // the first row of each image
	zeros   []int32         // one per image: all use the same class embedding
	patches []compute.Range // of each image
}

// NewImageTower builds the tower from the tensors of b, which are learnable if
// b.Params is set.
func NewImageTower(b *nn.Builder, c Sizes) *ImageTower {
	t := &ImageTower{device: b.Device, size: c}
	// Pixels are the tower's raw input: they are never rounded.
	exact := *b
	exact.Forms = compute.Forward
	if c.Image.Stem > 0 {
		t.stem = newStem(&exact, c)
	} else {
		t.conv = exact.Linear("visual.conv1.weight", "", c.Vision.Width, 3*c.PatchSize*c.PatchSize)
	}
	if !c.Image.NoClass {
		t.class, t.dclass = b.Vector("visual.class_embedding", c.Vision.Width)
	}
	t.pos, t.dpos = b.Table("visual.positional_embedding", c.Tokens(), c.Vision.Width)
	if !c.Image.NoPreNorm {
		t.lnPre = b.LayerNorm("visual.ln_pre", c.Vision.Width, c.Vision.Eps)
	}
	t.blocks = b.Transformer(VisionBlocks, c.VisionLayers, c.Vision)
	t.lnPost = b.LayerNorm("visual.ln_post", c.Vision.Width, c.Vision.Eps)
	t.pool = poolings[c.Image.Pool](t, b)
	name, bias := "visual.proj", ""
	if c.Image.NoProjection {
		name = ""
	}
	if c.Image.Bias {
		bias = "visual.proj.bias"
	}
	t.proj = b.Projection(name, bias, c.PoolWidth(), c.Embed)
	if c.Image.Rotary != (Rotary{}) {
		t.rotary = c.Image.Rotary.table(b.Device, c.Vision.Width/c.Vision.Heads, c.grid(), c.first())
	}
	return t
}

// ImageTape holds the activations that Backward needs, in the device's temporary memory.
type ImageTape struct {
	patches, x0, last, normed compute.Matrix
	blocks                    nn.Tape
}

// layoutOf returns the layout of n images: every row of an image attends to all rows of that
// image. If only the class rows are used, the last block needs no others. The layout is rebuilt
// only when n changes.
func (t *ImageTower) layoutOf(n int) *layout {
	if l := t.layout; l != nil && len(l.zeros) == n {
		return l
	}
	p, first := t.size.Tokens(), t.size.first()
	full, last := &compute.AttentionShape{}, &compute.AttentionShape{}
	l := &layout{attends: nn.AttentionPattern{Full: full, Last: last, Rotary: t.rotary}, zeros: make([]int32, n)}
	for i := range n {
		full.Segments = append(full.Segments, compute.Segment{Query: i * p, Queries: p, Key: i * p, Keys: p})
		last.Segments = append(last.Segments, compute.Segment{Query: i, Queries: 1, Key: i * p, Keys: p})
		l.first = append(l.first, int32(i*p))
		l.patches = append(l.patches, compute.Range{From: i*p + first, To: (i + 1) * p})
	}
	if t.size.Image.Pool == PoolToken {
		l.attends.LastRows = l.first
	}
	t.layout = l
	return l
}

// Forward writes out [n,E] for normalized pixels [n,3·S·S], channel by channel.
// The tape may be nil; it must be nil for other designs than CLIP's.
func (t *ImageTower) Forward(out, pixels compute.Matrix, tape *ImageTape) {
	d, n, c := t.device, pixels.Rows, t.size
	rows := n * c.Tokens()
	var blocks *nn.Tape
	if tape == nil {
		defer d.Release(d.Mark())
		tape = &ImageTape{}
	} else {
		blocks = &tape.blocks
	}
	l := t.layoutOf(n)
	tape.x0 = d.Temp(rows, c.Vision.Width)
	// The class token's patch is zero, so its row comes out of the convolution
	// as zero and takes only the class embedding and its position.
	if t.stem != nil {
		t.stem.forward(tape.x0, pixels)
	} else {
		tape.patches = d.Temp(rows, 3*c.PatchSize*c.PatchSize)
		d.ExtractPatches(tape.patches, pixels, c.ImageSize, c.PatchSize, c.first())
		t.conv.Forward(tape.x0, tape.patches, compute.Identity, compute.Matrix{})
	}
	d.AddCycle(tape.x0, t.pos)
	if !t.class.IsZero() {
		d.ScatterAdd(tape.x0, l.first, t.class, l.zeros)
	}
	x := tape.x0
	if t.lnPre != nil {
		x = d.Temp(rows, c.Vision.Width)
		t.lnPre.Forward(x, tape.x0)
	}
	used := rows
	if l.attends.LastRows != nil {
		used = n
	}
	tape.last = d.Temp(used, c.Vision.Width)
	t.blocks.Forward(tape.last, x, &l.attends, blocks)
	tape.normed = d.Temp(n, c.PoolWidth())
	t.pool.forward(tape.normed, tape.last, l)
	t.proj.Forward(out, tape.normed)
}

// Encode implements [Image].
func (t *ImageTower) Encode(out, pixels compute.Matrix) { t.Forward(out, pixels, nil) }

// Backward adds to the gradients of the tower's weights for dout [n,E].
func (t *ImageTower) Backward(dout compute.Matrix, tape *ImageTape) {
	d, c := t.device, t.size
	defer d.Release(d.Mark())
	n, rows := dout.Rows, tape.x0.Rows
	l := t.layoutOf(n)
	dnormed, dlast := d.Temp(n, c.Vision.Width), d.Temp(n, c.Vision.Width)
	t.proj.Backward(dnormed, dout, tape.normed)
	t.lnPost.Backward(dlast, dnormed, tape.last, false)
	dx, dx0 := d.Temp(rows, c.Vision.Width), d.Temp(rows, c.Vision.Width)
	t.blocks.Backward(dx, dlast, &l.attends, &tape.blocks)
	t.lnPre.Backward(dx0, dx, tape.x0, false)
	d.AddCycleGrad(t.dpos, dx0)
	d.ScatterAdd(t.dclass, l.zeros, dx0, l.first)
	t.conv.Backward(compute.Matrix{}, dx0, tape.patches, false)
}
