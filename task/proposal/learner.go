package proposal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// learner is the detector as a [loop.Task].
type learner struct {
	detector *Detector
	features *feature.Cache
	train    []Example
	val      []Example

	// items holds the numbers of the training examples, each once per window of its video.
	items []int
	order loop.Order // of the items
}

// newLearner checks all examples before training.
func newLearner(c Config, t train.Config, r Run) (*learner, error) {
	if len(r.Train) == 0 || r.Features == nil {
		return nil, errors.New("no videos to train on")
	}
	rate, err := feature.MedianFrameRate(func(yield func(*feature.Sequence, error) bool) {
		for _, e := range r.Train[:min(len(r.Train), 64)] {
			if !yield(r.Features.Get(e.ID)) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	first, err := r.Features.Get(r.Train[0].ID)
	if err != nil {
		return nil, err
	}
	if c.Rate == 0 {
		c.Rate = rate
	}
	if c.Sampling == "" {
		c.Sampling = first.Provenance.Sampling
	}
	d, err := New(first.Width, c, t.Seed)
	if err != nil {
		return nil, err
	}
	l := &learner{detector: d, features: r.Features, train: r.Train, val: r.Val}
	for i, e := range slices.Concat(r.Train, r.Val) {
		if err := e.check(); err != nil {
			return nil, err
		}
		f, err := l.frames(e)
		if err != nil {
			return nil, err
		}
		for n := 0; i < len(r.Train) && n < f.Len(); n += c.Frames {
			l.items = append(l.items, i)
		}
	}
	l.order = loop.Order{Seed: t.Seed, N: len(l.items)}
	return l, l.standardize()
}

func (l *learner) frames(e Example) (*frames, error) {
	q, err := l.features.Get(e.ID)
	if err != nil {
		return nil, err
	}
	return l.detector.config.frames(q, l.detector.embed)
}

func (l *learner) Params() *nn.Params { return l.detector.params }

// Samples returns the number of windows per step.
func (l *learner) Samples() (int, string) { return l.detector.config.Batch, "windows" }

// examples returns the examples of a step.
func (l *learner) examples(step int) []Example {
	out := make([]Example, l.detector.config.Batch)
	for i, k := range l.order.Batch(step, len(out)) {
		out[i] = l.train[l.items[k]]
	}
	return out
}

func (l *learner) Batch(step int) string {
	var ids []string
	for _, e := range l.examples(step) {
		ids = append(ids, e.ID)
	}
	return loop.Few(ids)
}

// Step trains on a random window of each example.
func (l *learner) Step(step int) (float64, error) {
	rng := l.order.Rand(step)
	c := l.detector.config
	var x []float32
	var lengths, counts []int
	var all [][]span
	for _, e := range l.examples(step) {
		f, err := l.frames(e)
		if err != nil {
			return 0, err
		}
		n := min(f.Len(), c.Frames)
		n -= min(int(c.Crop*rng.Float64()*float64(n)), n-1)
		from := rng.IntN(f.Len() - n + 1)
		at, rows := len(x), c.padded(n)
		x = slices.Grow(x, rows*l.detector.embed)[:at+rows*l.detector.embed]
		f.fill(x[at:], from)
		lengths, counts = append(lengths, rows), append(counts, n)
		all = append(all, f.spans(e.Segments, from, from+n))
	}
	layout := c.layout(lengths)
	return l.detector.learn(x, layout, c.targets(layout, counts, all)), nil
}

// evaluated lists the numbers of proposals for which the average recall is measured during a
// run.
var evaluated = []int{5, 10, 20, 50, 100}

func (l *learner) Evaluate(ctx context.Context) (loop.Evaluation, error) {
	e := loop.Evaluation{Metrics: map[string]any{}}
	if len(l.val) == 0 {
		return e, nil
	}
	var found [][]Proposal
	for _, v := range l.val {
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		q, err := l.features.Get(v.ID)
		if err != nil {
			return e, err
		}
		p, err := l.detector.Propose(ctx, q)
		if err != nil {
			return e, err
		}
		found = append(found, p)
	}
	recall, err := AverageRecall(l.val, found, ActivityNetThresholds, evaluated)
	if err != nil {
		return e, err
	}
	for i, r := range recall {
		e.Metrics[fmt.Sprintf("ar@%d", evaluated[i])] = r
		e.Score += r / float64(len(evaluated))
	}
	e.Selects = true
	return e, nil
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	return l.detector.write(path, s, metrics)
}

func (l *learner) Read(path string) (*train.State, error) {
	about, named, state, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if about.Config != l.detector.config || about.Width != l.detector.embed {
		return nil, fmt.Errorf("%s has other settings: %+v", path, about.Config)
	}
	values := map[string][]float32{}
	for name, t := range named {
		values[name] = t.Data
	}
	return state, l.Params().Set(values)
}
