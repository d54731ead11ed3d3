package recognition

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Event is an action that was detected in a stream of frames. Each window's prediction
// applies to the times closest to its center; the first and last windows also cover
// the start and end of the stream. Consecutive windows with the same label are merged
// into one event.
type Event struct {
	Label      string  `json:"label"`
	Score      float64 `json:"score"` // the highest probability of the windows so far
	video.Span         // on the frames' clock; End is the end so far
	Over       bool    `json:"over"`
}

// Watcher classifies a stream of frames with a sliding window. Only one goroutine may use
// it at a time.
type Watcher struct {
	classify  func(context.Context, *feature.Sequence) ([]Prediction, error)
	frames    int // of a window
	step      int // frames between two windows
	threshold float64

	window feature.Sequence // the latest frames
	fresh  int              // frames since the last window
	begun  bool             // whether there was a window since the stream began
	open   *Event
	middle float64 // time of the center of the last window
	reach  float64 // and of its end
}

// Watch returns a Watcher whose window moves by step frames. A window whose most probable
// class is below threshold has no event.
func (r *Recognizer) Watch(step int, threshold float64) (*Watcher, error) {
	return NewWatcher(r.Classify, r.adapter.Backbone().Config().Embed, r.Frames(), step, threshold)
}

// NewWatcher makes a Watcher of windows of the given number of frames, whose features have
// width E. classify returns the predictions for a window, the best first.
func NewWatcher(classify func(context.Context, *feature.Sequence) ([]Prediction, error), width, frames, step int, threshold float64) (*Watcher, error) {
	if step < 1 || step > frames {
		return nil, fmt.Errorf("step must be 1 to %d frames, the length of a window, got %d", frames, step)
	}
	if math.IsNaN(threshold) {
		return nil, errors.New("threshold must be a number, got NaN")
	}
	return &Watcher{classify: classify, frames: frames, step: step, threshold: threshold,
		window: feature.Sequence{ID: "live", Width: width}}, nil
}

// Add adds the feature [E] of the next frame, shown at t seconds. It returns the event that
// is over, if any, and then the one that begins.
func (w *Watcher) Add(ctx context.Context, row []float32, t float64) ([]Event, error) {
	q := &w.window
	if len(row) != q.Width {
		return nil, fmt.Errorf("feature has width %d, but this backbone gives %d", len(row), q.Width)
	}
	if !finite(t) || slices.ContainsFunc(row, func(x float32) bool { return !finite(float64(x)) }) {
		return nil, fmt.Errorf("frame at %v s: the feature or its time is not finite", t)
	}
	if q.Len() == w.frames {
		copy(q.Features, q.Features[q.Width:])
		copy(q.Timestamps, q.Timestamps[1:])
		q.Features = q.Features[:len(q.Features)-q.Width]
		q.Timestamps = q.Timestamps[:w.frames-1]
	}
	q.Features = append(q.Features, row...)
	q.Timestamps = append(q.Timestamps, t)
	w.fresh++
	if q.Len() < w.frames || w.fresh < w.step {
		return nil, nil
	}
	return w.predict(ctx)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// predict classifies the current window.
func (w *Watcher) predict(ctx context.Context) ([]Event, error) {
	q := &w.window
	found, err := w.classify(ctx, q)
	if err != nil {
		return nil, err
	}
	first, last := q.Timestamps[0], q.Timestamps[q.Len()-1]
	middle, half := (first+last)/2, (last-first)/float64(max(q.Len()-1, 1))*float64(w.step)/2
	from := first
	if w.begun {
		from = (w.middle + middle) / 2
	}
	w.fresh, w.begun, w.middle, w.reach = 0, true, middle, last
	return w.see(found[0], from, middle+half), nil // the position of the next window is an estimate
}

// see adds the prediction for the time from start to end.
func (w *Watcher) see(p Prediction, start, end float64) (events []Event) {
	seen := p.Score >= w.threshold
	if w.open != nil && seen && w.open.Label == p.Label {
		w.open.End, w.open.Score = end, max(w.open.Score, p.Score)
		return nil
	}
	if w.open != nil {
		w.open.End = start
	}
	events = w.close()
	if seen {
		w.open = &Event{Label: p.Label, Score: p.Score, Span: video.Span{Start: start, End: end}}
		events = append(events, *w.open)
	}
	return events
}

// Flush ends the stream or marks an interruption of it, and returns the open event. A
// stream shorter than a window counts as one window.
func (w *Watcher) Flush(ctx context.Context) (events []Event, err error) {
	if !w.begun && w.window.Len() > 0 {
		events, err = w.predict(ctx)
	}
	if w.open != nil {
		w.open.End = w.reach
	}
	w.window.Features, w.window.Timestamps, w.fresh, w.begun = w.window.Features[:0], w.window.Timestamps[:0], 0, false
	return append(events, w.close()...), err
}

func (w *Watcher) close() []Event {
	if w.open == nil {
		return nil
	}
	e := *w.open
	e.Over = true
	w.open = nil
	return []Event{e}
}
