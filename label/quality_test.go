package label

import (
	"errors"
	"testing"
)

func TestQualityCoversTheTruth(t *testing.T) {
	covered, total := 0, 0
	for seed := range uint64(6) {
		w := newWorld(t, 20+seed, 100, seed%2 == 1)
		teacher, _ := w.teach(t, 40)
		q, err := teacher.Quality(t.Context(), Target{Precision: 0.8})
		if err != nil {
			t.Fatal(err)
		}
		var found, above float64
		for i, s := range teacher.Scores() {
			if float64(s) >= q.Threshold {
				above++
				if w.true[i] {
					found++
				}
			}
		}
		truth := found / max(1, above)
		total++
		if q.Precision.Low <= truth && truth <= q.Precision.High {
			covered++
		}
		t.Logf("precision %.2f, estimated %+v, %d moments, recall %+v", truth, q.Precision, q.Moments, q.Recall)
	}
	if covered < total-1 {
		t.Errorf("%d of %d intervals cover the truth", covered, total)
	}
}

func TestQualityTargets(t *testing.T) {
	w := newWorld(t, 30, 100, false)
	teacher, _ := w.teach(t, 40)
	at := func(target Target) Quality {
		q, err := teacher.Quality(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if low, high := at(Target{Precision: 0.3}), at(Target{Precision: 0.9}); low.Threshold > high.Threshold {
		t.Errorf("precision 0.3 at %g, 0.9 at %g", low.Threshold, high.Threshold)
	}
	if low, high := at(Target{Recall: 0.3}), at(Target{Recall: 0.9}); low.Threshold < high.Threshold {
		t.Errorf("recall 0.3 at %g, 0.9 at %g", low.Threshold, high.Threshold)
	}
	for _, target := range []Target{{}, {Precision: 2}, {Recall: -1}, {Precision: 0.5, Recall: 0.5}} {
		if _, err := teacher.Quality(t.Context(), target); err == nil {
			t.Errorf("%+v is accepted", target)
		}
	}
	yes, no := Mark{Video: 1, End: 4, Positive: true}, Mark{Video: 1, Start: 6, End: 10}
	for _, c := range []struct {
		marks []Mark
		want  error
	}{{nil, ErrNoPositives}, {[]Mark{no}, ErrNoPositives}, {[]Mark{yes}, ErrNoNegatives}, {[]Mark{yes, no}, ErrFewVideos}} {
		few, err := Teach(w.m, w.text, c.marks)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := few.Quality(t.Context(), Target{Precision: 0.5}); !errors.Is(err, c.want) {
			t.Errorf("marks %+v: %v, want %v", c.marks, err, c.want)
		}
	}
}
