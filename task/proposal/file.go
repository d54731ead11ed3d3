package proposal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/train"
)

// task is how a detector's own file names its task.
const task = "proposals"

const (
	metadataKey     = "clipcue"
	optimizerPrefix = "optimizer." // of the tensors of a run's state
)

// description is what a detector's own file says of it in its metadata. A run
// writes such files; in the model file of a localizer the tensors stand beside
// others.
type description struct {
	Task     string         `json:"task"`
	Width    int            `json:"width"` // E
	Config   Config         `json:"config"`
	Metrics  map[string]any `json:"metrics,omitempty"`
	Training *train.State   `json:"training,omitempty"`
}

// write writes the detector as it stands, whole or not at all.
func (t *Detector) write(path string, s *train.State, metrics map[string]any) error {
	meta, err := json.Marshal(description{task, t.embed, t.config, metrics, s})
	if err != nil {
		return err
	}
	out := &safetensors.File{Tensors: map[string]safetensors.Tensor{}, Metadata: map[string]string{metadataKey: string(meta)}}
	for name, v := range t.Tensors() {
		out.Tensors[name] = safetensors.FromFloat32s(v.Data, v.Shape...)
	}
	if s != nil {
		for name, data := range s.Optimizer {
			out.Tensors[name] = safetensors.FromFloat32s(data, len(data))
		}
	}
	return safetensors.Write(path, out)
}

// readFile reads what write wrote.
func readFile(path string) (*description, map[string]adapter.Tensor, error) {
	in, err := safetensors.Read(path)
	if err != nil {
		return nil, nil, err
	}
	d, named, err := decode(in)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, named, nil
}

func decode(in *safetensors.File) (*description, map[string]adapter.Tensor, error) {
	d := &description{}
	if err := json.Unmarshal([]byte(in.Metadata[metadataKey]), d); err != nil || d.Task != task {
		return nil, nil, errors.New("this is no file of a proposal detector")
	}
	if d.Training != nil {
		d.Training.Optimizer = map[string][]float32{}
	}
	named := map[string]adapter.Tensor{}
	for name, t := range in.Tensors {
		data, err := t.Float32s()
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if d.Training != nil && strings.HasPrefix(name, optimizerPrefix) {
			d.Training.Optimizer[name] = data
		} else {
			named[name] = adapter.Tensor{Shape: t.Shape, Data: data}
		}
	}
	return d, named, nil
}

// ReadFile reads a detector that a run wrote. It computes on d as with [New].
func ReadFile(d compute.Device, path string) (*Detector, error) {
	about, named, err := readFile(path)
	if err != nil {
		return nil, err
	}
	t, err := From(d, about.Width, about.Config, named)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
