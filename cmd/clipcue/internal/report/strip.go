package report

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"strings"
	"time"

	"github.com/clipcue/clipcue/video"
)

// Strip is a few frames of a video, with its label and predictions.
type Strip struct {
	Title       string
	Label       string // what it is, "" if that is not known
	Note        string // such as why there are no frames
	Frames      []Frame
	Predictions []Prediction // by falling score
}

// Frame is a JPEG or PNG image and its time in the video in seconds.
type Frame struct {
	Time    float64
	Picture []byte
}

// Prediction is a class with its probability.
type Prediction struct {
	Label string
	Score float64
}

// Verdict returns "right" or "wrong", or "" if the label or the prediction is unknown.
func (s Strip) Verdict() string {
	switch {
	case s.Label == "" || len(s.Predictions) == 0:
		return ""
	case s.Predictions[0].Label == s.Label:
		return "right"
	}
	return "wrong"
}

const (
	stripFrames = 8
	frameSide   = 96       // pixels
	stripBytes  = 24 << 10 // of a strip's pictures, so that a report with twelve stays small
)

// The time limit of decoding. Tests, which count frames, set a longer one.
var (
	decodeLimit = 10 * time.Second // of a video
	stripsLimit = time.Minute      // of a report's videos together
)

// Frames decodes a few frames, evenly spaced from start to end in seconds (0 is the end
// of the video), as small squares: the center crop, as the backbone sees it. zero is
// the stream's time at which players show 0:00.
func Frames(ctx context.Context, path string, start, end, zero float64) ([]Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, decodeLimit)
	defer cancel()
	return frames(ctx, path, stripFrames, start, end, zero)
}

func frames(ctx context.Context, path string, n int, start, end, zero float64) ([]Frame, error) {
	o := video.Options{Sampling: video.Count(n), Size: frameSide}
	if start > 0 {
		o.Start = start + zero
	}
	if end > 0 {
		o.End = end + zero
	}
	var out []Frame
	var pictures []image.Image
	last := -1
	for f, err := range video.Frames(ctx, path, o) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return nil, errors.New("decoding takes too long")
		case err != nil:
			return nil, err
		case f.Index == last: // a video of fewer frames repeats them
			continue
		}
		last = f.Index
		out = append(out, Frame{Time: f.Time - zero})
		pictures = append(pictures, picture(f))
	}
	return out, encode(out, pictures)
}

func picture(f video.Frame) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for i := range f.Width * f.Height {
		copy(m.Pix[4*i:], f.Pix[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	return m
}

// encode compresses images to fit the size limit of a strip.
func encode(frames []Frame, pictures []image.Image) error {
	for _, quality := range []int{85, 70, 50, 30, 10} {
		sum := 0
		for i, m := range pictures {
			var b bytes.Buffer
			if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
				return err
			}
			frames[i].Picture = b.Bytes()
			sum += b.Len()
		}
		if sum <= stripBytes {
			break
		}
	}
	return nil
}

// reason returns an error about a file without the file's name, which the page shows
// already.
func reason(path string, err error) string {
	return strings.TrimPrefix(err.Error(), path+": ")
}
