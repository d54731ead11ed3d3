package recognition

import (
	"context"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/vocabulary"
	"github.com/clipcue/clipcue/video"
)

// Recognizer names the actions in videos: one that was trained, or CLIP by
// itself with hand-written templates.
type Recognizer struct {
	adapter    *adapter.Adapter
	vocabulary *vocabulary.Vocabulary
	eval       Evaluation
	sampling   func() (video.Sampling, error) // of videos, as in training
}

// New makes a recognizer from a model file and its backbone, over the classes
// that the file knows.
func New(f *adapter.File, m *clip.Model) (*Recognizer, error) {
	if f.Task != Task {
		return nil, &adapter.WrongTaskError{Have: f.Task, Want: Task}
	}
	a, err := f.Adapter(m)
	if err != nil {
		return nil, err
	}
	return &Recognizer{adapter: a, vocabulary: vocabulary.FromFile(f, m, a.EncodeClasses),
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

// SetTemporalScale sets how much of the temporal Transformer's residual counts: 1,
// as it was trained, down to 0 for prompts alone. A model without a residual has
// no scale.
func (r *Recognizer) SetTemporalScale(s float64) error { return r.adapter.SetTemporalScale(s) }

// Classes returns the names that the recognizer chooses from.
func (r *Recognizer) Classes() []string { return r.vocabulary.Classes() }

// Frames is how many frames a window of the recognizer has.
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

// Classify returns the classes of a video by falling probability.
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
	mean := meanRows(p, len(classes))
	return likeliest(classes, mean, ranked(mean)), nil
}
