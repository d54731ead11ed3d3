package encode

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/video"
)

// Image is an encoded image.
type Image struct {
	Embedding     []float32
	Width, Height int // of the upright image
}

// Image encodes the content of an image file. Errors: those of [video.DecodeImage], [ErrBusy],
// [clip.ErrNoImage], and those of loading the model.
func (e *Encoder) Image(ctx context.Context, model string, data []byte) (i Image, err error) {
	t, release, err := e.acquire(ctx, model, clip.ImageTower)
	if err != nil {
		return i, err
	}
	defer release()
	i.Embedding, err = t.image.do(ctx, func() ([]byte, error) {
		if err := e.decoding.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer e.decoding.Release(1)
		frame, err := video.DecodeImage(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		i.Width, i.Height = frame.Width, frame.Height
		return e.square(frame, t.model.Config())
	})
	return i, err
}

var resizers = sync.Pool{New: func() any { return new(video.Resizer) }}

// square returns the pixels of an image in the model's size.
func (e *Encoder) square(f video.Frame, c clip.Config) ([]byte, error) {
	fit := c.Fit
	fit.Floor = true
	if e.o.Crop {
		fit.Squash = false
	}
	r := resizers.Get().(*video.Resizer)
	defer resizers.Put(r)
	f, err := r.Resize(f, c.ImageSize, fit)
	return slices.Clone(f.Pix), err
}

func encodeImages(m *clip.Model, images [][]byte) ([]float32, error) {
	return m.EncodeImages(context.Background(), slices.Concat(images...))
}
