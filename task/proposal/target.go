package proposal

import (
	"math"

	"github.com/clipcue/clipcue/video"
)

// span is a segment in rows of a window. Rows of one with skip set are ignored by the loss.
type span struct {
	from, to float64
	skip     bool
}

// spans returns the segments that overlap the rows from..to-1, limited to them. A segment of
// which less than half is left has skip set, because that part may not suffice to recognize it.
// Segments shorter than a row are extended to one row, so that a row is assigned to them.
func (f *frames) spans(segments []video.Span, from, to int) []span {
	var out []span
	for _, s := range segments {
		a, b := f.index(s.Start), f.index(s.End)
		if b-a < 1 {
			a, b = (a+b-1)/2, (a+b+1)/2
		}
		cut := span{from: max(a-float64(from), 0), to: min(b, float64(to)) - float64(from)}
		if left := cut.to - cut.from; left > 0 {
			cut.skip = left < (b-a)/2
			out = append(out, cut)
		}
	}
	return out
}

// targets holds the training targets of the rows of pyramids.
type targets struct {
	action    []float32 // [P] 1 for a row that is assigned to a segment, 0 for background, -1 to ignore the row
	rows      []int32   // [M] the assigned rows
	distances []float32 // [M,2] from these to its start and end, in rows of the level
}

// center returns the position of row i of a level with the given stride, in frames.
func center(i, stride int) float64 { return (float64(i)+0.5)*float64(stride) - 0.5 }

// reach returns the range of the distance, in frames, from a row of a level to the farther
// end of a segment that the row is to find: 0 to 4 on the first level, 4 to 8 on the second,
// and so on, without an upper limit on the last.
func (c Config) reach(level int) (low, high float64) {
	low, high = float64(int(2)<<level), float64(int(4)<<level)
	if level == 0 {
		low = 0
	}
	if level == c.Levels-1 {
		high = math.Inf(1)
	}
	return low, high
}

// targets assigns each segment to the rows inside it that are within Radius rows of its
// center, on the levels for its length; a row gets the shortest one. Only the first frames[w]
// rows of window w are frames, the others are padding.
func (c Config) targets(l *layout, frames []int, spans [][]span) targets {
	t := targets{action: make([]float32, l.rows)}
	for level, v := range l.levels {
		stride := 1 << level
		low, high := c.reach(level)
		for w, rows := range v.windows {
			for i := range rows.To - rows.From {
				at, row := center(i, stride), v.rows.From+rows.From+i
				if at > float64(frames[w]-1) {
					t.action[row] = -1
					continue
				}
				var best *span
				for k := range spans[w] {
					s := &spans[w][k]
					if at < s.from || at > s.to {
						continue
					}
					if s.skip {
						t.action[row] = -1
						continue
					}
					far := max(at-s.from, s.to-at)
					if far >= low && far < high && math.Abs(at-(s.from+s.to)/2) <= c.Radius*float64(stride) &&
						(best == nil || s.to-s.from < best.to-best.from) {
						best = s
					}
				}
				if best != nil {
					// Distances are positive, also for a row at the very end of a segment.
					distance := func(d float64) float32 { return float32(max(d/float64(stride), 1e-2)) }
					t.action[row] = 1
					t.rows = append(t.rows, int32(row))
					t.distances = append(t.distances, distance(at-best.from), distance(best.to-at))
				}
			}
		}
	}
	return t
}
