package recognition

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
)

// learner is the recogniser as a [train.Task].
type learner struct {
	config   Config
	adapter  *prompt.Adapter
	all      *prompt.Classes // all training classes, nil if a step takes fewer
	known    compute.Matrix  // what the templates say of them, if there is an anchor
	train    *Set
	test     *Set // measured as the run goes, nil if there is none
	selects  bool // whether test may choose the best step
	backbone string
	sampling string

	order train.Order // of the training videos
}

func newLearner(m *clip.Model, c Config, trainSet, testSet *Set) (*learner, error) {
	if len(trainSet.Classes) < 2 {
		return nil, fmt.Errorf("the training data has %d class; telling actions apart takes two", len(trainSet.Classes))
	}
	a, err := prompt.New(m, c.Adapter, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	l := &learner{config: c, adapter: a, train: trainSet, test: testSet, order: train.Order{Seed: c.Train.Seed, N: len(trainSet.Videos)}}
	// Every name has to fit, whether a step takes all of them or not.
	all, err := a.Classes(trainSet.Classes)
	if err != nil {
		return nil, err
	}
	if len(trainSet.Classes) <= c.Classes {
		l.all = all
	}
	if c.Anchor > 0 {
		if l.known, err = a.Templates(trainSet.Classes, c.Templates); err != nil {
			return nil, fmt.Errorf("anchoring classes to the templates: %w", err)
		}
	}
	q, _, _, err := trainSet.load(trainSet.Videos[0])
	if err != nil {
		return nil, err
	}
	l.sampling = q.Provenance.Sampling
	return l, nil
}

func (l *learner) Params() *nn.Params { return l.adapter.Params() }

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
	return train.Few(ids)
}

func (l *learner) Step(step int) (float64, error) {
	rng := l.order.Rand(step)
	videos, rows := l.videos(step), make([]int, l.config.Adapter.Frames)
	var features []float32
	for _, v := range videos {
		q, from, to, err := l.train.load(v)
		if err != nil {
			return 0, err
		}
		randomWindow(rows, to-from, rng)
		features = appendRows(features, q, from, rows)
	}
	classes, numbers, target, err := l.contrast(videos, rng)
	if err != nil {
		return 0, err
	}
	p := l.adapter.ForwardKeeping(features, classes, prompt.Keep(len(videos), l.config.TemporalDrop, rng))
	defer p.Release()
	loss, dlogits := p.Loss(target)
	if l.config.Anchor > 0 {
		loss += p.AnchorText(l.known, numbers, l.config.Anchor)
	}
	if l.config.VideoAnchor > 0 {
		loss += p.AnchorVideo(l.config.VideoAnchor)
	}
	p.Backward(dlogits)
	return loss, nil
}

// contrast chooses the classes of a step: all of them, or if they are too many
// those of the batch and others at random. numbers are their places among the
// training classes, nil for all of them.
func (l *learner) contrast(videos []Video, rng *rand.Rand) (classes *prompt.Classes, numbers, target []int32, err error) {
	target = make([]int32, len(videos))
	if l.all != nil {
		for i, v := range videos {
			target[i] = int32(v.Class)
		}
		return l.all, nil, target, nil
	}
	place := map[int]int32{}
	var names []string
	take := func(class int) int32 {
		at, ok := place[class]
		if !ok {
			at = int32(len(names))
			place[class] = at
			names = append(names, l.train.Classes[class])
			numbers = append(numbers, int32(class))
		}
		return at
	}
	for i, v := range videos {
		target[i] = take(v.Class)
	}
	for _, class := range rng.Perm(len(l.train.Classes)) {
		if len(names) >= l.config.Classes {
			break
		}
		take(class)
	}
	classes, err = l.adapter.Classes(names)
	return classes, numbers, target, err
}

func (l *learner) Evaluate(ctx context.Context) (train.Evaluation, error) {
	if l.test == nil {
		return train.Evaluation{Metrics: map[string]any{}}, nil
	}
	embeddings, err := l.adapter.EncodeClasses(l.test.Classes)
	if err != nil {
		return train.Evaluation{}, err
	}
	r, err := evaluate(ctx, l.adapter, embeddings, l.test, l.config.Eval)
	if err != nil {
		return train.Evaluation{}, err
	}
	return train.Evaluation{Score: r.Top1, Selects: l.selects, Metrics: map[string]any{"top1": r.Top1, "top5": r.Top5, "videos": r.Videos}}, nil
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	f := l.adapter.File()
	f.Task, f.Sampling, f.Metrics, f.Training = Task, l.sampling, metrics, s
	f.Backbone.Path = l.backbone
	f.Classes = l.train.Classes
	if l.test != nil {
		f.Classes = union(f.Classes, l.test.Classes)
	}
	var err error
	if f.Embeddings, err = l.adapter.EncodeClasses(f.Classes); err != nil {
		return err
	}
	return f.Write(path)
}

// Task is how a model file of a recogniser names its task.
const Task = "recognition"

func union(a, b []string) []string {
	out := append([]string{}, a...)
	seen := map[string]bool{}
	for _, s := range a {
		seen[s] = true
	}
	for _, s := range b {
		if !seen[s] {
			out = append(out, s)
		}
	}
	return out
}

func (l *learner) Read(path string) (*train.State, error) {
	f, err := prompt.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return f.Training, l.adapter.Load(f)
}
