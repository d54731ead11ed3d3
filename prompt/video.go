package prompt

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// videoTape is what the backward pass needs of encodeVideo.
type videoTape struct {
	attends nn.Attends
	ranges  []compute.Range
	blocks  nn.Tape
}

// encodeVideo writes the embeddings y [B,E] of windows x [B·T,E]: temporal
// positions, blocks, mean over T; without temporal layers the mean alone. x is
// overwritten. The tape may be nil.
func (a *Adapter) encodeVideo(y, x compute.Matrix, tape *videoTape) {
	d, t := a.device, a.config.Frames
	var blocks *nn.Tape
	if tape == nil {
		tape = &videoTape{}
	} else {
		blocks = &tape.blocks
	}
	full := &compute.AttentionShape{}
	for i := range y.Rows {
		full.Segments = append(full.Segments, compute.Segment{Query: i * t, Queries: t, Key: i * t, Keys: t})
		tape.ranges = append(tape.ranges, compute.Range{From: i * t, To: (i + 1) * t})
	}
	tape.attends = nn.Attends{Full: full}
	if a.config.TemporalLayers > 0 {
		d.AddCycle(x, a.positions.Value)
		h := d.Temp(x.Rows, x.Cols)
		a.temporal.Forward(h, x, &tape.attends, blocks)
		x = h
	}
	d.Mean(y, x, tape.ranges)
}

// backVideo adds to the gradients of the temporal tensors for dy [B,E].
func (a *Adapter) backVideo(dy compute.Matrix, tape *videoTape) {
	if a.config.TemporalLayers == 0 {
		return
	}
	d := a.device
	defer d.Release(d.Mark())
	rows := dy.Rows * a.config.Frames
	dh, dx := d.Temp(rows, dy.Cols), d.Temp(rows, dy.Cols)
	d.Zero(dh)
	d.MeanGrad(dh, dy, tape.ranges)
	a.temporal.Backward(dx, dh, &tape.attends, &tape.blocks)
	d.AddCycleGrad(a.positions.Grad, dx)
}
