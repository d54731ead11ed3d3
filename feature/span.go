package feature

import (
	"math"
	"sort"
)

// Span returns the rows from ≤ i < to whose timestamps lie in [start, end)
// seconds as a player shows them; an end of 0 is the end of the video.
//
// A player's clock begins at 0 with the file, so the times count from
// Provenance.StartTime, and not from the first timestamp: that may be later, such as
// the middle of the first of 16 parts.
//
// If no timestamp lies in a part of the video, because it is shorter than the
// distance of the sampled frames, it is represented by the row that is nearest to
// its middle. Only a part beyond the end of the video has no row: from == to.
func (q *Sequence) Span(start, end float64) (from, to int) {
	if end == 0 {
		end = math.Inf(1)
	}
	start += q.Provenance.StartTime
	end += q.Provenance.StartTime
	t := q.Timestamps
	// Times in a manifest are rounded: a microsecond, less than a tick of the
	// clocks that videos use, makes equal what is meant to be equal.
	const slack = 1e-6
	from = sort.SearchFloat64s(t, start-slack)
	to = sort.SearchFloat64s(t, end-slack)
	if from < to || len(t) == 0 || start >= q.end() {
		return from, max(from, to)
	}
	if middle := (start + end) / 2; from == len(t) || from > 0 && middle-t[from-1] < t[from]-middle {
		from--
	}
	return from, from + 1
}

// end is a time on the stream's clock when the video is over: the last frame is
// taken to stand as long as the others do on average.
func (q *Sequence) end() float64 {
	t := q.Timestamps
	last := len(t) - 1
	if last == 0 {
		return max(t[0]+1e-6, q.Provenance.StartTime+q.Provenance.Duration)
	}
	return t[last] + (t[last]-t[0])/float64(last)
}
