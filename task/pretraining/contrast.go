package pretraining

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// contrast performs a step of CLIP's symmetric training on batches of any size in limited
// memory, as the package comment describes. A batch of one chunk is embedded only once.
type contrast struct {
	*model
	chunk  int
	image  towers.ImageTape
	text   towers.TextTape
	layout []*towers.Sequences // of the batch's texts, by chunk
}

func newContrast(m *model, chunk int) contrast { return contrast{model: m, chunk: chunk} }

// step adds to the gradients of the parameters and returns the loss. pixels writes the
// normalized images from..to-1. texts are token sequences from SOT to EOT. Texts with equal
// captions are not each other's negatives; captions may be nil.
func (c *contrast) step(texts [][]int, captions []string, pixels func(dst compute.Matrix, from, to int)) float64 {
	d, n, e := c.towers.Device, len(texts), c.Config().Embed
	defer d.Release(d.Mark())
	c.layout = c.layout[:0]
	for from := 0; from < n; from += c.chunk {
		c.layout = append(c.layout, c.towers.Text.LayOut(texts[from:min(from+c.chunk, n)], 1))
	}
	f, g, df, dg := d.Temp(n, e), d.Temp(n, e), d.Temp(n, e), d.Temp(n, e)
	// each calls do for the rows of every chunk, and releases its temporary memory.
	each := func(do func(i, from, to int)) {
		for i := range c.layout {
			mark := d.Mark()
			do(i, i*c.chunk, min((i+1)*c.chunk, n))
			d.Release(mark)
		}
	}
	forward := func(i, from, to int, image *towers.ImageTape, text *towers.TextTape) {
		c.forward(c.layout[i], f.RowRange(from, to), g.RowRange(from, to), from, to, pixels, image, text)
	}
	whole := len(c.layout) == 1
	if whole {
		forward(0, 0, n, &c.image, &c.text)
	} else {
		each(func(i, from, to int) { forward(i, from, to, nil, nil) })
	}
	loss, dscale := nn.ContrastiveLoss(d, df, dg, f, g, c.Scale(), nn.PairMask(d, captions))
	c.addScaleGrad(dscale)
	each(func(i, from, to int) {
		if !whole {
			forward(i, from, to, &c.image, &c.text)
		}
		c.backward(c.layout[i], df.RowRange(from, to), dg.RowRange(from, to))
	})
	return loss
}

func (c *contrast) forward(s *towers.Sequences, f, g compute.Matrix, from, to int, pixels func(compute.Matrix, int, int), image *towers.ImageTape, text *towers.TextTape) {
	d, size := c.towers.Device, c.Config()
	if image == nil {
		defer d.Release(d.Mark())
	}
	p := d.Temp(to-from, 3*size.ImageSize*size.ImageSize)
	pixels(p, from, to)
	c.vision.Forward(f, p, image)
	x := d.Temp(s.Rows(), size.TextWidth)
	c.towers.Text.Embed(x, s)
	c.towers.Text.Forward(g, x, s, text)
}

func (c *contrast) backward(s *towers.Sequences, df, dg compute.Matrix) {
	d := c.towers.Device
	defer d.Release(d.Mark())
	c.vision.Backward(df, &c.image)
	dx := d.Temp(s.Rows(), c.Config().TextWidth)
	c.towers.Text.Backward(dx, dg, s, &c.text)
	c.towers.Text.AddTokenGrad(dx, s)
}
