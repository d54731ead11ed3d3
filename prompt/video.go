package prompt

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// windows says how the rows of B windows of T frames belong together.
type windows struct {
	attends nn.Attends
	ranges  []compute.Range
}

// windows returns the layout of b windows; it is made anew only when b changes.
func (a *Adapter) windows(b int) *windows {
	if w := a.layout; w != nil && len(w.ranges) == b {
		return w
	}
	t, full, w := a.config.Frames, &compute.AttentionShape{}, &windows{}
	for i := range b {
		full.Segments = append(full.Segments, compute.Segment{Query: i * t, Queries: t, Key: i * t, Keys: t})
		w.ranges = append(w.ranges, compute.Range{From: i * t, To: (i + 1) * t})
	}
	w.attends.Full = full
	a.layout = w
	return w
}

// encodeVideo writes the embeddings y [B,E] of windows x [B·T,E]: temporal
// positions, blocks, mean over T; without temporal layers the mean alone. x is
// overwritten. The tape may be nil.
func (a *Adapter) encodeVideo(y, x compute.Matrix, tape *nn.Tape) {
	d, w := a.device, a.windows(y.Rows)
	if a.config.TemporalLayers > 0 {
		d.AddCycle(x, a.positions.Value)
		h := d.Temp(x.Rows, x.Cols)
		a.temporal.Forward(h, x, &w.attends, tape)
		x = h
	}
	d.Mean(y, x, w.ranges)
}

// backVideo adds to the gradients of the temporal tensors for dy [B,E].
func (a *Adapter) backVideo(dy compute.Matrix, tape *nn.Tape) {
	if a.config.TemporalLayers == 0 {
		return
	}
	d, w := a.device, a.windows(dy.Rows)
	defer d.Release(d.Mark())
	rows := dy.Rows * a.config.Frames
	dh, dx := d.Temp(rows, dy.Cols), d.Temp(rows, dy.Cols)
	d.Zero(dh)
	d.MeanGrad(dh, dy, w.ranges)
	a.temporal.Backward(dx, dh, &w.attends, tape)
	d.AddCycleGrad(a.positions.Grad, dx)
}
