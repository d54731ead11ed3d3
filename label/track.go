package label

import (
	"math"
	"slices"
	"sync"
)

// points is the number of equal parts of a moment that descriptors look at.
const points = 16

// track is how the frames of a moment change over time along directions.
type track struct {
	at     [points][]float64 // coordinates relative to their mean
	energy float64           // the mean square of the crossed ones
}

// track returns the track of a moment from the coordinates of its frames, nil for one without
// two frames. Each frame applies to the times closest to it.
func (d *Directions) track(coordinates []float32, times []float64, start, end float64) *track {
	n, width := len(times), len(d.rows)
	if n < 2 || !(end > start) {
		return nil
	}
	t := &track{}
	for p := range t.at {
		t.at[p] = make([]float64, width)
	}
	from := 0.
	for i := range n {
		to := float64(points)
		if i+1 < n {
			to = max(from, min(points, points*((times[i]+times[i+1])/2-start)/(end-start)))
		}
		for p := int(from); p < points && float64(p) < to; p++ {
			add(t.at[p], coordinates[i*width:][:width], min(to, float64(p+1))-max(from, float64(p)))
		}
		from = to
	}
	mean := make([]float64, width)
	for _, y := range t.at {
		for j, v := range y {
			mean[j] += v / points
		}
	}
	for _, y := range t.at {
		for j := range y {
			y[j] -= mean[j]
			if j < crossed {
				t.energy += y[j] * y[j] / points
			}
		}
	}
	return t
}

// cosines are the cosine coefficients of a track, by point.
var cosines = sync.OnceValue(func() (out [orders][points]float64) {
	for k := range out {
		for p := range out[k] {
			f := math.Pi * float64(k+1) / points
			out[k][p] = math.Sqrt2 * (math.Sin(f*float64(p+1)) - math.Sin(f*float64(p))) / f / points
		}
	}
	return out
})

// blocks is the number of parts of a descriptor, each of which has a scale of its own.
const blocks = 4

// describe returns the parts of a descriptor; see [Directions.Describe]. still is added to the
// energy that the last three are relative to.
func (t *track) describe(still float64) (out [blocks][]float64) {
	width := len(t.at[0])
	out[0] = make([]float64, orders*width)
	for k, weights := range cosines() {
		sums := out[0][k*width:][:width]
		for p, w := range weights {
			for j, v := range t.at[p][:width] {
				sums[j] += w * v
			}
		}
	}
	n := min(crossed, len(t.at[0]))
	for k := range out[1:] {
		out[k+1] = make([]float64, n*(n+1)/2)
	}
	step := make([]float64, n)
	for p, y := range t.at {
		y = y[:n]
		products(out[2], y, y)
		before := t.at[max(0, p-1)][:n]
		if slices.Equal(before, y) {
			continue // the same frame: no area, and no step
		}
		for i := range step {
			step[i] = y[i] - before[i]
		}
		crosses(out[1], before, y)
		products(out[3], step, step)
	}
	for _, block := range out[1:] {
		for j := range block {
			block[j] /= points * (t.energy + still + 1e-12)
		}
	}
	return out
}

// products adds x[i]·y[j] to dst for i ≤ j, by row.
func products(dst, x, y []float64) {
	for i, a := range x {
		row := y[i:]
		to := dst[:len(row)]
		for j, b := range row {
			to[j] += a * b
		}
		dst = dst[len(row):]
	}
}

// crosses adds x[i]·y[j] - x[j]·y[i] to dst for i ≤ j, by row.
func crosses(dst, x, y []float64) {
	for i, a := range x {
		b, row, other := y[i], y[i:], x[i:]
		other, to := other[:len(row)], dst[:len(row)]
		for j, c := range row {
			to[j] += a*c - other[j]*b
		}
		dst = dst[len(row):]
	}
}
