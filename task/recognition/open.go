package recognition

import (
	"context"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/feature"
)

// Open opens a run folder or a model file together with its backbone. Errors are those
// of [adapter.OpenRun], and *[adapter.WrongTaskError].
func Open(ctx context.Context, run string, o adapter.OpenOptions) (*Recognizer, error) {
	_, r, err := adapter.OpenModel(ctx, run, o, New)
	return r, err
}

// ClassifyVideo decodes a video file, sampled as in training, and returns its classes
// by decreasing probability. A file that cannot be decoded is a *video.Error.
func (r *Recognizer) ClassifyVideo(ctx context.Context, path string) ([]Prediction, error) {
	sampling, err := r.sampling()
	if err != nil {
		return nil, err
	}
	q, err := feature.Encode(ctx, r.adapter.Backbone(), path, feature.Options{Sampling: sampling})
	if err != nil {
		return nil, err
	}
	return r.Classify(ctx, q)
}
