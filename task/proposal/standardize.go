package proposal

import "math"

// statistics is the maximum number of training videos, and of frames of each, that the first
// layers are initialized from.
const statistics = 200

// standardize initializes the first layers from the training features, as Salimans & Kingma
// (2016) do for all layers. CLIP's features have a large component that all images share and
// a smaller one that the frames of a video share. The changes between frames are small in
// comparison, although they are most informative about when something happens. The input
// norm therefore starts with mean 0 and variance 1 for every channel, and half of the
// projection starts with differences between the next and the previous frame, scaled to
// variance 1.
func (l *learner) standardize() error {
	e := l.detector.embed
	sum, squares, changes := make([]float64, e), make([]float64, e), make([]float64, e)
	before, row, after := make([]float64, e), make([]float64, e), make([]float64, e)
	n := 0.0
	for _, v := range l.train[:min(len(l.train), statistics)] {
		f, err := l.frames(v)
		if err != nil {
			return err
		}
		for i := 0; i < f.Len(); i += max(1, f.Len()/statistics) {
			normal(before, f.Row(max(i-1, 0)))
			normal(row, f.Row(i))
			normal(after, f.Row(min(i+1, f.Len()-1)))
			for j, y := range row {
				sum[j] += y
				squares[j] += y * y
				changes[j] += (after[j] - before[j]) * (after[j] - before[j])
			}
			n++
		}
	}
	values := l.Params().Values()
	scale, shift := values[inputName+".weight"], values[inputName+".bias"]
	change := 0.0 // the mean of the squared differences
	for j := range e {
		mean := sum[j] / n
		variance := max(squares[j]/n-mean*mean, 0) + epsilon
		scale[j], shift[j] = float32(1/math.Sqrt(variance)), float32(-mean/math.Sqrt(variance))
		change += changes[j] / n / variance / float64(e)
	}
	// A row of weights has the taps x₋₁, x₀ and x₁. The values of the middle tap, which
	// becomes 0, are reused; they were drawn for three taps and are scaled for one.
	weights := values[projectName+".weight"]
	by := float32(math.Sqrt(3 / (change + epsilon)))
	for w := weights[:len(weights)/2/(3*e)*(3*e)]; len(w) > 0; w = w[3*e:] {
		for j := range e {
			w[2*e+j] = by * w[e+j]
			w[j], w[e+j] = -w[2*e+j], 0
		}
	}
	return l.Params().Set(values)
}

// normal writes a row as the input norm normalizes it, without its scale and shift.
func normal(dst []float64, row []float32) {
	var mean, variance float64
	for _, x := range row {
		mean += float64(x) / float64(len(row))
	}
	for _, x := range row {
		variance += (float64(x) - mean) * (float64(x) - mean) / float64(len(row))
	}
	for j, x := range row {
		dst[j] = (float64(x) - mean) / math.Sqrt(variance+epsilon)
	}
}
