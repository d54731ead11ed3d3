package recognition

import (
	"errors"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/adapter"
)

// Config are the settings of training a recognizer.
type Config struct {
	adapter.TrainConfig
	ClassesPerStep int `json:"classes_per_step"` // classes a step, at most

	// Anchor is the weight of [adapter.Pass.AnchorText], to the ensemble of Templates,
	// in the loss.
	Anchor float64 `json:"anchor,omitempty"`
	// Templates are the sentences that Anchor ties classes to; nil means
	// [clip.Templates].
	AnchorTemplates []string `json:"anchor_templates,omitempty"`

	Eval Evaluation `json:"evaluation"`
}

// Evaluation says how a video is classified: the mean of the softmax over
// several windows of it.
type Evaluation struct {
	Windows int `json:"windows"`
	// Random draws windows as in training, as the authors do, instead of
	// spacing them evenly.
	RandomWindows bool   `json:"random_windows"`
	WindowSeed    uint64 `json:"window_seed"`
}

// Preset returns settings that go together, as [adapter.Preset]; the default ties the
// classes to the templates, too.
func Preset(name string) (Config, error) {
	l, err := adapter.Preset(name)
	c := Config{TrainConfig: l, ClassesPerStep: 400, Eval: Evaluation{Windows: 5}}
	if name == adapter.PresetDefault {
		c.Anchor = 1
	}
	return c, err
}

// DefaultConfig is the preset of that name.
func DefaultConfig() Config {
	c, err := Preset(adapter.PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check completes the settings and reports those that make no sense.
func (c *Config) check() error {
	switch {
	case c.ClassesPerStep < 2:
		return fmt.Errorf("classes per step must be at least 2, got %d", c.ClassesPerStep)
	case !(c.Anchor >= 0) || math.IsInf(c.Anchor, 0):
		return fmt.Errorf("weight of the anchor must be at least 0, got %v", c.Anchor)
	}
	return errors.Join(c.Eval.check(), c.TrainConfig.Check(1, "window"))
}

func (e Evaluation) check() error {
	if e.Windows < 1 {
		return fmt.Errorf("number of evaluation windows must be at least 1, got %d", e.Windows)
	}
	return nil
}
