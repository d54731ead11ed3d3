package proposal

import (
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/video"
)

// Example is a video with the segments in which something happens. A video without
// segments is background.
type Example struct {
	ID       string
	Segments []video.Span
}

func (e Example) check() error {
	for _, s := range e.Segments {
		if !(s.Start < s.End) || math.IsInf(s.Start, 0) || math.IsInf(s.End, 0) {
			return fmt.Errorf("video %s: a segment from %v to %v s does not end after it starts", e.ID, s.Start, s.End)
		}
	}
	return nil
}

// SegmentLengths returns n evenly spaced quantiles of the lengths of all segments, or none
// if there are no segments.
func SegmentLengths(examples []Example, n int) []float64 {
	var all, out []float64
	for _, e := range examples {
		for _, s := range e.Segments {
			all = append(all, s.End-s.Start)
		}
	}
	slices.Sort(all)
	for i := range n {
		if len(all) > 0 {
			out = append(out, all[(2*i+1)*len(all)/(2*n)])
		}
	}
	return out
}
