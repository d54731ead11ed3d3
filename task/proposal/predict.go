package proposal

import (
	"context"
	"math"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// passFrames is the number of frames per forward pass, which limits the memory.
const passFrames = 4096

// part is a window of a video: the rows from..to-1. It contributes the proposals whose
// center is in [first, last).
type part struct {
	from, to    int
	first, last float64
}

// parts divides n rows into windows, the last one as long as the others. Where two overlap,
// each contributes the proposals of its half of the overlap, so every row has context on
// both sides.
func (c Config) parts(n int) []part {
	var out []part
	for from := 0; ; from += c.Frames - c.Overlap {
		from = max(0, min(from, n-c.Frames))
		p := part{from: from, to: min(from+c.Frames, n), first: math.Inf(-1), last: math.Inf(1)}
		if from > 0 {
			before := &out[len(out)-1]
			p.first = float64(from+before.to) / 2
			before.last = p.first
		}
		out = append(out, p)
		if p.to == n {
			return out
		}
	}
}

// padded returns the number of rows of a window of n frames.
func (c Config) padded(n int) int {
	s := c.stride()
	return (n + s - 1) / s * s
}

// Propose returns the segments in a video of any length by decreasing score. Times are on
// the clock of the timestamps. Features of another rate are interpolated to that of the
// training features; a *[feature.RateError] reports a rate that is too low.
func (t *Detector) Propose(ctx context.Context, q *feature.Sequence) ([]Proposal, error) {
	if err := q.Check(t.embed); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.config.frames(q, t.embed)
	if err != nil {
		return nil, err
	}
	var found []Proposal
	for parts := t.config.parts(f.Len()); len(parts) > 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// As many windows as fit, but at least one.
		n, rows := 0, 0
		for n < len(parts) && (n == 0 || rows+t.config.padded(parts[n].to-parts[n].from) <= passFrames) {
			rows += t.config.padded(parts[n].to - parts[n].from)
			n++
		}
		found = t.pass(found, f, parts[:n], rows)
		parts = parts[n:]
	}
	seconds := f.seconds(float64(f.Len())) - f.Timestamps[0]
	return softNMS(found, t.config.Sigma, t.config.MinScore, MaxPerVideo(t.config.MaxProposals, seconds)), nil
}

// pass appends the proposals of windows that are processed together.
func (t *Detector) pass(found []Proposal, f *frames, parts []part, rows int) []Proposal {
	d := t.device
	defer d.Release(d.Mark())
	lengths := make([]int, len(parts))
	x, at := make([]float32, rows*t.embed), 0
	for i, p := range parts {
		lengths[i] = t.config.padded(p.to - p.from)
		end := at + lengths[i]*t.embed
		f.fill(x[at:end], p.from)
		at = end
	}
	l := t.layout(lengths)
	features, action, box := d.Temp(rows, t.embed), d.Temp(l.rows, 1), d.Temp(l.rows, 3)
	d.Upload(features, x)
	t.forward(action, box, features, l, nil)
	scores, boxes := make([]float32, l.rows), make([]float32, 3*l.rows)
	d.Download(scores, action)
	d.Download(boxes, box)

	for level, v := range l.levels {
		stride := 1 << level
		for w, r := range v.windows {
			for i := range r.To - r.From {
				row, place := v.rows.From+r.From+i, center(i, stride)+float64(parts[w].from)
				if place > float64(parts[w].to-1) || place < parts[w].first || place >= parts[w].last {
					continue
				}
				b := boxes[3*row : 3*row+3]
				// The geometric mean keeps the scale of both.
				score := math.Sqrt(sigmoid(scores[row]) * sigmoid(b[2]))
				from := max(place-math.Exp(float64(b[0]))*float64(stride), 0)
				to := min(place+math.Exp(float64(b[1]))*float64(stride), float64(f.Len()))
				if s := (video.Span{Start: f.seconds(from), End: f.seconds(to)}); score >= t.config.MinScore && s.Start < s.End {
					found = append(found, Proposal{s, score})
				}
			}
		}
	}
	return found
}

func sigmoid(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }
