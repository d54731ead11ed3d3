package proposal

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

const (
	inputName     = tensorPrefix + "input_norm"
	projectName   = tensorPrefix + "project"
	positionsName = tensorPrefix + "positions"
	stemName      = tensorPrefix + "stem"
	levelsName    = tensorPrefix + "levels" // .1, .2, …: each with down and one block, .0
	neckName      = tensorPrefix + "neck_norm"
	headsName     = tensorPrefix + "heads" // the convolution of both
	actionName    = tensorPrefix + "action"
	boxName       = tensorPrefix + "box"
	scaleName     = tensorPrefix + "scale"
)

const epsilon = 1e-5 // of the layer norms

// network holds the layers of a detector, with the shapes of their tensors. A weight is
// [out,in], that of a convolution [out,3·in], tap by tap, and has a bias [out]. The two
// tensors of a norm have its width.
type network struct {
	input       *nn.LayerNorm // E
	project     *nn.Conv      // [D,3E]
	projectNorm *nn.LayerNorm // D
	// positions [T,D] are added to the rows of a window.
	positions, positionsGrad compute.Matrix
	stem                     *nn.Transformer   // blocks of width D
	down                     []*nn.Conv        // [D,3D] each, at a stride of 2, from level i to i+1
	mix                      []*nn.Transformer // one block of width D each, on level i+1
	neck                     *nn.LayerNorm     // D, of all levels
	heads                    *nn.Conv          // [2D,3D], a half for each head
	action                   *head             // returns actionness, a logit
	box                      *head             // returns the distances to start and end and the quality
	// scale [Levels,2] is added to the logarithms of the distances to start and end, which
	// box returns in rows of the level.
	scale, scaleGrad compute.Matrix
}

// head holds the layers after the convolution of the heads: a norm, QuickGELU and a linear
// layer.
type head struct {
	norm *nn.LayerNorm // D
	out  *nn.Linear    // [1,D], or [3,D] for box
}

// tensors calls f for each tensor of a detector.
func tensors(c Config, width int, f func(name string, shape ...int)) {
	norm := func(name string, d int) {
		f(name+".weight", d)
		f(name+".bias", d)
	}
	linear := func(name string, out, in int) {
		f(name+".weight", out, in)
		f(name+".bias", out)
	}
	norm(inputName, width)
	linear(projectName, c.Width, 3*width)
	norm(projectName+"_norm", c.Width)
	f(positionsName, c.Frames, c.Width)
	for i := range c.Blocks {
		nn.BlockTensors(fmt.Sprintf("%s.%d", stemName, i), nn.BlockConfig{Width: c.Width}, f)
	}
	for i := 1; i < c.Levels; i++ {
		linear(fmt.Sprintf("%s.%d.down", levelsName, i), c.Width, 3*c.Width)
		nn.BlockTensors(fmt.Sprintf("%s.%d.0", levelsName, i), nn.BlockConfig{Width: c.Width}, f)
	}
	norm(neckName, c.Width)
	linear(headsName+".conv", 2*c.Width, 3*c.Width)
	for _, h := range outputs {
		norm(h.name+".norm", c.Width)
		linear(h.name+".out", h.out, c.Width)
	}
	f(scaleName, c.Levels, 2)
}

// outputs lists the heads and the number of values of each per row.
var outputs = []struct {
	name string
	out  int
}{{actionName, 1}, {boxName, 3}}

func newNetwork(b *nn.Builder, c Config, width int) network {
	size := nn.BlockConfig{Width: c.Width, Heads: c.Heads, Act: compute.QuickGELU, Eps: epsilon}
	n := network{
		input:       b.LayerNorm(inputName, width, epsilon),
		project:     b.Conv(projectName, c.Width, width),
		projectNorm: b.LayerNorm(projectName+"_norm", c.Width, epsilon),
	}
	n.positions, n.positionsGrad = b.Table(positionsName, c.Frames, c.Width)
	n.stem = b.Transformer(stemName, c.Blocks, size)
	for i := 1; i < c.Levels; i++ {
		name := fmt.Sprintf("%s.%d", levelsName, i)
		n.down = append(n.down, b.Conv(name+".down", c.Width, c.Width))
		n.mix = append(n.mix, b.Transformer(name, 1, size))
	}
	n.neck = b.LayerNorm(neckName, c.Width, epsilon)
	n.heads = b.Conv(headsName+".conv", 2*c.Width, c.Width)
	var made []*head
	for _, h := range outputs {
		made = append(made, &head{
			norm: b.LayerNorm(h.name+".norm", c.Width, epsilon),
			out:  b.Linear(h.name+".out.weight", h.name+".out.bias", h.out, c.Width),
		})
	}
	n.action, n.box = made[0], made[1]
	n.scale, n.scaleGrad = b.Table(scaleName, c.Levels, 2)
	return n
}

// tape holds the results of forward that back needs, in temporary memory of the device.
type tape struct {
	x, normed compute.Matrix // [R,E]
	seen      compute.Matrix // [R,3E] of project
	projected compute.Matrix // [R,D] before the norm
	middle    compute.Matrix // [R,D] before the activation
	stem      nn.Tape
	levels    []levelTape    // of the levels above the first
	pyramid   compute.Matrix // [P,D]
	around    compute.Matrix // [P,3D] of the heads' convolution
	action    headTape
	box       headTape
}

type levelTape struct {
	seen compute.Matrix // [rows,3D] of down
	mix  nn.Tape
}

type headTape struct{ conv, norm, act compute.Matrix } // [P,D] each

// forward writes for windows x [R,E] the actionness [P,1] of the rows of their pyramids and,
// in box [P,3], the logarithms of the distances to start and end, in rows of the level, and
// the quality as a logit. The tape may be nil; temporary memory is then released early.
func (t *Detector) forward(action, box, x compute.Matrix, l *layout, k *tape) {
	d, w, keep := t.device, t.config.Width, k != nil
	if !keep {
		k = &tape{}
	}
	forget := func() func() {
		if keep {
			return func() {}
		}
		mark := d.Mark()
		return func() { d.Release(mark) }
	}
	defer forget()()
	pyramid := d.Temp(l.rows, w)
	at := func(i int) compute.Matrix { return pyramid.RowRange(l.levels[i].rows.From, l.levels[i].rows.To) }

	// The projection: a norm, a convolution, a norm, QuickGELU; and positions.
	release := forget()
	normed := d.Temp(x.Rows, x.Cols)
	t.input.Forward(normed, x)
	projected := d.Temp(x.Rows, w)
	seen := t.project.Forward(projected, normed, l.project)
	middle, h := d.Temp(x.Rows, w), d.Temp(x.Rows, w)
	t.projectNorm.Forward(middle, projected)
	d.Activate(h, middle, compute.QuickGELU)
	for _, r := range l.levels[0].windows {
		d.Add(h.RowRange(r.From, r.To), t.positions.RowRange(0, r.To-r.From))
	}
	k.x, k.normed, k.seen, k.projected, k.middle = x, normed, seen, projected, middle
	stem := &k.stem
	if !keep {
		stem = nil
	}
	t.stem.Forward(at(0), h, &l.levels[0].attends, stem)
	release()

	// The pyramid.
	k.levels = make([]levelTape, len(t.down))
	for i, down := range t.down {
		release := forget()
		v, above := &l.levels[i+1], &k.levels[i]
		y := d.Temp(v.rows.To-v.rows.From, w)
		above.seen = down.Forward(y, at(i), v.down)
		mix := &above.mix
		if !keep {
			mix = nil
		}
		t.mix[i].Forward(at(i+1), y, &v.attends, mix)
		release()
	}

	t.predict(action, box, pyramid, l, k)
}

// predict writes the output of the heads for the rows of pyramids [P,D].
func (t *Detector) predict(action, box, pyramid compute.Matrix, l *layout, k *tape) {
	d, w := t.device, t.config.Width
	f, conv := d.Temp(l.rows, w), d.Temp(l.rows, 2*w)
	t.neck.Forward(f, pyramid)
	k.pyramid = pyramid
	k.around = t.heads.Forward(conv, f, l.heads)
	k.action = t.action.forward(d, action, conv.ColRange(0, w))
	k.box = t.box.forward(d, box, conv.ColRange(w, 2*w))
	for i, v := range l.levels {
		d.AddCycle(box.RowRange(v.rows.From, v.rows.To).ColRange(0, 2), t.scale.RowRange(i, i+1))
	}
}

// forward writes y for the half of the convolution that belongs to the head.
func (h *head) forward(d compute.Device, y, conv compute.Matrix) headTape {
	k := headTape{conv: conv, norm: d.Temp(conv.Rows, conv.Cols), act: d.Temp(conv.Rows, conv.Cols)}
	h.norm.Forward(k.norm, conv)
	d.Activate(k.act, k.norm, compute.QuickGELU)
	h.out.Forward(y, k.act, compute.Identity, compute.Matrix{})
	return k
}

// back adds to the gradients of all tensors for daction [P,1] and dbox [P,3].
func (t *Detector) back(daction, dbox compute.Matrix, l *layout, k *tape) {
	d, w := t.device, t.config.Width
	defer d.Release(d.Mark())
	for i, v := range l.levels {
		d.SumRows(t.scaleGrad.RowRange(i, i+1), dbox.RowRange(v.rows.From, v.rows.To).ColRange(0, 2))
	}
	dconv, df, dpyramid := d.Temp(l.rows, 2*w), d.Temp(l.rows, w), d.Temp(l.rows, w)
	t.action.back(d, dconv.ColRange(0, w), daction, &k.action)
	t.box.back(d, dconv.ColRange(w, 2*w), dbox, &k.box)
	d.Zero(df)
	t.heads.Backward(df, dconv, k.around, l.heads)
	t.neck.Backward(dpyramid, df, k.pyramid, false)

	at := func(i int) compute.Matrix { return dpyramid.RowRange(l.levels[i].rows.From, l.levels[i].rows.To) }
	for i := len(t.down) - 1; i >= 0; i-- {
		mark := d.Mark()
		v, above := &l.levels[i+1], &k.levels[i]
		dy := d.Temp(v.rows.To-v.rows.From, w)
		t.mix[i].Backward(dy, at(i+1), &v.attends, &above.mix)
		t.down[i].Backward(at(i), dy, above.seen, v.down)
		d.Release(mark)
	}

	rows := k.x.Rows
	dh, dmiddle := d.Temp(rows, w), d.Temp(rows, w)
	t.stem.Backward(dh, at(0), &l.levels[0].attends, &k.stem)
	for _, r := range l.levels[0].windows {
		d.Add(t.positionsGrad.RowRange(0, r.To-r.From), dh.RowRange(r.From, r.To))
	}
	d.ActivateGrad(dmiddle, dh, k.middle, compute.QuickGELU)
	t.projectNorm.Backward(dh, dmiddle, k.projected, false)
	dnormed, dx := d.Temp(rows, t.embed), d.Temp(rows, t.embed)
	d.Zero(dnormed)
	t.project.Backward(dnormed, dh, k.seen, l.project)
	t.input.Backward(dx, dnormed, k.x, false)
}

// back writes dconv for dy.
func (h *head) back(d compute.Device, dconv, dy compute.Matrix, k *headTape) {
	defer d.Release(d.Mark())
	dact := d.Temp(dconv.Rows, dconv.Cols)
	h.out.Backward(dact, dy, k.act, false)
	d.ActivateGrad(dact, dact, k.norm, compute.QuickGELU)
	h.norm.Backward(dconv, dact, k.conv, false)
}
