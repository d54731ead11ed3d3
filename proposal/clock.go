package proposal

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/clipcue/clipcue/feature"
)

// frames are the rows that a detector takes of a sequence: its own, or those that
// lie between them in time if the sequence is of another rate. The time of a row
// follows from the timestamps, which need not be regular; a place between two rows
// lies as far between their times.
type frames struct {
	q    *feature.Sequence
	step float64 // the usual seconds from timestamp to timestamp
	n    int     // rows
	rate float64 // of the rows, if they lie between q's; 0 if they are q's
}

// tolerance is how far a sequence's rate may be from the detector's for its rows to
// be taken as they are; most is how many rows may be made of one.
const (
	tolerance = 0.05
	most      = 4
)

// rateOf is the usual number of frames a second, 0 if a sequence has too few to
// tell.
func rateOf(q *feature.Sequence) float64 {
	if q.Len() < 2 {
		return 0
	}
	steps := make([]float64, q.Len()-1)
	for i := range steps {
		steps[i] = q.Timestamps[i+1] - q.Timestamps[i]
	}
	slices.Sort(steps)
	return 1 / steps[len(steps)/2]
}

// frames returns the rows of a sequence at the detector's rate, or why it cannot
// be taken.
func (c Config) frames(q *feature.Sequence, width int) (*frames, error) {
	if q.Width != width || q.Len() == 0 || len(q.Features) != q.Len()*width {
		return nil, fmt.Errorf("features %s of %d frames and width %d do not fit this detector, which takes width %d; extract them with its backbone", q.ID, q.Len(), q.Width, width)
	}
	for i, s := range q.Timestamps {
		if math.IsNaN(s) || math.IsInf(s, 0) || i > 0 && s < q.Timestamps[i-1] {
			return nil, fmt.Errorf("features %s: timestamp %d, %v s, is not in the order of time; extract them again", q.ID, i, s)
		}
	}
	f := &frames{q: q, n: q.Len(), step: 1 / c.Rate}
	rate := rateOf(q)
	if rate == 0 {
		return f, nil
	}
	f.step = 1 / rate
	if math.Abs(rate/c.Rate-1) <= tolerance {
		return f, nil
	}
	f.rate = c.Rate
	rows := math.Floor((q.Timestamps[q.Len()-1]-q.Timestamps[0])*c.Rate+1e-6) + 1
	if !(rate >= c.Rate/most) || rows > 4*most*float64(q.Len()) {
		return nil, fmt.Errorf("features %s have %.4g frames a second (%s), and this detector was trained at %.4g (%s), which cannot be made of them; extract them again with --fps %.4g", q.ID, rate, q.Provenance.Sampling, c.Rate, c.Sampling, c.Rate)
	}
	f.n = int(rows)
	return f, nil
}

// index is the place of a time among the rows; seconds is the other way.
func (f *frames) index(seconds float64) float64 {
	if f.rate > 0 {
		return (seconds - f.q.Timestamps[0]) * f.rate
	}
	return f.source(seconds)
}

func (f *frames) seconds(x float64) float64 {
	t, n := f.q.Timestamps, f.n
	switch i := int(math.Floor(x)); {
	case f.rate > 0:
		return t[0] + x/f.rate
	case i < 0:
		return t[0] + x*f.step
	case i >= n-1:
		return t[n-1] + (x-float64(n-1))*f.step
	default:
		return t[i] + (x-float64(i))*(t[i+1]-t[i])
	}
}

// source is the place of a time among the rows of the sequence itself.
func (f *frames) source(seconds float64) float64 {
	t := f.q.Timestamps
	switch i := sort.SearchFloat64s(t, seconds); i {
	case 0:
		return (seconds - t[0]) / f.step
	case len(t):
		return float64(len(t)-1) + (seconds-t[len(t)-1])/f.step
	default:
		return float64(i-1) + (seconds-t[i-1])/(t[i]-t[i-1])
	}
}

// fill writes rows from, from+1, … to dst [·,E], and repeats the last row beyond
// the end.
func (f *frames) fill(dst []float32, from int) {
	e := f.q.Width
	for i := 0; (i+1)*e <= len(dst); i++ {
		row, to := min(from+i, f.n-1), dst[i*e:(i+1)*e]
		if f.rate == 0 {
			copy(to, f.q.Row(row))
			continue
		}
		x := min(max(f.source(f.seconds(float64(row))), 0), float64(f.q.Len()-1))
		a := int(x)
		b, share := min(a+1, f.q.Len()-1), float32(x-math.Floor(x))
		left, right := f.q.Row(a), f.q.Row(b)
		for j := range to {
			to[j] = left[j] + share*(right[j]-left[j])
		}
	}
}
