package proposal

import (
	"fmt"
	"math"
	"sort"

	"github.com/clipcue/clipcue/feature"
)

// frames holds the rows of a sequence that a detector uses. The time of a row is its
// timestamp. Timestamps need not be regular: positions between two rows are interpolated
// linearly in time.
type frames struct {
	*feature.Sequence
	step float64 // seconds between rows before the first and after the last
}

// frames returns the rows of a sequence at the rate of the detector, or an error for a
// sequence that it cannot use.
func (c Config) frames(q *feature.Sequence, width int) (*frames, error) {
	if q.Width != width || q.Len() == 0 || len(q.Features) != q.Len()*width {
		return nil, fmt.Errorf("features %s: %d frames of width %d, but the detector takes width %d", q.ID, q.Len(), q.Width, width)
	}
	for i, s := range q.Timestamps {
		if math.IsNaN(s) || math.IsInf(s, 0) || i > 0 && s < q.Timestamps[i-1] {
			return nil, fmt.Errorf("features %s: timestamps are not sorted: number %d is %v s", q.ID, i, s)
		}
	}
	q, err := q.Resample(c.Rate)
	if err != nil {
		return nil, fmt.Errorf("the detector was trained at %.4g frames per second (%s): %w", c.Rate, c.Sampling, err)
	}
	f := &frames{q, 1 / c.Rate}
	if rate := q.FrameRate(); rate > 0 {
		f.step = 1 / rate
	}
	return f, nil
}

// index returns the position of a time among the rows; seconds is its inverse.
func (f *frames) index(seconds float64) float64 {
	t := f.Timestamps
	switch i := sort.SearchFloat64s(t, seconds); i {
	case 0:
		return (seconds - t[0]) / f.step
	case len(t):
		return float64(len(t)-1) + (seconds-t[len(t)-1])/f.step
	default:
		return float64(i-1) + (seconds-t[i-1])/(t[i]-t[i-1])
	}
}

func (f *frames) seconds(x float64) float64 {
	t, n := f.Timestamps, f.Len()
	switch i := int(math.Floor(x)); {
	case i < 0:
		return t[0] + x*f.step
	case i >= n-1:
		return t[n-1] + (x-float64(n-1))*f.step
	default:
		return t[i] + (x-float64(i))*(t[i+1]-t[i])
	}
}

// fill writes the rows from, from+1, … to dst [·,E]. Beyond the end it repeats the last row.
func (f *frames) fill(dst []float32, from int) {
	n := copy(dst, f.Features[from*f.Width:])
	for ; n < len(dst); n += f.Width {
		copy(dst[n:], f.Row(f.Len()-1))
	}
}
