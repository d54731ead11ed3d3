package recognition

import (
	"math"
	"math/rand/v2"

	"github.com/clipcue/clipcue/feature"
)

// strides are the distances between frames of a training window; one is drawn for each
// window. The authors draw the rates 1, 1/2, 1/3, 1/3, 1/3, 1/4.
var strides = []int{1, 2, 3, 3, 3, 4}

// commonStride is the stride that is drawn most often, which evaluation uses.
const commonStride = 3

// randomWindow fills rows with t of the frames 0..n-1 in order, at a random stride and
// start. A video that is too short for the stride uses stride 1, and one of fewer than t
// frames is padded with its last frame.
func randomWindow(rows []int, n int, rng *rand.Rand) {
	t, stride := len(rows), strides[rng.IntN(len(strides))]
	first := rng.IntN(stride)
	// As the authors: n/stride frames, spread evenly from first to the end.
	count := int(math.RoundToEven(float64(n) / float64(stride)))
	at := func(i int) int { return first + i*(n-1-first)/max(count-1, 1) }
	if count <= t {
		count, at = n, func(i int) int { return i }
	}
	start := 0
	if count > t {
		start = rng.IntN(count - t + 1)
	}
	for i := range rows {
		rows[i] = min(at(min(start+i, count-1)), n-1)
	}
}

// evenWindow fills rows with the frames of window w of count windows, which are
// spaced evenly over the frames 0..n-1.
func evenWindow(rows []int, n, w, count int) {
	t := len(rows)
	stride := max(1, min(commonStride, n/t))
	room := max(0, n-1-(t-1)*stride)
	start := room / 2
	if count > 1 {
		start = room * w / (count - 1)
	}
	for i := range rows {
		rows[i] = min(start+i*stride, n-1)
	}
}

// windows appends the evaluation windows of the frames from..to-1 of a sequence,
// [Windows,T,E]. number is the number of the video, from which random windows follow.
func (e Evaluation) windows(dst []float32, q *feature.Sequence, from, to, frames, number int) []float32 {
	rows := make([]int, frames)
	rng := rand.New(rand.NewPCG(e.WindowSeed, uint64(number)))
	for w := range e.Windows {
		if e.RandomWindows {
			randomWindow(rows, to-from, rng)
		} else {
			evenWindow(rows, to-from, w, e.Windows)
		}
		dst = appendRows(dst, q, from, rows)
	}
	return dst
}

func appendRows(dst []float32, q *feature.Sequence, from int, rows []int) []float32 {
	for _, r := range rows {
		dst = append(dst, q.Row(from+r)...)
	}
	return dst
}
