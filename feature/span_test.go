package feature

import (
	"fmt"
	"math"
	"testing"
)

func TestSpan(t *testing.T) {
	// half is sampled at two frames a second, parts at the middles of five parts
	// of 20 seconds.
	half := []float64{0, 0.5, 1, 1.5, 2, 2.5}
	parts := []float64{10, 30, 50, 70, 90}
	tests := []struct {
		name       string
		times      []float64
		zero       float64
		start, end float64
		from, to   int
	}{
		{"all", half, 0, 0, 0, 0, 6},
		{"from the start", half, 0, 0, 1, 0, 2},
		{"the end is not in", half, 0, 0.5, 1.5, 1, 3},
		{"to the end", half, 0, 1.5, 0, 3, 6},
		{"beyond the end", half, 0, 2, 99, 4, 6},
		{"rounded times", half, 0, 0.4999999, 1.0000001, 1, 2},
		{"a late stream", []float64{8.4, 8.9, 9.4}, 8.4, 0.5, 1, 1, 2},
		{"a late first frame", parts, 0, 0, 20, 0, 1},
		{"parts", parts, 0, 20, 60, 1, 3},
		{"late parts", []float64{1010, 1030, 1050, 1070, 1090}, 1000, 20, 60, 1, 3},
		{"times that repeat", []float64{0, 0, 1, 1, 1, 2}, 0, 1, 2, 2, 5},

		{"short, nearer to the one before", half, 0, 1.1, 1.3, 2, 3},
		{"short, nearer to the one after", half, 0, 1.2, 1.45, 3, 4},
		{"before the first", parts, 0, 1, 2, 0, 1},
		{"after the last", parts, 0, 98, 100, 4, 5},
		{"to the end after the last", parts, 0, 98, 0, 4, 5},
		{"when the last is shown", half, 0, 2.7, 2.9, 5, 6},

		{"when all is over", half, 0, 3, 4, 6, 6},
		{"when all is over, to the end", half, 0, 3.5, 0, 6, 6},
		{"late and over", []float64{8.4, 8.9, 9.4}, 8.4, 1.5, 2, 3, 3},
		{"one row", []float64{30}, 0, 5, 6, 0, 1},
		{"one row, to the end", []float64{30}, 0, 59, 0, 0, 1},
		{"one row and over", []float64{30}, 0, 60, 70, 1, 1},
		{"no rows", nil, 0, 0, 0, 0, 0},
	}
	for _, c := range tests {
		q := &Sequence{Timestamps: c.times, Provenance: Provenance{StartTime: c.zero}}
		if len(c.times) == 1 {
			q.Provenance.Duration = 60
		}
		if from, to := q.Span(c.start, c.end); from != c.from || to != c.to {
			t.Errorf("%s: rows %d to %d, want %d to %d", c.name, from, to, c.from, c.to)
		}
	}
}

func ExampleSequence_Span() {
	// Two frames a second of a stream whose clock begins at 8.4 s.
	q := &Sequence{
		Timestamps: []float64{8.4, 8.9, 9.4, 9.9, 10.4},
		Provenance: Provenance{StartTime: 8.4},
	}
	// What a player shows from 0:00.5 to 0:01.5.
	from, to := q.Span(0.5, 1.5)
	fmt.Println(from, to, q.Timestamps[from:to])
	// Output: 1 3 [8.9 9.4]
}

// A video whose last or only frame repeats ends when it does.
func TestEndOfRepeatedFrames(t *testing.T) {
	for _, c := range []struct {
		sampling string
		times    []float64
		want     float64
	}{
		{"fps=2", []float64{0, 0, 0, 0}, 2},
		{"fps=2", []float64{0, 0.3, 0.9, 0.9, 0.9, 0.9}, 2.9},
		{"fps=2", []float64{0, 0.5, 1, 1.5}, 2},
		{"frames=3", []float64{1, 1, 1}, 1 + 1e-6},
		{"frames=3", []float64{1, 2, 3}, 4},
	} {
		q := sequence("a", c.times...)
		q.Provenance.Sampling, q.Provenance.StartTime, q.Provenance.Duration = c.sampling, 0, 0
		if got := q.End(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s %v: ends at %v, want %v", c.sampling, c.times, got, c.want)
		}
		if from, to := q.Span(0, 0); from != 0 || to != len(c.times) {
			t.Errorf("%s %v: rows %d to %d", c.sampling, c.times, from, to)
		}
	}
}
