package label

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSegments(t *testing.T) {
	m := NewMoments(axes(1, 1), 0)
	for _, s := range []span{{1, 0, 4}, {1, 2, 6}, {1, 4, 8}, {1, 6, 10}, {1, 20, 24}, {2, 0, 4}} {
		if err := m.Add(Moment{s.video, s.start, s.end, []float32{1}, nil, nil}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		scores []float32
		cut    Cut
		want   []Segment
	}{
		{"nothing", []float32{-1, -1, -1, -1, -1, -1}, Cut{}, nil},
		{"one moment", []float32{-1, 1, -1, -1, -1, -1}, Cut{}, []Segment{{1, 3, 5, 2. / 3}}},
		{"the ends", []float32{1, -1, -1, 2, -1, 3}, Cut{}, []Segment{{1, 0, 3, 0.75}, {1, 7, 10, 1.5}, {2, 0, 4, 2.4}}},
		{"a gap in the video", []float32{-1, -1, -1, 2, 1, -1}, Cut{}, []Segment{{1, 7, 10, 1.5}, {1, 20, 24, 0.8}}},
		{"two thresholds", []float32{-1, 1, 3, 1, 1, -1}, Cut{Enter: 2, Leave: 1}, []Segment{{1, 3, 10, 1.5}}},
		{"joined", []float32{1, -1, 1, -1, -1, -1}, Cut{MaxGap: 2.5}, []Segment{{1, 0, 7, 5. / 6}}},
		{"too short", []float32{-1, 1, -1, -1, -1, 1}, Cut{MinLength: 3}, []Segment{{2, 0, 4, 0.8}}},
		{"smoothed", []float32{-4, 4, 4, -4, 1, -8}, Cut{Smooth: true}, []Segment{{1, 3, 7, 1.6}, {1, 20, 24, 0.8}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := segments(m, c.scores, [orders][]float32{make([]float32, 6), make([]float32, 6)}, c.cut)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 1e-9)); d != "" {
				t.Error(d)
			}
		})
	}
	for _, cut := range []Cut{{Leave: 1}, {Enter: math.NaN()}, {MinLength: -1}, {MaxGap: math.NaN()}} {
		if err := cut.Check(); err == nil {
			t.Errorf("%+v is accepted", cut)
		}
	}
}

func TestCutFollowsTheMarks(t *testing.T) {
	w := newWorld(t, 8, 20, false)
	var marks []Mark
	for v := range 10 {
		marks = append(marks, Mark{int64(v + 1), 2, 8 + float64(v), true}, Mark{int64(v + 11), 2, 3, false})
	}
	teacher, err := Teach(w.m, w.text, marks)
	if err != nil {
		t.Fatal(err)
	}
	c := teacher.Cut(1)
	if c.Enter != 1 || c.Leave >= 1 || c.MinLength != 3.5 || c.MaxGap != 11./4 || !c.Smooth {
		t.Errorf("%+v", c)
	}
}

// The motion descriptor says where in a moment the label is, so edges are finer than moments.
func TestSegmentsAreFinerThanMoments(t *testing.T) {
	m := NewMoments(axes(2, 2), 0)
	const shownFrom, shownTo, rate = 9., 10.5, 8
	for start := 0.; start <= 16; start += 2 {
		var frames []float32
		var times []float64
		var mean [2]float64
		for i := range 4 * rate {
			at := start + (float64(i)+0.5)/rate
			shown := 0
			if at > shownFrom && at < shownTo {
				shown = 1
			}
			frame := [2]float32{}
			frame[shown] = 1
			frames, times = append(frames, frame[:]...), append(times, at)
			mean[shown]++
		}
		motion := m.directions.Describe(m.directions.Project(frames), times, start, start+4)
		if err := m.Add(Moment{1, start, start + 4, normal(mean[:]), motion, nil}); err != nil {
			t.Fatal(err)
		}
	}
	h := &Head{Weights: append([]float32{-1, 1}, make([]float32, m.directions.Width())...)}
	overlap := func(courses [orders][]float32) float64 {
		found, err := segments(m, m.Scores(h), courses, Cut{Enter: -0.7, Leave: -0.7})
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		return Mark{1, shownFrom, shownTo, true}.Overlap(Mark{1, found[0].Start, found[0].End, true})
	}
	flat := [orders][]float32{make([]float32, m.Len()), make([]float32, m.Len())}
	if moments, frames := overlap(flat), overlap(m.courses(h)); frames < moments+0.15 {
		t.Errorf("the temporal IoU is %.2f with and %.2f without the motion descriptor", frames, moments)
	}
}
