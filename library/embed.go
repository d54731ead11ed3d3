package library

import (
	"context"
	"fmt"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// EmbedImage returns the embedding of an image file for [Library.SearchEmbedding].
func EmbedImage(ctx context.Context, enc feature.Encoder, e Embedder, path string) ([]float32, error) {
	frame, err := video.ReadImage(path)
	if err != nil {
		return nil, err
	}
	var r video.Resizer
	if frame, err = r.Resize(frame, enc.Config().ImageSize, enc.Config().Fit); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	y, err := enc.EncodeImages(ctx, frame.Pix)
	if err != nil {
		return nil, err
	}
	return e.EncodeVideo(ctx, &feature.Sequence{ID: path, Width: enc.Config().Embed, Features: y, Timestamps: []float64{0}}, 0, 0)
}

// EmbedVideo returns one embedding of a whole short video for [Library.SearchEmbedding].
// It must be sampled like the videos of the library.
func EmbedVideo(ctx context.Context, enc feature.Encoder, e Embedder, path string, o feature.Options) (embedding []float32, err error) {
	q, err := feature.Encode(ctx, enc, path, o)
	if err != nil {
		return nil, err
	}
	return e.EncodeVideo(ctx, q, 0, 0)
}
