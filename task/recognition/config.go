package recognition

import (
	"errors"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/adapter"
)

// Config holds the settings for training a recognizer.
type Config struct {
	adapter.TrainConfig
	ClassesPerStep int `json:"classes_per_step"` // maximum classes per step

	// Anchor is the weight in the loss of [adapter.Pass.AnchorText], the distance of the
	// class embeddings from the ensemble of AnchorTemplates.
	Anchor float64 `json:"anchor,omitempty"`
	// AnchorTemplates are the templates of Anchor; nil means [clip.Templates].
	AnchorTemplates []string `json:"anchor_templates,omitempty"`

	// MotionShots is the number of training videos per class up to which their motions are
	// kept in the model, as examples that new videos are compared with; 0 means never.
	MotionShots int `json:"motion_shots,omitempty"`

	Eval Evaluation `json:"evaluation"`
}

// Evaluation holds the settings for classifying a video: the probabilities are the mean
// over several windows.
type Evaluation struct {
	// Windows is their number; they are spread evenly over the video.
	Windows int `json:"windows"`
	// RandomWindows draws windows as in training, as the authors do, instead of
	// spacing them evenly.
	RandomWindows bool   `json:"random_windows"`
	WindowSeed    uint64 `json:"window_seed"`
}

// Preset returns the settings of a preset of [adapter.Preset]. The default preset also
// sets Anchor and MotionShots.
func Preset(name string) (Config, error) {
	l, err := adapter.Preset(name)
	c := Config{TrainConfig: l, ClassesPerStep: 400, Eval: Evaluation{Windows: 5}}
	if name == adapter.PresetDefault {
		c.Anchor, c.MotionShots = 1, 16
	}
	return c, err
}

// DefaultConfig returns the settings of [adapter.PresetDefault].
func DefaultConfig() Config {
	c, err := Preset(adapter.PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check fills in defaults and returns an error for invalid settings.
func (c *Config) check() error {
	switch {
	case c.ClassesPerStep < 2:
		return fmt.Errorf("classes per step must be at least 2, got %d", c.ClassesPerStep)
	case c.MotionShots < 0:
		return fmt.Errorf("number of shots with motion must be at least 0, got %d", c.MotionShots)
	case !(c.Anchor >= 0) || math.IsInf(c.Anchor, 0):
		return fmt.Errorf("weight of the anchor must be at least 0, got %v", c.Anchor)
	}
	return errors.Join(c.Eval.check(), c.TrainConfig.Check(1, "windows"))
}

func (e Evaluation) check() error {
	if e.Windows < 1 {
		return fmt.Errorf("number of evaluation windows must be at least 1, got %d", e.Windows)
	}
	return nil
}
