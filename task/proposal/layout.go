package proposal

import (
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// layout describes the order of the rows of several windows and their pyramids: level by
// level, and in each level window by window.
type layout struct {
	lengths []int // rows of each window, multiples of the last level's stride
	rows    int   // P
	levels  []level
	project *nn.Taps // over the frames
	heads   *nn.Taps // over all levels
}

// level is a level of the pyramid.
type level struct {
	rows    compute.Range   // in the pyramid
	windows []compute.Range // in the level
	attends nn.AttentionPattern
	down    *nn.Taps // from the level before; nil for the first
}

func (c Config) layout(lengths []int) *layout {
	l := &layout{lengths: slices.Clone(lengths)}
	var all []compute.Range // every level of every window, in the pyramid
	for i := range c.Levels {
		v := level{rows: compute.Range{From: l.rows, To: l.rows}}
		full := &compute.AttentionShape{}
		at := 0
		for _, n := range lengths {
			n >>= i
			v.windows = append(v.windows, compute.Range{From: at, To: at + n})
			full.Segments = append(full.Segments, local(at, n, c.Window)...)
			all = append(all, compute.Range{From: l.rows + at, To: l.rows + at + n})
			at += n
		}
		v.attends.Full = full
		v.rows.To += at
		if i == 0 {
			l.project = nn.NewTaps(v.windows, 1)
		} else {
			v.down = nn.NewTaps(l.levels[i-1].windows, 2)
		}
		l.rows += at
		l.levels = append(l.levels, v)
	}
	l.heads = nn.NewTaps(all, 1)
	return l
}

// local returns the attention segments of n rows that start at first. Each group of rows
// attends to itself and to half a group on either side.
func local(first, n, group int) []compute.Segment {
	var s []compute.Segment
	for i := 0; i < n; i += group {
		from, to := max(0, i-group/2), min(n, i+group+group/2)
		s = append(s, compute.Segment{Query: first + i, Queries: min(group, n-i), Key: first + from, Keys: to - from})
	}
	return s
}
