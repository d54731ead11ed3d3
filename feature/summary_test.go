package feature

import (
	"math"
	"testing"
)

// The seconds of a store are those of its rows, whatever the videos' headers declare.
func TestSummaryAddsWhatIsStored(t *testing.T) {
	for _, c := range []struct {
		name, sampling string
		times          []float64
		want           float64
	}{
		{"constant rate", "fps=2", []float64{0, 0.5, 1, 1.5}, 2},
		{"constant rate, one frame that repeats", "fps=2", []float64{0, 0, 0, 0}, 2},
		{"constant rate, one row", "fps=4", []float64{7}, 0.25},
		{"number of frames", "frames=4", []float64{0.5, 1.5, 2.5, 3.5}, 4},
		{"every frame", "all", []float64{10, 10.04, 10.08}, 0.12},
		{"every frame, one row", "all", []float64{10}, 0},
	} {
		s := create(t)
		q := sequence("a.mp4", c.times...)
		q.Provenance.Sampling, q.Provenance.Duration = c.sampling, 143160
		put(t, s, q)
		sum, err := s.Summary()
		if err != nil || math.Abs(sum.Seconds-c.want) > 1e-9 {
			t.Errorf("%s: %v s, want %v (%v)", c.name, sum.Seconds, c.want, err)
		}
	}
}
