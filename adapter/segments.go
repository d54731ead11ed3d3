package adapter

import (
	"context"
	"fmt"

	"github.com/clipcue/clipcue/internal/compute"
)

// RowRange is the rows From ≤ i < To of a video's frames, or of the rows [B·T] of
// consecutive windows.
type RowRange struct{ From, To int }

// ranges checks row ranges against the number of rows.
func ranges(spans []RowRange, rows int) ([]compute.Range, error) {
	out := make([]compute.Range, len(spans))
	for i, s := range spans {
		if s.From < 0 || s.From >= s.To || s.To > rows {
			return nil, fmt.Errorf("segment %d covers rows %d to %d, but there are %d rows", i, s.From, s.To, rows)
		}
		out[i] = compute.Range(s)
	}
	return out, nil
}

// ForwardSegments is [Adapter.Forward] for S segments of the windows [B,T,E] instead
// of the windows themselves. The embedding of a segment is the mean of the temporal
// Transformer's output over its rows. A window may contain any number of segments.
// kept refers to segments. Release must be called.
func (a *Adapter) ForwardSegments(features []float32, segments []RowRange, c *Classes, kept []int32) (*Pass, error) {
	e := a.model.Config().Embed
	if len(features) == 0 || len(features)%(a.config.Frames*e) != 0 || len(segments) == 0 {
		return nil, fmt.Errorf("%d segments in windows of [%d,%d]: got %d values", len(segments), a.config.Frames, e, len(features))
	}
	r, err := ranges(segments, len(features)/e)
	if err != nil {
		return nil, err
	}
	return a.forward(features, r, c, kept)
}

// passWindows is the number of windows that go through the temporal Transformer at
// once.
const passWindows = 64

// EncodeSegments returns the embeddings [S,E] of segments of a video with the frame
// features [N,E], not normalized. The video goes through the temporal Transformer in
// consecutive windows of T frames. The last window ends with the video; a video that
// is shorter than a window is padded with its last frame. The cost depends on N and
// hardly on S.
func (a *Adapter) EncodeSegments(ctx context.Context, features []float32, segments []RowRange) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := a.model.Config().Embed
	if len(features) == 0 || len(features)%e != 0 {
		return nil, fmt.Errorf("frame features are [N,%d], got %d values", e, len(features))
	}
	n := len(features) / e
	r, err := ranges(segments, n)
	if err != nil || len(r) == 0 {
		return nil, err
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	d := a.device
	defer d.Release(d.Mark())
	x, y := d.Temp(n, e), d.Temp(len(r), e)
	d.Upload(x, features)
	d.Mean(y, x, r)
	if residual := a.config.Residual; a.config.TemporalLayers > 0 && (!residual || a.temporalScale > 0) {
		h := d.Temp(n, e)
		if err := a.encodeFrames(ctx, h, x); err != nil {
			return nil, err
		}
		if residual {
			added := d.Temp(len(r), e)
			d.Mean(added, h, r)
			d.Scale(added, a.temporalScale)
			d.Add(y, added)
		} else {
			d.Mean(y, h, r)
		}
	}
	out := make([]float32, len(r)*e)
	d.Download(out, y)
	return out, nil
}

// encodeFrames writes the temporal Transformer's output h [N,E] for the frames x [N,E]
// of a video or, with Residual, what it adds to its input.
func (a *Adapter) encodeFrames(ctx context.Context, h, x compute.Matrix) error {
	d, t, n := a.device, a.config.Frames, x.Rows
	for first := 0; first < n; first += passWindows * t {
		if err := ctx.Err(); err != nil {
			return err
		}
		mark := d.Mark()
		windows := min(passWindows, (n-first+t-1)/t)
		from := make([]int32, windows*t)    // rows of x in the windows
		to := make([]int32, 0, windows*t)   // rows of h to write
		rows := make([]int32, 0, windows*t) // rows of the windows to write there
		for i := range from {
			at := first + i
			start := first + i/t*t
			if start+t > n { // the last window ends with the video
				at = max(n-t, 0) + i%t
			}
			from[i] = int32(min(at, n-1))
			if at >= start && at < n {
				to, rows = append(to, int32(at)), append(rows, int32(i))
			}
		}
		w, y := d.Temp(len(from), x.Cols), d.Temp(len(from), x.Cols)
		d.Gather(w, nil, x, from)
		d.AddCycle(w, a.positions.Value)
		a.temporal.Forward(y, w, &a.windows(windows).attends, nil)
		if a.config.Residual {
			d.Scale(w, -1)
			d.Add(y, w)
		}
		d.Gather(h, to, y, rows)
		d.Release(mark)
	}
	return nil
}

// ClassifySegments returns the probabilities [S,C] of segments with the embeddings
// [S,E] over classes with the embeddings [C,E].
func (a *Adapter) ClassifySegments(segments, classes []float32) ([]float32, error) {
	if err := a.checkClasses(segments, classes); err != nil {
		return nil, err
	}
	a.towers.Lock()
	defer a.towers.Unlock()
	return a.probabilities(segments, classes), nil
}

// checkClasses checks the sizes of embeddings [n,E] and of at least one class [C,E].
func (a *Adapter) checkClasses(embeddings, classes []float32) error {
	e := a.model.Config().Embed
	if len(embeddings)%e != 0 || len(classes) == 0 || len(classes)%e != 0 {
		return fmt.Errorf("embeddings have %d values each, got %d values to classify and %d of classes", e, len(embeddings), len(classes))
	}
	return nil
}
