package retrieval

import (
	"context"
	"fmt"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// learner is the retriever as a [loop.Task].
type learner struct {
	config   Config
	adapter  *adapter.Adapter
	train    *Set
	test     *Set // evaluated during the run; nil for none
	selects  bool // whether test may choose the best step
	backbone string
	sampling string

	order loop.Order // of the training videos
}

func newLearner(m *clip.Model, c Config, trainSet, testSet *Set) (*learner, error) {
	if len(trainSet.Videos) < 2 {
		return nil, fmt.Errorf("training needs at least two videos, but the data has only %s", trainSet.Videos[0].ID)
	}
	a, err := adapter.New(m, c.Adapter, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	l := &learner{config: c, adapter: a, train: trainSet, test: testSet, order: loop.Order{Seed: c.Train.Seed, N: len(trainSet.Videos)}}
	q, _, _, err := trainSet.source.Segment(trainSet.Videos[0].ID, 0, 0)
	if err != nil {
		return nil, err
	}
	l.sampling = q.Provenance.Sampling
	return l, nil
}

func (l *learner) Params() *nn.Params { return bridge.Params(l.adapter) }

// Updated limits a learned temperature.
func (l *learner) Updated() { l.adapter.LimitTemperature() }

func (l *learner) Batch(step int) string {
	var ids []string
	for _, v := range l.order.Batch(step, l.config.Batch) {
		ids = append(ids, l.train.Videos[v].ID)
	}
	return loop.Few(ids)
}

func (l *learner) Step(step int) (float64, error) {
	rng := l.order.Rand(step)
	numbers := l.order.Batch(step, l.config.Batch)
	var features []float32
	captions, videos := make([]string, len(numbers)), make([]string, len(numbers))
	for i, n := range numbers {
		v, of := l.train.Videos[n], l.train.of[n]
		q, from, to, err := l.train.source.Segment(v.ID, v.Start, v.End)
		if err != nil {
			return 0, err
		}
		features = spread(features, q, from, to, l.config.Adapter.Frames, rng)
		// One caption per video: captions of the same video must not be negatives.
		captions[i] = l.train.Captions[of[rng.IntN(len(of))]].Text
		videos[i] = fmt.Sprint(n)
	}
	sentences, _, err := l.adapter.Texts(captions)
	if err != nil {
		return 0, err
	}
	p, err := l.adapter.Forward(features, sentences, loop.KeepResidual(len(numbers), l.config.TemporalDrop, rng))
	if err != nil {
		return 0, err
	}
	defer p.Release()
	anchor := 0.0
	if l.config.VideoAnchor > 0 {
		anchor = p.AnchorVideo(l.config.VideoAnchor)
	}
	loss, err := p.ContrastiveLoss(captions, videos)
	return loss + anchor, err
}

func (l *learner) Evaluate(ctx context.Context) (loop.Evaluation, error) {
	if l.test == nil {
		return loop.Evaluation{Metrics: map[string]any{}}, nil
	}
	r, err := (&Retriever{model: l.adapter.Backbone(), adapter: l.adapter}).Evaluate(ctx, l.test, Evaluation{})
	if err != nil {
		return loop.Evaluation{}, err
	}
	row := r.Rows[0]
	v, t := row.TextToVideo, *row.VideoToText
	return loop.Evaluation{Selects: l.selects,
		Score: (v.R1 + v.R5 + v.R10 + t.R1 + t.R5 + t.R10) / 6,
		Metrics: map[string]any{
			"t2v_r1": v.R1, "t2v_r5": v.R5, "t2v_r10": v.R10, "t2v_median_rank": v.MedianRank,
			"v2t_r1": t.R1, "v2t_r5": t.R5, "v2t_r10": t.R10, "v2t_median_rank": t.MedianRank,
			"temperature": l.adapter.Temperature(), "videos": r.Videos, "captions": r.Captions,
		}}, nil
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	f := l.adapter.File()
	f.Task, f.Sampling, f.Metrics, f.Training = Task, l.sampling, metrics, s
	f.Backbone.Path = l.backbone
	return f.Write(path)
}

func (l *learner) Read(path string) (*train.State, error) { return l.adapter.Resume(path) }
