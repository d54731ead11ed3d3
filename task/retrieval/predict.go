package retrieval

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/fingerprint"
	"github.com/clipcue/clipcue/train"
)

// Retriever embeds texts and videos in one space, in which matching ones are close: either
// with a trained model or with the backbone alone. Several goroutines may use it; they take
// turns.
type Retriever struct {
	model       *clip.Model
	adapter     *adapter.Adapter // nil for the backbone alone
	fingerprint string
}

// New returns a retriever of a model file and its backbone.
func New(f *adapter.File, m *clip.Model) (*Retriever, error) {
	if f.Task != Task {
		return nil, &adapter.WrongTaskError{Have: f.Task, Want: Task}
	}
	a, err := f.Adapter(m)
	if err != nil {
		return nil, err
	}
	sum, _, err := fingerprint.Of(f.Config, f.Tensors, func(t train.Tensor) ([]float32, error) { return t.Data, nil })
	if err != nil {
		return nil, err
	}
	return &Retriever{m, a, m.Fingerprint() + "+" + sum}, nil
}

// Baseline returns a retriever that is the backbone alone, without any training:
// text embeddings of the text tower, and the mean of a video's frame features.
func Baseline(m *clip.Model) *Retriever { return &Retriever{model: m, fingerprint: m.Fingerprint()} }

// Backbone returns the backbone of the retriever.
func (r *Retriever) Backbone() *clip.Model { return r.model }

// Fingerprint identifies the backbone together with the trained tensors. Embeddings with the
// same fingerprint can be compared.
func (r *Retriever) Fingerprint() string { return r.fingerprint }

// EncodeTexts returns the embeddings [n,E] of texts, of unit length. Texts longer than the context
// of the model are truncated. The backbone needs its text tower.
func (r *Retriever) EncodeTexts(ctx context.Context, sentences []string) ([]float32, error) {
	embeddings, _, err := r.texts(ctx, sentences)
	return embeddings, err
}

// texts is Texts with the number of truncated texts.
func (r *Retriever) texts(ctx context.Context, sentences []string) (embeddings []float32, cut int, err error) {
	if r.adapter != nil {
		embeddings, cut, err = r.adapter.EncodeTexts(ctx, sentences)
	} else {
		embeddings, cut, err = r.plain(ctx, sentences)
	}
	clip.Normalize(embeddings, r.model.Config().Embed)
	return embeddings, cut, err
}

// plain encodes texts with the backbone alone.
func (r *Retriever) plain(ctx context.Context, sentences []string) (embeddings []float32, cut int, err error) {
	tok := r.model.Tokenizer()
	if tok == nil {
		return nil, 0, clip.ErrNoTower
	}
	if len(sentences) == 0 {
		return nil, 0, errors.New("no texts were given")
	}
	start, end := tok.Marks()
	for i, s := range sentences {
		switch n := len(tok.Encode(s)); {
		case n == 0:
			return nil, 0, fmt.Errorf("text %d, %q, has no tokens", i+1, s)
		case n+len(start)+len(end) > r.model.Config().Context:
			cut++
		}
	}
	embeddings, err = r.model.EncodeTexts(ctx, sentences, true)
	return embeddings, cut, err
}

// EncodeVideo returns the embedding [E], of unit length, of the frames of a video from start to
// end seconds; an end of 0 is the end of the video.
func (r *Retriever) EncodeVideo(ctx context.Context, q *feature.Sequence, start, end float64) ([]float32, error) {
	if err := q.Check(r.model.Config().Embed); err != nil {
		return nil, err
	}
	from, to := q.Span(start, end)
	if from == to {
		return nil, fmt.Errorf("%s: no frames between %g s and %g s", q.ID, start, end)
	}
	return r.videos(ctx, r.window(nil, q, from, to))
}

// window appends the input of videos for the rows from ≤ i < to: [T,E], or their mean [E]
// without an adapter.
func (r *Retriever) window(dst []float32, q *feature.Sequence, from, to int) []float32 {
	if r.adapter != nil {
		return spread(dst, q, from, to, r.adapter.Config().Frames, nil)
	}
	mean := make([]float64, q.Width)
	for i := from; i < to; i++ {
		for j, v := range q.Row(i) {
			mean[j] += float64(v)
		}
	}
	for _, v := range mean {
		dst = append(dst, float32(v/float64(to-from)))
	}
	return dst
}

// videos returns the embeddings of windows, of unit length.
func (r *Retriever) videos(ctx context.Context, windows []float32) (embeddings []float32, err error) {
	if r.adapter == nil {
		embeddings = windows
	} else if embeddings, err = r.adapter.EncodeVideos(ctx, windows); err != nil {
		return nil, err
	}
	clip.Normalize(embeddings, r.model.Config().Embed)
	return embeddings, nil
}

// Reads reports whether the backbone may have learned the language of a text, as [clip.Model.Reads]
// does.
func (r *Retriever) Reads(text string) bool { return r.model.Reads(text) }

// Temperature returns the temperature that turns similarities into probabilities.
func (r *Retriever) Temperature() float64 {
	if r.adapter != nil {
		return r.adapter.Temperature()
	}
	return 1 / float64(r.model.LogitScale())
}

// SetTemporalScale scales the residual of the temporal Transformer, from 1, as trained, to
// 0, prompts alone. A retriever without a residual is an error. The scale becomes part of
// the fingerprint.
func (r *Retriever) SetTemporalScale(s float64) error {
	if r.adapter == nil {
		return fmt.Errorf("the baseline has no residual to scale by %v", s)
	}
	if err := r.adapter.SetTemporalScale(s); err != nil {
		return err
	}
	r.fingerprint = fmt.Sprintf("%s*%g", r.fingerprint, s)
	return nil
}

// spread appends t of the rows from ≤ i < to, one from each of t equal parts: the middle
// one, or a random one if rng is not nil (Wang et al., ECCV 2016). A caption describes the
// whole video, so the frames cover all of it.
func spread(dst []float32, q *feature.Sequence, from, to, t int, rng *rand.Rand) []float32 {
	n := to - from
	for i := range t {
		at := 0.5
		if rng != nil {
			at = rng.Float64()
		}
		dst = append(dst, q.Row(from+min(int((float64(i)+at)*float64(n)/float64(t)), n-1))...)
	}
	return dst
}
