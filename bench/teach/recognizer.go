package main

import (
	"context"
	"errors"
	"time"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/task/labeling"
)

// recognized is what recognizers add to a label, as `clipcue label train --method recognizer`
// trains them.
type recognized struct {
	Alone   float64 // average precision of their evidence
	With    float64 // of the head with it
	Better  bool    // by the comparison
	Seconds float64
}

// recognize trains recognizers from marks.
func (a *archive) recognize(ctx context.Context, name string, teacher *label.Teacher, marks []label.Mark, query []float32) (r recognized, err error) {
	start := time.Now()
	lessons, err := teacher.Lessons()
	if errors.Is(err, label.ErrFewVideos) || errors.Is(err, label.ErrNoNegatives) { // nothing to train on
		return r, nil
	}
	if err != nil {
		return r, err
	}
	evidence := make([]float32, a.moments.Len())
	judges := make([]float32, len(evidence))
	held := map[int64]bool{}
	for _, l := range lessons {
		for video := range l.Held {
			held[video] = true
		}
	}
	for _, l := range lessons {
		scores, err := a.trained(ctx, name, l)
		if err != nil {
			return r, err
		}
		scale := label.NewScale(scores)
		for i, s := range scores {
			if video, _, _ := a.moments.Span(i); l.Held[video] || !held[video] {
				evidence[i] += scale.Apply(s)
				judges[i]++
			}
		}
	}
	for i := range evidence {
		evidence[i] /= judges[i]
	}
	c, err := teacher.CompareWith(ctx, evidence)
	if err != nil {
		return r, err
	}
	r.Better, r.Seconds = c.Better, time.Since(start).Seconds()
	with, err := label.TeachWith(a.moments, query, marks, evidence)
	if err == nil {
		r.Alone, r.With = a.averagePrecision(name, evidence), a.averagePrecision(name, with.Scores())
	}
	return r, err
}

// trained returns the scores of all moments by a recognizer of a lesson.
func (a *archive) trained(ctx context.Context, name string, l label.Lesson) ([]float32, error) {
	of := func(rows []int) (out []label.Frames) {
		for _, row := range rows {
			out = append(out, a.frames[row])
		}
		return out
	}
	t := labeling.Trainer{Backbone: a.model}
	file, err := t.TrainModel(ctx, name, of(l.Positive), of(l.Negative), nil)
	if err != nil {
		return nil, err
	}
	score, err := t.OpenModel(file)
	if err != nil {
		return nil, err
	}
	return score(ctx, a.frames)
}
