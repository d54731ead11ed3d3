package library

import (
	"context"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// adopt adds the videos whose features were extracted elsewhere, and returns the others.
func (w *writer) adopt(ctx context.Context, todo []video.Source) (rest []video.Source, err error) {
	if w.o.Extracted == nil {
		return todo, nil
	}
	extracted, err := w.o.Extracted(ctx, todo)
	if err != nil {
		return nil, err
	}
	other := map[string]bool{}
	err = w.process(ctx, blind{w.enc}, todo, func(q *feature.Sequence) error {
		have, err := extracted(q.ID)
		if err != nil || !agree(have, q) {
			w.films.discard(q.ID)
			other[q.ID] = true
			return nil
		}
		q.Features = have.Features
		return w.add(context.WithoutCancel(ctx), q)
	})
	isOther := func(f feature.Failure) bool { return other[f.ID] }
	r := w.r
	r.Done, r.Remaining = r.Done-len(other), r.Remaining+len(other)
	r.Partial, r.Corrected = slices.DeleteFunc(r.Partial, isOther), slices.DeleteFunc(r.Corrected, isOther)
	return slices.DeleteFunc(slices.Clone(todo), func(s video.Source) bool { return !other[s.ID] }), err
}

// agree reports whether two sequences are of the same frames and recipe.
func agree(a, b *feature.Sequence) bool {
	p, q := a.Provenance, b.Provenance
	return p.SHA256 == q.SHA256 && p.Partial == q.Partial && p.Stream == q.Stream && p.Backbone == q.Backbone &&
		p.Preprocessing == q.Preprocessing && p.Sampling == q.Sampling && a.Width == b.Width && slices.Equal(a.Timestamps, b.Timestamps)
}

// blind is an encoder whose features are 0, to decode videos only.
type blind struct{ feature.Encoder }

// EncodeImages returns zeros.
func (b blind) EncodeImages(_ context.Context, rgb []byte) ([]float32, error) {
	c := b.Config()
	return make([]float32, len(rgb)/(3*c.ImageSize*c.ImageSize)*c.Embed), nil
}
