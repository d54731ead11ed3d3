package localization

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// learner is the second stage as a [loop.Task].
type learner struct {
	config   Config
	adapter  *adapter.Adapter
	contrast *adapter.ClassSampler
	detector *proposal.Detector
	rate     float64
	sampling string
	backbone string

	set      *Set
	examples            // of the set
	test     *Set       // evaluated during the run; nil for none
	proposed Proposals  // of the test set
	selects  bool       // whether test may choose the best step
	order    loop.Order // of the true segments
}

// examples holds the training examples of a set.
type examples struct{ real, overlapping, background []example }

// example is a segment of a video.
type example struct {
	video int              // in the set
	rows  adapter.RowRange // of the video at the model's rate
	class int              // in the set's classes; 0 for background
}

// newLearner prepares training on the true segments of a set, at rate frames per second. It
// finds invalid data before there are any proposals.
func newLearner(m *clip.Model, c Config, s *Set, rate float64) (*learner, error) {
	if s.Truth().Count() == 0 {
		return nil, fmt.Errorf("%s: no training segments", s.source.Source)
	}
	a, err := adapter.New(m, c.Adapter, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	l := &learner{config: c, adapter: a, set: s, rate: rate}
	if l.contrast, err = a.ClassSampler(readable(s.Classes), c.ClassesPerStep); err != nil {
		return nil, err
	}
	class := l.classes()
	for i, v := range s.Videos {
		q, err := l.load(i)
		if err != nil {
			return nil, err
		}
		for _, x := range v.Segments {
			l.real = add(l.real, q, i, x.Start, x.End, class[x.Label])
		}
	}
	if len(l.real) == 0 {
		return nil, fmt.Errorf("%s: no training segments", s.source.Source)
	}
	l.order = loop.Order{Seed: c.Train.Seed, N: len(l.real)}
	q, err := s.Load(s.Videos[0])
	if err != nil {
		return nil, err
	}
	l.sampling = q.Provenance.Sampling
	return l, nil
}

// classes returns the class numbers of the set by name.
func (l *learner) classes() map[string]int {
	class := map[string]int{}
	for i, c := range l.set.Classes {
		class[c] = i
	}
	return class
}

// add appends a segment of a video as an example if it contains any frame.
func add(to []example, q *feature.Sequence, video int, start, end float64, class int) []example {
	if from, end := q.Span(start, end); from < end {
		to = append(to, example{video, adapter.RowRange{From: from, To: end}, class})
	}
	return to
}

// gather divides the proposals of the set into overlapping and background examples.
func (l *learner) gather(p Proposals) error {
	class := l.classes()
	for i, v := range l.set.Videos {
		q, err := l.load(i)
		if err != nil {
			return err
		}
		for _, x := range p[i] {
			best, which, covered := 0.0, 0, 0.0
			for _, s := range v.Segments {
				covered += max(0, min(s.End, x.End)-max(s.Start, x.Start)) / (x.End - x.Start)
				if t := (video.Span{Start: s.Start, End: s.End}).TIoU(x.Span); t > best {
					best, which = t, class[s.Label]
				}
			}
			switch {
			case best >= l.config.Positive:
				l.overlapping = add(l.overlapping, q, i, x.Start, x.End, which)
			case covered <= l.config.Negative:
				l.background = add(l.background, q, i, x.Start, x.End, 0)
			}
		}
	}
	return nil
}

// load returns the features of a training video at the rate of the model.
func (l *learner) load(video int) (*feature.Sequence, error) {
	q, err := l.set.Load(l.set.Videos[video])
	if err != nil {
		return nil, err
	}
	return q.Resample(l.rate)
}

func (l *learner) Params() *nn.Params { return bridge.Params(l.adapter) }

// draw returns the labeled and the background examples of a step. Half of the labeled ones
// are proposals if there are any.
func (l *learner) draw(step int) (labeled, background []example, rng *rand.Rand) {
	rng = l.order.Rand(step)
	drawn := 0
	if len(l.overlapping) > 0 {
		drawn = l.config.Batch / 2
	}
	for _, k := range l.order.Batch(step, l.config.Batch-drawn) {
		labeled = append(labeled, l.real[k])
	}
	for range drawn {
		labeled = append(labeled, l.overlapping[rng.IntN(len(l.overlapping))])
	}
	if l.config.BackgroundWeight > 0 && len(l.background) > 0 {
		for range max(1, l.config.Batch/4) {
			background = append(background, l.background[rng.IntN(len(l.background))])
		}
	}
	return labeled, background, rng
}

func (l *learner) Batch(step int) string {
	labeled, background, _ := l.draw(step)
	var ids []string
	for _, x := range append(labeled, background...) {
		ids = append(ids, l.set.Videos[x.video].ID)
	}
	slices.Sort(ids)
	return loop.Few(slices.Compact(ids))
}

// Samples returns the number of segments per step.
func (l *learner) Samples() (int, string) { return l.config.Batch, "segments" }

// window appends a window of T frames that contains an example at a random position, or
// that is within it if the example is longer. It returns the rows of the example in the
// window.
func (l *learner) window(features []float32, x example, rng *rand.Rand) ([]float32, adapter.RowRange, error) {
	q, err := l.load(x.video)
	if err != nil {
		return nil, adapter.RowRange{}, err
	}
	t := l.config.Adapter.Frames
	start, rows := 0, adapter.RowRange{From: 0, To: t}
	if length := x.rows.To - x.rows.From; length >= t {
		start = x.rows.From + rng.IntN(length-t+1)
	} else {
		first, last := max(0, x.rows.To-t), max(0, min(x.rows.From, q.Len()-t))
		start = first + rng.IntN(last-first+1)
		rows = adapter.RowRange{From: x.rows.From - start, To: x.rows.To - start}
	}
	for i := range t {
		features = append(features, q.Row(min(start+i, q.Len()-1))...)
	}
	return features, rows, nil
}

func (l *learner) Step(step int) (float64, error) {
	labeled, background, rng := l.draw(step)
	var features []float32
	var rows []adapter.RowRange
	for i, x := range append(labeled, background...) {
		f, r, err := l.window(features, x, rng)
		if err != nil {
			return 0, err
		}
		at := i * l.config.Adapter.Frames
		features, rows = f, append(rows, adapter.RowRange{From: at + r.From, To: at + r.To})
	}
	of := make([]int, len(labeled))
	for i, x := range labeled {
		of[i] = x.class
	}
	classes, _, target, err := l.contrast.Sample(of, rng)
	if err != nil {
		return 0, err
	}
	p, err := l.adapter.ForwardSegments(features, rows, classes, loop.KeepResidual(len(rows), l.config.TemporalDrop, rng))
	if err != nil {
		return 0, err
	}
	defer p.Release()
	loss, err := p.Loss(target)
	if err != nil {
		return 0, err
	}
	if len(background) > 0 {
		loss += p.UniformLoss(l.config.BackgroundWeight)
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
	embeddings, err := l.adapter.EncodeClasses(ctx, readable(l.test.Classes))
	if err != nil {
		return loop.Evaluation{}, err
	}
	r, err := l.config.Eval.evaluate(ctx, l.adapter, embeddings, l.rate, l.test, l.proposed)
	if err != nil {
		return loop.Evaluation{}, err
	}
	metrics := map[string]any{"average_map": r.Average, "videos": r.Videos, "ar@100": r.Recall.At(maxProposals)}
	for i, t := range r.TIoU {
		metrics[fmt.Sprintf("map@%g", t)] = r.MAP[i]
	}
	return loop.Evaluation{Score: r.Average, Selects: l.selects, Metrics: metrics}, nil
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	f := l.adapter.File()
	f.Task, f.Sampling, f.Metrics, f.Training = Task, l.sampling, metrics, s
	f.Backbone.Path = l.backbone
	f.AddClasses(l.set.Classes)
	if l.test != nil {
		f.AddClasses(l.test.Classes)
	}
	about := settings{Rate: l.rate, Eval: l.config.Eval}
	if l.detector != nil {
		c := l.detector.Config()
		about.Detector = &c
		for name, t := range l.detector.Tensors() {
			f.Tensors[name] = t
		}
	}
	var err error
	if f.Settings, err = json.Marshal(about); err != nil {
		return err
	}
	// Not the context of the run: an interrupted run still writes its checkpoint.
	if f.Embeddings, err = l.adapter.EncodeClasses(context.Background(), readable(f.Classes)); err != nil {
		return err
	}
	return f.Write(path)
}

func (l *learner) Read(path string) (*train.State, error) { return l.adapter.Resume(path) }
