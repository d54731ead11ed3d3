package localization

import (
	"context"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/feature"
)

// Open opens a run folder or a model file together with its backbone. Errors are those
// of [adapter.OpenRun], and *[adapter.WrongTaskError].
func Open(ctx context.Context, run string, o adapter.OpenOptions) (*Localizer, error) {
	_, l, err := adapter.OpenModel(ctx, run, o, New)
	return l, err
}

// LocalizeVideo decodes a video file, sampled as in training, and returns what happens in
// it and when, by decreasing score. A file that cannot be decoded is a *video.Error.
func (l *Localizer) LocalizeVideo(ctx context.Context, path string) ([]Detection, error) {
	sampling, err := l.sampling()
	if err != nil {
		return nil, err
	}
	q, err := feature.Encode(ctx, l.adapter.Backbone(), path, feature.Options{Sampling: sampling})
	if err != nil {
		return nil, err
	}
	return l.Localize(ctx, q)
}
