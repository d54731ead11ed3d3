package main

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/video"
)

// watchLabels finds what labels of a library show. Windows are as long as the library's
// moments, and have as many frames.
func (a *app) watchLabels(c *cobra.Command, o watchFlags) error {
	of := embedderFlags{libraryFlags{library: o.library, server: o.server}, o.backbone, o.run}
	err := a.teach(c, of, clip.ImageTower|clip.TextTower, o.labels, func(x lesson) error {
		heads, err := a.heads(c, x.teachers, o.point)
		if err != nil {
			return err
		}
		sampling, err := video.ParseSampling(x.settings.Sampling)
		if err != nil {
			return err
		}
		w := &o.live
		if w.Video.FPS == 0 {
			w.Video.FPS = indexFPS
			if fps, ok := sampling.Rate(); ok {
				w.Video.FPS = fps
			}
		}
		frames := max(1, int(math.Round(x.settings.Window*w.Video.FPS)))
		if o.hop == 0 {
			o.hop = min(frames, max(1, int(math.Round(x.settings.Hop*w.Video.FPS))))
		}
		w.Model = x.model
		w.Watcher, err = recognition.NewWatcher(classifyByLabels(x.embedder, heads), x.model.Config().Embed, frames, o.hop, 0.5)
		if err != nil {
			return usageError{err}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.watchLive(c, o)
}

// labelHead is a label with its threshold.
type labelHead struct {
	name      string
	score     func(ctx context.Context, embedding []float32, f label.Frames) (float64, error)
	threshold float64
}

func (a *app) heads(c *cobra.Command, teachers []*library.Teacher, point pointFlags) (out []labelHead, err error) {
	for _, t := range teachers {
		threshold, _, err := a.chooseThreshold(c.Context(), t, point.target(c, t))
		if err != nil {
			return nil, labelError(t, err)
		}
		score, err := t.Scorer()
		if err != nil {
			return nil, labelError(t, err)
		}
		out = append(out, labelHead{t.Name, score, threshold})
	}
	return out, nil
}

// classifyByLabels returns a function that scores a window by labels: above 0.5 where the
// score of the label exceeds its threshold.
func classifyByLabels(e library.Embedder, heads []labelHead) func(context.Context, *feature.Sequence) ([]recognition.Prediction, error) {
	return func(ctx context.Context, q *feature.Sequence) (out []recognition.Prediction, err error) {
		embedding, err := e.EncodeVideo(ctx, q, 0, 0)
		if err != nil {
			return nil, err
		}
		first, last := q.Timestamps[0], q.Timestamps[q.Len()-1]
		f := label.Frames{Features: q.Features, Times: q.Timestamps, Start: first, End: last + (last-first)/float64(max(1, q.Len()-1))}
		for _, h := range heads {
			score, err := h.score(ctx, embedding, f)
			if err != nil {
				return nil, err
			}
			out = append(out, recognition.Prediction{Label: h.name, Score: 1 / (1 + math.Exp(h.threshold-score))})
		}
		slices.SortStableFunc(out, func(a, b recognition.Prediction) int { return cmp.Compare(b.Score, a.Score) })
		return out, nil
	}
}
