package feature

import (
	"context"
	"errors"
	"slices"

	"github.com/clipcue/clipcue/video"
)

// Encode returns the features of the sampled frames of one video, without a store. Of
// o, Force, Strict and MaxFailures are ignored. Errors are those of [ExtractFunc];
// a video that cannot be decoded is a *video.Error.
func Encode(ctx context.Context, enc Encoder, path string, o Options) (*Sequence, error) {
	var q *Sequence
	o.Strict = true
	_, err := ExtractFunc(ctx, enc, []video.Source{{Path: path, ID: path}}, o, func(s *Sequence) error {
		one := *s
		one.Features, one.Timestamps = slices.Clone(s.Features), slices.Clone(s.Timestamps)
		q = &one
		return nil
	})
	if fault, ok := errors.AsType[*video.Error](err); ok {
		err = fault
	}
	return q, err
}
