package feature

import (
	"iter"
	"math"
	"slices"
	"sort"
)

// FrameRate returns the number of frames per second, or 0 for a sequence with fewer than
// two different timestamps.
//
// It is the mean and not the median, because sampled frames need not be evenly spaced:
// sampling 8 of 12 frames per second gives steps of one and two frames in turn. Steps
// longer than four times the median are gaps and do not count.
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

// MedianFrameRate returns the median frame rate of sequences, rounded to 0.001 because
// timestamps are rounded too. It reads sequences until 64 of them have a frame rate; if
// none has one, it returns 0. An error of the iterator ends it.
func MedianFrameRate(sequences iter.Seq2[*Sequence, error]) (float64, error) {
	var rates []float64
	for q, err := range sequences {
		if err != nil {
			return 0, err
		}
		if rate := q.FrameRate(); rate > 0 {
			rates = append(rates, rate)
		}
		if len(rates) == 64 {
			break
		}
	}
	if len(rates) == 0 {
		return 0, nil
	}
	slices.Sort(rates)
	return math.Round(rates[len(rates)/2]*1e3) / 1e3, nil
}

const (
	sameRate    = 0.05 // relative difference up to which two rates are equal
	maxUpsample = 4    // new frames per stored frame
)

// Resample returns the sequence at the given number of frames per second: q itself if
// its rate differs by at most 5 %, and otherwise a sequence whose frames are linearly
// interpolated in time, starting at the first timestamp. The error is a [*RateError] if
// fps is more than four times the rate of q, or if filling gaps would take more than 16
// times its frames.
func (q *Sequence) Resample(fps float64) (*Sequence, error) {
	have := q.FrameRate()
	if have == 0 || math.Abs(have/fps-1) <= sameRate {
		return q, nil
	}
	t := q.Timestamps
	n := math.Floor((t[len(t)-1]-t[0])*fps+1e-6) + 1
	if !(have*maxUpsample >= fps) || !(n <= 4*maxUpsample*float64(q.Len())) {
		return nil, &RateError{ID: q.ID, Sampling: q.Provenance.Sampling, Have: have, Want: fps}
	}
	out := &Sequence{ID: q.ID, Width: q.Width, Provenance: q.Provenance,
		Features: make([]float32, int(n)*q.Width), Timestamps: make([]float64, int(n))}
	for i := range out.Timestamps {
		at := t[0] + float64(i)/fps
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
