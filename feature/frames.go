package feature

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/internal/text"
)

// frames collects the frames of one video from the rows of a table.
type frames struct {
	video    *string
	features []float32
	width    int
	n        int
	times    []float64

	columns frameColumns // of the first line
	row     []float32    // of the last line
}

var errNoFrames = errors.New("it has no frames")

// add adds a frame.
func (t *frames) add(vector []float32) error {
	switch {
	case t.n == 0 && len(vector) == 0:
		return errNoFrames
	case t.n == 0:
		t.width = len(vector)
	case len(vector) != t.width:
		return fmt.Errorf("frame %d has %d numbers, and frame 0 has %d", t.n, len(vector), t.width)
	}
	t.features = append(t.features, vector...)
	t.n++
	return nil
}

// of checks that a frame is of the same video as the others.
func (t *frames) of(video string) error {
	if t.video == nil {
		t.video = &video
	}
	if *t.video != video {
		return fmt.Errorf("it has frames of several videos: %s and %s", text.Quote(*t.video), text.Quote(video))
	}
	return nil
}

// arrays returns what was collected.
func (t *frames) arrays() (arrays, error) {
	if t.n == 0 {
		return arrays{}, errNoFrames
	}
	for i, x := range t.times {
		if x-x != 0 {
			return arrays{}, fmt.Errorf("the timestamp of frame %d is not finite", i)
		}
	}
	return arrays{safetensors.ViewFloat32s(t.features, t.n, t.width), t.times, nil}, nil
}
