package feature

import (
	"context"
	"slices"

	"github.com/clipcue/clipcue/video"
)

// Encode decodes one video and returns the features of its sampled frames, without a
// store. Of o, Force, Strict and MaxFailures are ignored. Errors are those of [Each];
// a video that cannot be decoded is a *video.Error.
func Encode(ctx context.Context, enc Encoder, path string, o Options) (*Sequence, error) {
	var q *Sequence
	o.Strict = true
	_, err := Each(ctx, enc, []video.Source{{Path: path, ID: path}}, o, func(s *Sequence) error {
		one := *s
		one.Features, one.Timestamps = slices.Clone(s.Features), slices.Clone(s.Timestamps)
		q = &one
		return nil
	})
	return q, err
}
