package label

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSegments(t *testing.T) {
	m := NewMoments(1, 0)
	for _, s := range []span{{1, 0, 4}, {1, 2, 6}, {1, 4, 8}, {1, 6, 10}, {1, 20, 24}, {2, 0, 4}} {
		if err := m.Add(Moment{s.video, s.start, s.end, []float32{1}, PackMotion(make([]float32, 2))}); err != nil {
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
		{"one moment", []float32{-1, 1, -1, -1, -1, -1}, Cut{}, []Segment{{1, 3, 5, 1}}},
		{"the ends", []float32{1, -1, -1, 2, -1, 3}, Cut{}, []Segment{{1, 0, 3, 1}, {1, 7, 10, 2}, {2, 0, 4, 3}}},
		{"a gap in the video", []float32{-1, -1, -1, 2, 1, -1}, Cut{}, []Segment{{1, 7, 10, 2}, {1, 20, 24, 1}}},
		{"two thresholds", []float32{-1, 1, 3, 1, 1, -1}, Cut{Enter: 2, Leave: 1}, []Segment{{1, 3, 10, 3}}},
		{"joined", []float32{1, -1, 1, -1, -1, -1}, Cut{MaxGap: 2.5}, []Segment{{1, 0, 7, 1}}},
		{"too short", []float32{-1, 1, -1, -1, -1, 1}, Cut{MinLength: 3}, []Segment{{2, 0, 4, 1}}},
		{"smoothed", []float32{-4, 4, 4, -4, 1, -8}, Cut{Smooth: true}, []Segment{{1, 3, 7, 2}, {1, 20, 24, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Segments(m, c.scores, c.cut)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
	for _, cut := range []Cut{{Leave: 1}, {Enter: math.NaN()}, {MinLength: -1}, {MaxGap: math.NaN()}} {
		if _, err := Segments(m, make([]float32, 6), cut); err == nil {
			t.Errorf("%+v is accepted", cut)
		}
	}
	if _, err := Segments(m, nil, Cut{}); err == nil {
		t.Error("no scores are accepted")
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
