package recognition

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Recognizer names the actions in videos: one that was trained, or CLIP by
// itself with hand-written templates.
type Recognizer struct {
	adapter   *adapter.Adapter
	classes   []string
	known     map[string][]float32 // finished embeddings [E] by name
	templates []string             // instead of prompt vectors, for zero-shot
	eval      Evaluation
	sampling  func() (video.Sampling, error) // of videos, as in training
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
	r := &Recognizer{adapter: a, classes: f.Classes, sampling: f.VideoSampling, known: map[string][]float32{}, eval: Evaluation{Windows: 5}}
	e := m.Config().Embed
	for i, c := range f.Classes {
		r.known[c] = f.Embeddings[i*e : (i+1)*e]
	}
	return r, nil
}

// Baseline returns a recognizer that is the backbone alone, without any training: it
// compares class names in hand-written templates with the mean of the frame features.
// Without templates it uses the first of [clip.Templates].
func Baseline(m *clip.Model, classes, templates []string) (*Recognizer, error) {
	c := adapter.Config{Frames: adapter.DefaultConfig().Frames, Temperature: 1 / float64(m.LogitScale())}
	a, err := adapter.New(m, c, 0)
	if err != nil {
		return nil, err
	}
	if len(templates) == 0 {
		templates = clip.Templates[:1]
	}
	r := &Recognizer{adapter: a, templates: templates, known: map[string][]float32{}, eval: Evaluation{Windows: 5}}
	return r, r.SetClasses(classes)
}

// SetTemporalScale sets how much of the temporal Transformer's residual counts: 1,
// as it was trained, down to 0 for prompts alone. A model without a residual has
// no scale.
func (r *Recognizer) SetTemporalScale(s float64) error { return r.adapter.SetTemporalScale(s) }

// Classes are the names that the recognizer tells apart.
func (r *Recognizer) Classes() []string { return r.classes }

// Frames is how many frames a window of the recognizer has.
func (r *Recognizer) Frames() int { return r.adapter.Config().Frames }

// SetClasses replaces them; unseen names are encoded by the text tower.
func (r *Recognizer) SetClasses(classes []string) error {
	if len(classes) == 0 {
		return errors.New("no class names were given")
	}
	if _, err := r.embeddings(classes); err != nil {
		return err
	}
	r.classes = classes
	return nil
}

// embeddings returns the embeddings [C,E] of class names.
func (r *Recognizer) embeddings(classes []string) ([]float32, error) {
	var unseen []string
	for _, c := range classes {
		if r.known[c] == nil {
			unseen = append(unseen, c)
		}
	}
	m := r.adapter.Backbone()
	e := m.Config().Embed
	if len(unseen) > 0 {
		if !m.Has(clip.Text) {
			return nil, &adapter.UnknownClassError{Class: unseen[0]}
		}
		f, err := r.encode(unseen)
		if err != nil {
			return nil, err
		}
		for i, c := range unseen {
			r.known[c] = f[i*e : (i+1)*e]
		}
	}
	var out []float32
	for _, c := range classes {
		out = append(out, r.known[c]...)
	}
	return out, nil
}

func (r *Recognizer) encode(names []string) ([]float32, error) {
	if r.templates != nil {
		return r.adapter.Backbone().EncodeClasses(names, r.templates, false)
	}
	return r.adapter.EncodeClasses(names)
}

// Prediction is a class with its probability.
type Prediction struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
}

// Classify returns the classes of a video by falling probability.
func (r *Recognizer) Classify(q *feature.Sequence) ([]Prediction, error) {
	if q.Width != r.adapter.Backbone().Config().Embed {
		return nil, fmt.Errorf("%s: features of width %d do not come from this backbone", q.ID, q.Width)
	}
	embeddings, err := r.embeddings(r.classes)
	if err != nil {
		return nil, err
	}
	features := r.eval.windows(nil, q, 0, q.Len(), r.adapter.Config().Frames, 0)
	p, err := r.adapter.Classify(features, embeddings)
	if err != nil {
		return nil, err
	}
	mean := meanRows(p, len(r.classes))
	return likeliest(r.classes, mean, ranked(mean)), nil
}
