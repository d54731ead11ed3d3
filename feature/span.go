package feature

import (
	"math"
	"sort"

	"github.com/clipcue/clipcue/video"
)

// Span returns the rows from ≤ i < to whose timestamps are in [start, end), in seconds on
// the clock of a player. An end of 0 means the end of the video.
//
// The clock of a player is 0 at Provenance.StartTime and not at the first timestamp, which
// may be later: of 16 frames per video, the first is in the middle of the first of 16 parts.
//
// A part that has no timestamp, because it is shorter than the distance between sampled
// frames, gets the row nearest to its middle. Only a part beyond the end of the video has
// no rows; then from == to.
func (q *Sequence) Span(start, end float64) (from, to int) {
	if end == 0 {
		end = math.Inf(1)
	}
	start += q.Provenance.StartTime
	end += q.Provenance.StartTime
	t := q.Timestamps
	// Times in manifests are rounded. The tolerance is a microsecond, which is less than a
	// tick of the clocks that videos use.
	const slack = 1e-6
	from = sort.SearchFloat64s(t, start-slack)
	to = sort.SearchFloat64s(t, end-slack)
	if from < to || len(t) == 0 || start >= q.End() {
		return from, max(from, to)
	}
	if middle := (start + end) / 2; from == len(t) || from > 0 && middle-t[from-1] < t[from]-middle {
		from--
	}
	return from, from + 1
}

// End returns the time on the stream's clock at which the video ends. The last frame is
// displayed as long as the average frame or, at a constant rate, as long as it repeats. A
// single frame is displayed until the declared end.
func (q *Sequence) End() float64 {
	t := q.Timestamps
	last := len(t) - 1
	repeats, hold := 1, 0.0
	for repeats <= last && t[last-repeats] == t[last] {
		repeats++
	}
	if s, err := video.ParseSampling(q.Provenance.Sampling); err == nil && repeats > 1 {
		if fps, ok := s.Rate(); ok {
			hold = float64(repeats) / fps
		}
	}
	if t[0] == t[last] {
		return max(t[0]+max(hold, 1e-6), q.Provenance.StartTime+q.Provenance.Duration)
	}
	return t[last] + max(hold, (t[last]-t[0])/float64(last))
}
