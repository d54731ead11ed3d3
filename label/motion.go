package label

import (
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// orders is the number of cosine coefficients of a motion descriptor, from the first on.
// The coefficient 0 is the mean of the frames, which the moment's embedding replaces.
const orders = 2

// MotionWidth returns the number of elements of a motion descriptor for embeddings of
// width E: 2E.
func MotionWidth(embed int) int { return orders * embed }

// Motion returns the motion descriptor [2E] of the frames that features [n,E] and their
// increasing times in seconds describe, within start to end. It holds the cosine
// coefficients 1 and 2 over time (DCT-II) of the normalized frames, relative to the
// length of their mean, and at most of length 1.
//
// Each frame applies to the times closest to it, and the cosines are integrated exactly
// over these times. The descriptor therefore converges as the frame rate grows, and does
// not depend on the duration: an action that takes twice as long has the same descriptor.
// It needs about four frames; from eight frames on, the rate hardly matters. With fewer
// than two frames it is zero.
func Motion(features []float32, times []float64, start, end float64) []float32 {
	n := len(times)
	if n == 0 {
		return nil
	}
	width := len(features) / n
	out := make([]float32, MotionWidth(width))
	if n < 2 || !(end > start) {
		return out
	}
	mean := make([]float64, width)
	sums := make([]float64, len(out))
	from := 0.
	for i := range n {
		to := 1.
		if i+1 < n {
			to = max(from, min(1, ((times[i]+times[i+1])/2-start)/(end-start)))
		}
		row := features[i*width:][:width]
		if length := math.Sqrt(compute.Dot(row, row)); length > 0 {
			add(mean, row, (to-from)/length)
			for k := range orders {
				f := math.Pi * float64(k+1)
				add(sums[k*width:][:width], row, math.Sqrt2*(math.Sin(f*to)-math.Sin(f*from))/f/length)
			}
		}
		from = to
	}
	length := norm(mean)
	if length == 0 {
		return out
	}
	length = max(length, norm(sums)) // at most 1
	for i, v := range sums {
		out[i] = float32(v / length)
	}
	return out
}

func add(to []float64, x []float32, factor float64) {
	for i, v := range x {
		to[i] += factor * float64(v)
	}
}

func norm(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}
