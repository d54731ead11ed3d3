package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/train"
)

// File is a model file, which users share: learned tensors, class names with their
// finished embeddings, and everything needed to use it. A closed-set recognizer runs
// from it without the text tower.
type File struct {
	Task     string         `json:"task"` // "recognition", "localization" or "retrieval"
	Config   Config         `json:"config"`
	Backbone Backbone       `json:"backbone"`
	Classes  []string       `json:"classes"`
	Sampling string         `json:"sampling"` // of the features that it learned from
	Metrics  map[string]any `json:"metrics,omitempty"`
	// Settings of the task. Tensors may hold tensors of the task, too.
	Settings json.RawMessage `json:"settings,omitempty"`

	// Embeddings [C,E] of Classes, not normalized.
	Embeddings []float32 `json:"-"`
	// Tensors are the learned tensors by name.
	Tensors map[string]train.Tensor `json:"-"`
	// Training is the state of the run in a checkpoint; nil in a finished model.
	Training *train.State `json:"-"`
}

// Backbone identifies the backbone of an adapter.
type Backbone struct {
	Fingerprint string      `json:"fingerprint"`
	Path        string      `json:"path"` // or name, as given in training
	Config      clip.Config `json:"config"`
}

const (
	metadataKey = "clipcue"
	classesName = "classes"
)

// File returns the adapter as a model file.
func (a *Adapter) File() *File {
	f := &File{Config: a.config, Tensors: map[string]train.Tensor{},
		Backbone: Backbone{Fingerprint: a.model.Fingerprint(), Config: a.model.Config()}}
	values := a.params.Values()
	for _, p := range a.params.List {
		f.Tensors[p.Name] = train.Tensor{Shape: p.Shape, Data: values[p.Name]}
	}
	return f
}

// AddClasses adds names that the file does not have yet. The caller sets Embeddings.
func (f *File) AddClasses(names []string) {
	for _, n := range names {
		if !slices.Contains(f.Classes, n) {
			f.Classes = append(f.Classes, n)
		}
	}
}

// Write writes the file atomically.
func (f *File) Write(path string) error {
	tensors := maps.Clone(f.Tensors)
	if len(f.Classes) > 0 {
		tensors[classesName] = train.Tensor{Shape: []int{len(f.Classes), f.Backbone.Config.Embed}, Data: f.Embeddings}
	}
	return train.WriteCheckpoint(path, metadataKey, f, tensors, f.Training)
}

// ReadFile reads a model file and checks that its parts match. A file of another
// kind is an error that wraps [train.ErrNotCheckpoint].
func ReadFile(path string) (*File, error) {
	f := &File{}
	var err error
	if f.Tensors, f.Training, err = train.ReadCheckpoint(path, metadataKey, f); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// check validates a file that was read, and separates the classes' embeddings from
// the learned tensors.
func (f *File) check() error {
	size := f.Backbone.Config
	if err := size.Check(); err != nil {
		return fmt.Errorf("backbone: %w", err)
	}
	if err := f.Config.check(size.Embed, size.Context); err != nil {
		return err
	}
	if i := slices.IndexFunc(f.Classes, func(name string) bool { return !text.IsLine(name) }); i >= 0 {
		return fmt.Errorf("class %d has a name with a line break or control character: %q", i+1, f.Classes[i])
	}
	f.Embeddings = f.Tensors[classesName].Data
	delete(f.Tensors, classesName)
	if len(f.Embeddings) != len(f.Classes)*size.Embed {
		return fmt.Errorf("there are %d values of class embeddings for %d classes of width %d", len(f.Embeddings), len(f.Classes), size.Embed)
	}
	var wrong error
	tensors(f.Config, size, func(name string, shape ...int) {
		t, ok := f.Tensors[name]
		if wrong == nil && (!ok || !slices.Equal(t.Shape, shape)) {
			wrong = fmt.Errorf("tensor %q is missing or has shape %v instead of %v", name, t.Shape, shape)
		}
	})
	if wrong != nil {
		return wrong
	}
	return f.checkValues()
}

// checkValues returns an error for values that are not finite, and for a learned
// temperature out of range.
func (f *File) checkValues() error {
	for i, v := range f.Embeddings {
		if v-v != 0 {
			return fmt.Errorf("class %q has the value %v in its embedding", f.Classes[i/f.Backbone.Config.Embed], v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Tensors)) {
		for i, v := range f.Tensors[name].Data {
			if v-v != 0 { // NaN or infinite
				return fmt.Errorf("tensor %q has the value %v at %d", name, v, i)
			}
		}
	}
	if t, ok := f.Tensors[logScaleName]; ok && f.Config.LearnTemperature {
		if τ := math.Exp(-float64(t.Data[0])); !(τ >= minTemperature && τ <= maxTemperature) {
			return fmt.Errorf("tensor %q: temperature must be from %v to %v, got %v", logScaleName, minTemperature, maxTemperature, τ)
		}
	}
	return nil
}

// Adapter returns the file's adapter on a backbone. Another backbone than that of its
// training is a *[WrongBackboneError].
func (f *File) Adapter(m *clip.Model) (*Adapter, error) {
	if have, want := m.Fingerprint(), f.Backbone.Fingerprint; have != want {
		return nil, &WrongBackboneError{Have: have, Want: want, Path: f.Backbone.Path}
	}
	have, said := m.Config(), f.Backbone.Config
	if have.Embed != said.Embed || have.TextWidth != said.TextWidth || have.Context != said.Context {
		return nil, fmt.Errorf("this model file is damaged: its sizes of backbone %s are not those of that backbone", f.Backbone.Fingerprint)
	}
	return build(m, f.Config, func(name string) []float32 { return f.Tensors[name].Data }), nil
}

// Resume loads the tensors of a run's checkpoint and returns the state of training.
func (a *Adapter) Resume(path string) (*train.State, error) {
	f, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return f.Training, a.Load(f)
}

// Load replaces the tensors by those of a file, which must have the same backbone and
// configuration.
func (a *Adapter) Load(f *File) error {
	if f.Backbone.Fingerprint != a.model.Fingerprint() || f.Config != a.config {
		return fmt.Errorf("the file was made with other settings: %+v on backbone %s", f.Config, f.Backbone.Fingerprint)
	}
	values := map[string][]float32{}
	for name, t := range f.Tensors {
		values[name] = t.Data
	}
	return a.params.Set(values)
}
