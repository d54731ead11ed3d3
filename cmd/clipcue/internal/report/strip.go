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

// Strip is a video in a few frames, with what was said of it.
type Strip struct {
	Title       string
	Label       string // what it is, "" if that is not known
	Note        string // such as why there are no frames
	Frames      []Frame
	Predictions []Prediction // by falling score
}

// Frame is a picture, JPEG or PNG, and its time in the video in seconds.
type Frame struct {
	Time    float64
	Picture []byte
}

// Prediction is a class with its probability.
type Prediction struct {
	Label string
	Score float64
}

// Verdict is "right" or "wrong", or nothing if either side is not known.
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

// How long decoding may take. Tests, which count pictures, have more time.
var (
	decodeLimit = 10 * time.Second // of a video
	stripsLimit = time.Minute      // of a report's videos together
)

// Frames decodes a few frames, evenly over the part of a video from start to end
// seconds (an end of 0 is the video's), as small squares: the middle of the
// picture, as the backbone sees it. zero is the stream's time at which players
// show 0:00.
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
			return nil, errors.New("decoding it takes too long")
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

// encode compresses pictures as well as the room for a strip allows.
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

// reason is an error about a file without the file's name, which stands beside
// it already.
func reason(path string, err error) string {
	return strings.TrimPrefix(err.Error(), path+": ")
}
