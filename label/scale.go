package label

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"
)

// Scale makes the scores of a model comparable with those of others: it maps the scores that
// it was made from to normal ones, which have mean 0 and variance 1. It holds the scores at
// evenly spaced normal ones.
type Scale []float32

// Normal scores range from -widest to widest in steps of 1/finest.
const widest, finest = 4, 8

// NewScale returns the scale of the scores of the moments of an archive.
func NewScale(scores []float32) Scale {
	sorted := make([]float64, len(scores))
	for i, s := range scores {
		sorted[i] = float64(s)
	}
	slices.Sort(sorted)
	out := make(Scale, 2*widest*finest+1)
	for i := range out {
		normal := float64(i)/finest - widest
		out[i] = float32(stat.Quantile(math.Erfc(-normal/math.Sqrt2)/2, stat.LinInterp, sorted, nil))
	}
	return out
}

// Check reports whether the scale is one of [NewScale].
func (s Scale) Check() bool {
	return len(s) == 2*widest*finest+1 && slices.IsSorted(s) && !slices.ContainsFunc(s, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) })
}

// Apply returns the normal score of a score. Scores outside those that the scale was made from
// keep their order.
func (s Scale) Apply(score float32) float32 {
	last := len(s) - 1
	at := sort.Search(len(s), func(i int) bool { return s[i] >= score })
	switch {
	case at == 0:
		return -widest - float32(math.Log1p(float64(s[0]-score)))
	case at > last:
		return widest + float32(math.Log1p(float64(score-s[last])))
	}
	below, above := s[at-1], s[at]
	return (float32(at-1)+(score-below)/(above-below))/finest - widest
}
