package proposal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// Example is a video with the segments in which something happens. A video without
// segments is background.
type Example struct {
	ID       string
	Segments []video.Span
}

// Run is a training run of a detector.
type Run struct {
	train.Run
	Features *feature.Cache // holds the sequences of all examples
	Train    []Example
	// Val, which may be empty, is evaluated during the run and selects the best step.
	Val []Example
}

// DefaultTrainConfig returns the settings of the training loop that go with
// [DefaultConfig].
func DefaultTrainConfig() train.Config {
	return train.Config{Steps: 500, LearningRate: 2e-3, Schedule: "cosine", Warmup: 50, WeightDecay: 0.05, ClipNorm: 1, EMADecay: 0.98}
}

// Train trains a detector, writes the run's folder and returns the detector of the
// best step.
func Train(ctx context.Context, c Config, t train.Config, r Run) (*Detector, train.Result, error) {
	if err := t.Check(); err != nil {
		return nil, train.Result{}, err
	}
	l, err := newLearner(c, t, r)
	if err != nil {
		return nil, train.Result{}, err
	}
	about := struct {
		Task     string       `json:"task"`
		Detector Config       `json:"detector"`
		Train    train.Config `json:"train"`
		Width    int          `json:"width"`
		Videos   int          `json:"videos"`
		Data     any          `json:"data,omitempty"`
	}{task, l.detector.config, t, l.detector.embed, len(r.Train), r.Note}
	result, err := loop.Run(ctx, r.Run, about, t, l)
	if err != nil {
		return nil, result, err
	}
	best, err := ReadFile(filepath.Join(r.Dir, train.BestFile))
	return best, result, err
}

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

// statistics is the maximum number of training videos, and of frames of each, that the first
// layers are initialized from.
const statistics = 200

// standardize initializes the first layers from the training features, as Salimans & Kingma
// (2016) do for all layers. CLIP's features have a large component that all images share and
// a smaller one that the frames of a video share. The changes between frames are small in
// comparison, although they are most informative about when something happens. The input
// norm therefore starts with mean 0 and variance 1 for every channel, and half of the
// projection starts with differences between the next and the previous frame, scaled to
// variance 1.
func (l *learner) standardize() error {
	e := l.detector.embed
	sum, squares, changes := make([]float64, e), make([]float64, e), make([]float64, e)
	before, row, after := make([]float64, e), make([]float64, e), make([]float64, e)
	n := 0.0
	for _, v := range l.train[:min(len(l.train), statistics)] {
		f, err := l.frames(v)
		if err != nil {
			return err
		}
		for i := 0; i < f.Len(); i += max(1, f.Len()/statistics) {
			normal(before, f.Row(max(i-1, 0)))
			normal(row, f.Row(i))
			normal(after, f.Row(min(i+1, f.Len()-1)))
			for j, y := range row {
				sum[j] += y
				squares[j] += y * y
				changes[j] += (after[j] - before[j]) * (after[j] - before[j])
			}
			n++
		}
	}
	values := l.Params().Values()
	scale, shift := values[inputName+".weight"], values[inputName+".bias"]
	change := 0.0 // the mean of the squared differences
	for j := range e {
		mean := sum[j] / n
		variance := max(squares[j]/n-mean*mean, 0) + epsilon
		scale[j], shift[j] = float32(1/math.Sqrt(variance)), float32(-mean/math.Sqrt(variance))
		change += changes[j] / n / variance / float64(e)
	}
	// A row of weights has the taps x₋₁, x₀ and x₁. The values of the middle tap, which
	// becomes 0, are reused; they were drawn for three taps and are scaled for one.
	weights := values[projectName+".weight"]
	by := float32(math.Sqrt(3 / (change + epsilon)))
	for w := weights[:len(weights)/2/(3*e)*(3*e)]; len(w) > 0; w = w[3*e:] {
		for j := range e {
			w[2*e+j] = by * w[e+j]
			w[j], w[e+j] = -w[2*e+j], 0
		}
	}
	return l.Params().Set(values)
}

// normal writes a row as the input norm normalizes it, without its scale and shift.
func normal(dst []float64, row []float32) {
	var mean, variance float64
	for _, x := range row {
		mean += float64(x) / float64(len(row))
	}
	for _, x := range row {
		variance += (float64(x) - mean) * (float64(x) - mean) / float64(len(row))
	}
	for j, x := range row {
		dst[j] = (float64(x) - mean) / math.Sqrt(variance+epsilon)
	}
}

func (e Example) check() error {
	for _, s := range e.Segments {
		if !(s.Start < s.End) || math.IsInf(s.Start, 0) || math.IsInf(s.End, 0) {
			return fmt.Errorf("video %s: a segment from %v to %v s does not end after it starts", e.ID, s.Start, s.End)
		}
	}
	return nil
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
