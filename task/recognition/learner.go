package recognition

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

// learner is the recognizer as a [loop.Task].
type learner struct {
	config   Config
	adapter  *adapter.Adapter
	contrast *adapter.ClassSampler
	examples *examples       // nil if there are many training videos
	anchor   *adapter.Anchor // the templates' embeddings of the training classes; nil without an anchor loss
	train    *Set
	test     *Set // evaluated during the run; nil for none
	selects  bool // whether test may choose the best step
	backbone string
	sampling string

	order loop.Order // of the training videos
}

func newLearner(ctx context.Context, m *clip.Model, c Config, trainSet, testSet *Set) (*learner, error) {
	a, err := adapter.New(m, c.Adapter, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	l := &learner{config: c, adapter: a, train: trainSet, test: testSet, order: loop.Order{Seed: c.Train.Seed, N: len(trainSet.Videos)}}
	if l.contrast, err = a.ClassSampler(trainSet.Classes, c.ClassesPerStep); err != nil {
		return nil, err
	}
	if c.Anchor > 0 {
		if l.anchor, err = a.Anchor(ctx, trainSet.Classes, c.AnchorTemplates); err != nil {
			return nil, fmt.Errorf("anchor embeddings of the templates: %w", err)
		}
	}
	if l.examples, err = learnExamples(ctx, m, trainSet, c.AnchorTemplates, c.MotionShots); err != nil {
		return nil, fmt.Errorf("motions of the training videos: %w", err)
	}
	q, _, _, err := trainSet.load(trainSet.Videos[0])
	if err != nil {
		return nil, err
	}
	l.sampling = q.Provenance.Sampling
	return l, nil
}

func (l *learner) Params() *nn.Params { return bridge.Params(l.adapter) }

// videos returns the training videos of a step.
func (l *learner) videos(step int) []Video {
	out := make([]Video, l.config.Batch)
	for i, k := range l.order.Batch(step, l.config.Batch) {
		out[i] = l.train.Videos[k]
	}
	return out
}

func (l *learner) Batch(step int) string {
	var ids []string
	for _, v := range l.videos(step) {
		ids = append(ids, v.ID)
	}
	return loop.Few(ids)
}

func (l *learner) Step(step int) (float64, error) {
	rng := l.order.Rand(step)
	videos, rows := l.videos(step), make([]int, l.config.Adapter.Frames)
	var features []float32
	of := make([]int, len(videos))
	for i, v := range videos {
		of[i] = v.Class
		q, from, to, err := l.train.load(v)
		if err != nil {
			return 0, err
		}
		randomWindow(rows, to-from, rng)
		features = appendRows(features, q, from, rows)
	}
	classes, numbers, target, err := l.contrast.Sample(of, rng)
	if err != nil {
		return 0, err
	}
	p, err := l.adapter.Forward(features, classes, loop.KeepResidual(len(videos), l.config.TemporalDrop, rng))
	if err != nil {
		return 0, err
	}
	defer p.Release()
	loss, err := p.Loss(target)
	if err != nil {
		return 0, err
	}
	if l.config.Anchor > 0 {
		distance, err := p.AnchorText(l.anchor, numbers, l.config.Anchor)
		if err != nil {
			return 0, err
		}
		loss += distance
	}
	if l.config.VideoAnchor > 0 {
		loss += p.AnchorVideo(l.config.VideoAnchor)
	}
	p.Backward()
	return loss, nil
}

func (l *learner) Evaluate(ctx context.Context) (loop.Evaluation, error) {
	if l.test == nil {
		return loop.Evaluation{Metrics: map[string]any{}}, nil
	}
	embeddings, err := l.adapter.EncodeClasses(ctx, l.test.Classes)
	if err != nil {
		return loop.Evaluation{}, err
	}
	r, err := classifier{l.adapter, embeddings, l.examples}.evaluate(ctx, l.test, l.config.Eval)
	if err != nil {
		return loop.Evaluation{}, err
	}
	return loop.Evaluation{Score: r.Top1, Selects: l.selects, Metrics: map[string]any{"top1": r.Top1, "top5": r.Top5, "videos": r.Videos}}, nil
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	f := l.adapter.File()
	f.Task, f.Sampling, f.Metrics, f.Training = Task, l.sampling, metrics, s
	f.Backbone.Path = l.backbone
	f.AddClasses(l.train.Classes)
	if l.test != nil {
		f.AddClasses(l.test.Classes)
	}
	// Not the context of the run: an interrupted run still writes its checkpoint.
	var err error
	if f.Embeddings, err = l.adapter.EncodeClasses(context.Background(), f.Classes); err != nil {
		return err
	}
	if err := l.examples.write(f); err != nil {
		return err
	}
	return f.Write(path)
}

// Task is the name of the task in the model file of a recognizer.
const Task = "recognition"

func (l *learner) Read(path string) (*train.State, error) { return l.adapter.Resume(path) }
