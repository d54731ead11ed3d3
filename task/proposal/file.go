package proposal

import (
	"fmt"

	"github.com/clipcue/clipcue/train"
)

// task is the name of the task in the file of a detector.
const task = "proposals"

const metadataKey = "clipcue"

// description is the metadata of the file of a detector, which its run writes. The model
// file of a localizer contains the tensors of the detector.
type description struct {
	Task    string         `json:"task"`
	Width   int            `json:"width"` // E
	Config  Config         `json:"config"`
	Metrics map[string]any `json:"metrics,omitempty"`
}

// write writes the detector atomically; s may be nil.
func (t *Detector) write(path string, s *train.State, metrics map[string]any) error {
	return train.WriteCheckpoint(path, metadataKey, description{task, t.embed, t.config, metrics}, t.Tensors(), s)
}

// readFile reads a file that write wrote.
func readFile(path string) (*description, map[string]train.Tensor, *train.State, error) {
	d := &description{}
	named, s, err := train.ReadCheckpoint(path, metadataKey, d)
	if err == nil && d.Task != task {
		err = fmt.Errorf("%s: %w: not a proposal detector", path, train.ErrNotCheckpoint)
	}
	return d, named, s, err
}

// ReadFile reads the detector of a run.
func ReadFile(path string) (*Detector, error) {
	about, named, _, err := readFile(path)
	if err != nil {
		return nil, err
	}
	t, err := From(about.Width, about.Config, named)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
