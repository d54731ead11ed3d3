package feature

import (
	"math"
	"slices"
	"sort"
)

// FrameRate is the usual number of frames a second, 0 for a sequence of fewer than two
// different times. It is the mean, because sampled frames need not lie evenly: eight of
// twelve a second lie one frame apart and two in turn. But steps of more than four
// times the median are gaps and do not count.
func (q *Sequence) FrameRate() float64 {
	if q.Len() < 2 {
		return 0
	}
	steps := make([]float64, q.Len()-1)
	for i := range steps {
		steps[i] = q.Timestamps[i+1] - q.Timestamps[i]
	}
	slices.Sort(steps)
	n, sum, longest := 0, 0.0, 4*steps[len(steps)/2]
	for n < len(steps) && steps[n] <= longest {
		sum += steps[n]
		n++
	}
	if sum > 0 {
		return float64(n) / sum
	}
	return 0
}

const (
	sameRate = 0.05 // as a share: so far a rate may be off and still be the same
	mostMade = 4    // frames that may be made of one
)

// Resample returns the sequence at so many frames a second: itself, if that is about
// its rate, else one whose frames are interpolated linearly in time, from the first
// timestamp on. A sequence that is far too coarse for it is refused.
func (q *Sequence) Resample(rate float64) (*Sequence, error) {
	have := q.FrameRate()
	if have == 0 || math.Abs(have/rate-1) <= sameRate {
		return q, nil
	}
	t := q.Timestamps
	n := math.Floor((t[len(t)-1]-t[0])*rate+1e-6) + 1
	if !(have*mostMade >= rate) || !(n <= 4*mostMade*float64(q.Len())) {
		return nil, &RateError{ID: q.ID, Sampling: q.Provenance.Sampling, Have: have, Want: rate}
	}
	out := &Sequence{ID: q.ID, Width: q.Width, Provenance: q.Provenance,
		Features: make([]float32, int(n)*q.Width), Timestamps: make([]float64, int(n))}
	for i := range out.Timestamps {
		at := t[0] + float64(i)/rate
		out.Timestamps[i] = at
		b := min(max(sort.SearchFloat64s(t, at), 1), len(t)-1)
		share := float32(0)
		if t[b] > t[b-1] {
			share = float32(min(max((at-t[b-1])/(t[b]-t[b-1]), 0), 1))
		}
		left, right := q.Row(b-1), q.Row(b)
		for j, to := 0, out.Row(i); j < len(to); j++ {
			to[j] = left[j] + share*(right[j]-left[j])
		}
	}
	return out, nil
}
