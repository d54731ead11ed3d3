package recognition

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
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
		{"run", 0.9, video.Span{Start: 0, End: 2.5}, false}, {"run", 0.9, video.Span{Start: 0, End: 4.5}, true},
		{"jump", 0.9, video.Span{Start: 4.5, End: 6.5}, false}, {"jump", 0.9, video.Span{Start: 4.5, End: 6.5}, true},
		{"run", 0.9, video.Span{Start: 8.5, End: 10.5}, false}, {"run", 0.9, video.Span{Start: 8.5, End: 11}, true},
		{"run", 0.9, video.Span{Start: 100, End: 102.5}, false}, {"run", 0.9, video.Span{Start: 100, End: 103}, true},
		{"jump", 0.9, video.Span{Start: 200, End: 200}, false}, {"jump", 0.9, video.Span{Start: 200, End: 200}, true},
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
		{"run", 0.9, video.Span{Start: 300, End: 302.5}, false}, {"run", 0.9, video.Span{Start: 300, End: 308.25}, true},
		{"jump", 0.9, video.Span{Start: 308.25, End: 319}, false}, {"jump", 0.9, video.Span{Start: 308.25, End: 323.5}, true},
		{"run", 0.9, video.Span{Start: 323.5, End: 325.5}, false}, {"run", 0.9, video.Span{Start: 323.5, End: 326}, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := w.Add(t.Context(), []float32{1, 2}, 0); err == nil {
		t.Error("a feature of another width is taken")
	}
}
