package adapter

import (
	"fmt"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// windows describes which rows of B windows of T frames belong together.
type windows struct {
	attends nn.AttentionPattern
	ranges  []compute.Range
}

// windows returns the layout of b windows. It is rebuilt only when b changes.
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

// videoTape holds what backVideo needs of encodeVideo.
type videoTape struct {
	blocks nn.Tape
	kept   []int32         // embeddings whose residual counts, nil for all
	ranges []compute.Range // of rows that the embeddings are means of
	rows   int             // B·T
	frames compute.Matrix  // the means of the frame features [S,E]
}

// encodeVideo writes the embeddings y [S,E] of S ranges of rows of the windows x
// [B·T,E]: temporal positions, blocks, mean over a range; without temporal layers only
// the mean. nil ranges means one range per window. x is overwritten. The tape may be
// nil.
//
// With Residual, the mean over a range of what the blocks add to their input is added
// to the mean of its frames: y = mean(x) + s·mean(blocks(x+p) − (x+p)). The blocks'
// two output projections are initialized to zero, so y starts exactly in CLIP's space,
// as the mean of the frames, and every layer has a gradient from the first step. A
// further projection after the blocks would also add a linear map of the frames to their
// output. s = 0 gives the result of prompts alone; s = 1 is the paper's module except for the
// mean of its positions.
func (a *Adapter) encodeVideo(y, x compute.Matrix, ranges []compute.Range, tape *videoTape) {
	d, w := a.device, a.windows(x.Rows/a.config.Frames)
	if ranges == nil {
		ranges = w.ranges
	}
	d.Mean(y, x, ranges)
	var blocks *nn.Tape
	var kept []int32
	if tape != nil {
		tape.ranges, tape.rows = ranges, x.Rows
		tape.frames = d.Temp(y.Rows, y.Cols)
		d.Copy(tape.frames, y)
		blocks, kept = &tape.blocks, tape.kept
	}
	residual := a.config.Residual
	if a.config.TemporalLayers == 0 || residual && a.temporalScale == 0 && tape == nil {
		return
	}
	d.AddCycle(x, a.positions.Value)
	h := d.Temp(x.Rows, x.Cols)
	a.temporal.Forward(h, x, &w.attends, blocks)
	if !residual {
		d.Mean(y, h, ranges)
		return
	}
	added, before := d.Temp(y.Rows, y.Cols), d.Temp(y.Rows, y.Cols)
	d.Mean(added, h, ranges)
	d.Mean(before, x, ranges)
	d.Scale(before, -1)
	d.Add(added, before)
	d.Scale(added, a.temporalScale)
	d.ScatterAdd(y, kept, added, kept)
}

// backVideo adds to the gradients of the temporal tensors for dy [S,E].
func (a *Adapter) backVideo(dy compute.Matrix, tape *videoTape) {
	if a.config.TemporalLayers == 0 {
		return
	}
	d, w, rows := a.device, a.windows(tape.rows/a.config.Frames), tape.rows
	defer d.Release(d.Mark())
	added := dy
	if a.config.Residual {
		added = d.Temp(dy.Rows, dy.Cols)
		d.Zero(added)
		d.ScatterAdd(added, tape.kept, dy, tape.kept)
		d.Scale(added, a.temporalScale)
	}
	dh, dx := d.Temp(rows, dy.Cols), d.Temp(rows, dy.Cols)
	d.Zero(dh)
	d.MeanGrad(dh, added, tape.ranges)
	a.temporal.Backward(dx, dh, &w.attends, &tape.blocks)
	if a.config.Residual {
		d.Scale(added, -1)
		d.MeanGrad(dx, added, tape.ranges)
	}
	d.AddCycleGrad(a.positions.Grad, dx)
}

// SetTemporalScale sets the factor of the temporal Transformer's residual: 1 as
// trained, 0 for prompts alone.
func (a *Adapter) SetTemporalScale(s float64) error {
	switch {
	case !a.config.Residual:
		return fmt.Errorf("temporal scale %v: %w", s, ErrNoResidual)
	case !(s >= 0) || math.IsInf(s, 0):
		return fmt.Errorf("temporal scale must not be negative, got %v", s)
	}
	a.temporalScale = float32(s)
	return nil
}
