package feature

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/video"
)

// OnFrame gets the frames of each video in order, with their times; its error ends the run.
func TestWatch(t *testing.T) {
	_, sources := folder(t, map[string]string{"one.mp4": "one", "still.mp4": "still"})
	var mu sync.Mutex
	times := map[string][]float64{}
	o := Options{OnFrame: func(q *Sequence, f video.Frame) error {
		mu.Lock()
		defer mu.Unlock()
		if f.Width != 8 || len(f.Pix) != 3*8*8 || q.Provenance.SHA256 == "" {
			t.Errorf("%s: a frame of %d", q.ID, f.Width)
		}
		times[q.ID] = append(times[q.ID], f.Time)
		return nil
	}}
	if _, err := ExtractFunc(t.Context(), newFake(), sources, o, func(q *Sequence) error {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(times[q.ID], q.Timestamps) {
			t.Errorf("%s: %v was seen of %v", q.ID, times[q.ID], q.Timestamps)
		}
		return nil
	}); err != nil || len(times) != 2 {
		t.Errorf("%v %v", times, err)
	}
	enough := errors.New("enough")
	o.OnFrame = func(*Sequence, video.Frame) error { return enough }
	if r, err := ExtractFunc(t.Context(), newFake(), sources, o, func(*Sequence) error { return nil }); !errors.Is(err, enough) || r.Done != 0 || len(r.Failed) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}
