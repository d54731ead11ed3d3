package recognition

import (
	"context"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/vocabulary"
	"github.com/clipcue/clipcue/video"
)

// Recognizer classifies videos, either with a trained model or with the backbone alone
// and hand-written templates.
type Recognizer struct {
	adapter    *adapter.Adapter
	vocabulary *vocabulary.Vocabulary
	examples   *examples // nil for none
	eval       Evaluation
	sampling   func() (video.Sampling, error) // of videos, as in training
}

// New returns a recognizer of a model file and its backbone, with the classes of the file.
func New(f *adapter.File, m *clip.Model) (*Recognizer, error) {
	if f.Task != Task {
		return nil, &adapter.WrongTaskError{Have: f.Task, Want: Task}
	}
	a, err := f.Adapter(m)
	if err != nil {
		return nil, err
	}
	x, err := readExamples(f)
	if err != nil {
		return nil, err
	}
	return &Recognizer{adapter: a, vocabulary: vocabulary.FromFile(f, m, a.EncodeClasses), examples: x,
		eval: Evaluation{Windows: 5}, sampling: f.VideoSampling}, nil
}

// Baseline returns a recognizer that is the backbone alone, without any training: it
// compares class names in hand-written templates with the mean of the frame features.
// Without templates it uses the first of [clip.Templates].
func Baseline(ctx context.Context, m *clip.Model, classes, templates []string) (*Recognizer, error) {
	c := adapter.Config{Frames: adapter.DefaultConfig().Frames, Temperature: 1 / float64(m.LogitScale())}
	a, err := adapter.New(m, c, 0)
	if err != nil {
		return nil, err
	}
	if len(templates) == 0 {
		templates = clip.Templates[:1]
	}
	encode := func(ctx context.Context, names []string) ([]float32, error) {
		return m.EncodeClasses(ctx, names, templates, false)
	}
	r := &Recognizer{adapter: a, vocabulary: vocabulary.New(m, encode), eval: Evaluation{Windows: 5}}
	return r, r.SetClasses(ctx, classes)
}

// SetTemporalScale scales the residual of the temporal Transformer, from 1, as trained, to
// 0, prompts alone, which ignore the motions of examples as well. A model without a residual
// is an error.
func (r *Recognizer) SetTemporalScale(s float64) error {
	err := r.adapter.SetTemporalScale(s)
	if err == nil && s == 0 {
		r.examples = nil
	}
	return err
}

// Classes returns the class names.
func (r *Recognizer) Classes() []string { return r.vocabulary.Classes() }

// Frames returns the number of frames in a window.
func (r *Recognizer) Frames() int { return r.adapter.Config().Frames }

// SetClasses replaces the class names. Names that the model file does not know are encoded
// by the backbone's text tower; without it they are an *[adapter.UnknownClassError].
func (r *Recognizer) SetClasses(ctx context.Context, classes []string) error {
	return r.vocabulary.SetClasses(ctx, classes)
}

// Prediction is a class with its probability.
type Prediction struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
}

// Classify returns all classes by decreasing probability for a video.
func (r *Recognizer) Classify(ctx context.Context, q *feature.Sequence) ([]Prediction, error) {
	if err := q.Check(r.adapter.Backbone().Config().Embed); err != nil {
		return nil, err
	}
	classes := r.Classes()
	embeddings, err := r.vocabulary.Embeddings(ctx, classes)
	if err != nil {
		return nil, err
	}
	features := r.eval.windows(nil, q, 0, q.Len(), r.adapter.Config().Frames, 0)
	p, err := r.adapter.Classify(ctx, features, embeddings)
	if err != nil {
		return nil, err
	}
	mean := r.examples.apply(meanRows(p, len(classes)), q, 0, q.Len(), classes)
	return likeliest(classes, mean, ranked(mean)), nil
}

// Probabilities returns the probabilities of the set's classes for each of its videos.
func (r *Recognizer) Probabilities(ctx context.Context, s *Set, e Evaluation) (out [][]float64, err error) {
	embeddings, err := r.vocabulary.Embeddings(ctx, s.Classes)
	if err != nil {
		return nil, err
	}
	err = classifier{r.adapter, embeddings, r.examples}.predict(ctx, s, e, func(_ Video, p []float64) { out = append(out, p) })
	return out, err
}
