package recognition

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipcue/clipcue/feature"
)

// A window of 4 frames, one a second, moves by 2; the class is the value of its
// last frame.
func TestWatcher(t *testing.T) {
	names := []string{"none", "run", "jump"}
	w := &Watcher{frames: 4, step: 2, threshold: 0.5, window: feature.Sequence{Width: 1}}
	w.classify = func(_ context.Context, q *feature.Sequence) ([]Prediction, error) {
		if q.Len() != len(q.Features) {
			t.Errorf("%d features of %d frames", len(q.Features), q.Len())
		}
		c := int(q.Row(q.Len() - 1)[0])
		score := 0.9
		if c == 0 {
			score = 0.4
		}
		return []Prediction{{names[c], score}}, nil
	}
	var got []Event
	add := func(from int, classes ...float32) {
		for i, c := range classes {
			events, err := w.Add(t.Context(), []float32{c}, float64(from+i))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, events...)
		}
	}
	add(0, 1, 1, 1, 1, 1, 1, 2, 2, 0, 0) // windows end at 3, 5, 7, 9
	add(10, 0, 1)                        // at 11
	cut := func() {
		events, err := w.Flush(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, events...)
	}
	cut()
	cut()
	add(100, 1, 1, 1) // no window yet
	add(103, 1)
	cut()
	add(200, 2) // shorter than a window
	cut()
	want := []Event{
		{"run", 0.9, 0, 2.5, false}, {"run", 0.9, 0, 4.5, true},
		{"jump", 0.9, 4.5, 6.5, false}, {"jump", 0.9, 4.5, 6.5, true},
		{"run", 0.9, 8.5, 10.5, false}, {"run", 0.9, 8.5, 11, true},
		{"run", 0.9, 100, 102.5, false}, {"run", 0.9, 100, 103, true},
		{"jump", 0.9, 200, 200, false}, {"jump", 0.9, 200, 200, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Where frames are missing, as those that were dropped, windows are uneven, and an
	// event still begins where the one before it ends.
	got = nil
	add(300, 1, 1, 1, 1, 1, 1)
	add(321, 1, 2, 2, 2, 1, 1)
	cut()
	want = []Event{
		{"run", 0.9, 300, 302.5, false}, {"run", 0.9, 300, 308.25, true},
		{"jump", 0.9, 308.25, 319, false}, {"jump", 0.9, 308.25, 323.5, true},
		{"run", 0.9, 323.5, 325.5, false}, {"run", 0.9, 323.5, 326, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := w.Add(t.Context(), []float32{1, 2}, 0); err == nil {
		t.Error("a feature of another width is taken")
	}
}
