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

// Retriever embeds sentences and videos in one space, in which what belongs
// together lies together: one that was trained, or CLIP by itself. It may be used
// by several goroutines, which take turns.
type Retriever struct {
	model       *clip.Model
	adapter     *adapter.Adapter // nil for CLIP by itself
	fingerprint string
}

// New makes a retriever from a model file and its backbone.
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

// Backbone is the model that the retriever stands on.
func (r *Retriever) Backbone() *clip.Model { return r.model }

// Fingerprint identifies the backbone and what was learned on it together:
// embeddings of one fingerprint can be compared.
func (r *Retriever) Fingerprint() string { return r.fingerprint }

// Texts returns the embeddings [n,E] of sentences, of unit length. What does not
// fit into the model's context is cut off. The backbone needs its text tower.
func (r *Retriever) Texts(ctx context.Context, sentences []string) ([]float32, error) {
	embeddings, _, err := r.texts(ctx, sentences)
	return embeddings, err
}

// texts is Texts with the number of sentences that were cut.
func (r *Retriever) texts(ctx context.Context, sentences []string) (embeddings []float32, cut int, err error) {
	if r.adapter != nil {
		embeddings, cut, err = r.adapter.EncodeTexts(ctx, sentences)
	} else {
		embeddings, cut, err = r.plain(ctx, sentences)
	}
	clip.Normalize(embeddings, r.model.Config().Embed)
	return embeddings, cut, err
}

// plain is the backbone's own encoding.
func (r *Retriever) plain(ctx context.Context, sentences []string) (embeddings []float32, cut int, err error) {
	tok := r.model.Tokenizer()
	if tok == nil {
		return nil, 0, clip.ErrNoTower
	}
	if len(sentences) == 0 {
		return nil, 0, errors.New("no texts were given")
	}
	for i, s := range sentences {
		switch n := len(tok.Encode(s)); {
		case n == 0:
			return nil, 0, fmt.Errorf("text %d, %q, has no tokens", i+1, s)
		case n+2 > r.model.Config().Context:
			cut++
		}
	}
	embeddings, err = r.model.EncodeTexts(ctx, sentences, true)
	return embeddings, cut, err
}

// Video returns the embedding [E], of unit length, of the frames of a video from
// start to end seconds; an end of 0 is the video's.
func (r *Retriever) Video(ctx context.Context, q *feature.Sequence, start, end float64) ([]float32, error) {
	if err := q.Check(r.model.Config().Embed); err != nil {
		return nil, err
	}
	from, to := q.Span(start, end)
	if from == to {
		return nil, fmt.Errorf("%s: no frames between %g s and %g s", q.ID, start, end)
	}
	return r.videos(ctx, r.window(nil, q, from, to))
}

// window appends what videos takes of the rows from ≤ i < to: [T,E], or for CLIP by
// itself their mean [E].
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

// Temperature is that of the probabilities of similarities.
func (r *Retriever) Temperature() float64 {
	if r.adapter != nil {
		return r.adapter.Temperature()
	}
	return 1 / float64(r.model.LogitScale())
}

// SetTemporalScale sets how much of the temporal Transformer's residual counts: 1,
// as it was trained, down to 0 for prompts alone. Only a trained retriever with a
// residual has a scale. It becomes part of the fingerprint.
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

// spread appends t of the rows from ≤ i < to, one of each of t equal parts of them:
// the one in its middle, or if rng is not nil a random one (Wang et al., ECCV
// 2016). A caption tells of a video as a whole, so the frames are of all of it.
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
