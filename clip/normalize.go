package clip

import "math"

// Normalize scales each row of x [n,width] to length 1, in place. Values after the last
// whole row are left as they are.
func Normalize(x []float32, width int) {
	for ; width > 0 && len(x) >= width; x = x[width:] {
		var sum float64
		for _, v := range x[:width] {
			sum += float64(v) * float64(v)
		}
		n := float32(max(math.Sqrt(sum), 1e-12))
		for i := range x[:width] {
			x[i] /= n
		}
	}
}
