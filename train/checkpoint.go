package train

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// Tensor is a named array in a model file, row-major.
type Tensor struct {
	Shape []int
	Data  []float32
}

const (
	stateKey = "training" // the metadata key of a State
	// Names of the optimizer's tensors in a checkpoint start with this.
	optimizerPrefix = "optimizer."
)

// WriteCheckpoint writes tensors to one safetensors file, atomically. The
// description is stored as JSON under a metadata key. The state of training is
// stored in the same file unless it is nil, as in a finished model.
func WriteCheckpoint(path, key string, description any, tensors map[string]Tensor, s *State) error {
	about, err := json.Marshal(description)
	if err != nil {
		return err
	}
	out := &safetensors.File{Tensors: map[string]safetensors.Tensor{}, Metadata: map[string]string{key: string(about)}}
	for name, t := range tensors {
		n := 1
		for _, s := range t.Shape {
			n *= s
		}
		if n != len(t.Data) {
			return fmt.Errorf("%s: tensor %q has %d values for shape %v", path, name, len(t.Data), t.Shape)
		}
		out.Tensors[name] = safetensors.FromFloat32s(t.Data, t.Shape...)
	}
	if s != nil {
		state, err := json.Marshal(s)
		if err != nil {
			return err
		}
		out.Metadata[stateKey] = string(state)
		for name, data := range s.Optimizer {
			out.Tensors[name] = safetensors.FromFloat32s(data, len(data))
		}
	}
	return safetensors.Write(path, out)
}

// ReadCheckpoint reads what [WriteCheckpoint] wrote into description, a pointer. The
// state is nil for a finished model. A file without the metadata key is an error that
// wraps [ErrNotCheckpoint]. Errors name the path.
func ReadCheckpoint(path, key string, description any) (map[string]Tensor, *State, error) {
	in, err := safetensors.Read(path)
	if err != nil {
		return nil, nil, err
	}
	tensors, s, err := decode(in, key, description)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, s, nil
}

func decode(in *safetensors.File, key string, description any) (map[string]Tensor, *State, error) {
	about, ok := in.Metadata[key]
	if !ok {
		return nil, nil, ErrNotCheckpoint
	}
	if err := json.Unmarshal([]byte(about), description); err != nil {
		return nil, nil, fmt.Errorf("description: %w", err)
	}
	var s *State
	if text, ok := in.Metadata[stateKey]; ok {
		s = &State{Optimizer: map[string][]float32{}}
		if err := json.Unmarshal([]byte(text), s); err != nil {
			return nil, nil, fmt.Errorf("state of training: %w", err)
		}
	}
	tensors := map[string]Tensor{}
	for name, t := range in.Tensors {
		data, err := t.Float32s()
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if s != nil && strings.HasPrefix(name, optimizerPrefix) {
			s.Optimizer[name] = data
		} else {
			tensors[name] = Tensor{t.Shape, data}
		}
	}
	return tensors, s, nil
}
