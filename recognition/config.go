// Package recognition is the task of naming the action in a video: training on
// labelled videos, evaluation, prediction; closed-set, few-shot and zero-shot.
package recognition

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
)

// Config are the settings of training a recogniser.
type Config struct {
	Adapter prompt.Config `json:"adapter"`
	Train   train.Config  `json:"train"`
	Batch   int           `json:"batch"`    // windows a step
	Classes int           `json:"contrast"` // classes a step, at most
	Eval    Evaluation    `json:"evaluation"`
}

// Evaluation says how a video is classified: the mean of the softmax over
// several windows of it.
type Evaluation struct {
	Windows int `json:"windows"`
	// Random draws windows as in training, as the authors do, instead of
	// spacing them evenly.
	Random bool   `json:"random_windows"`
	Seed   uint64 `json:"window_seed"`
}

// DefaultConfig is the paper's recogniser.
func DefaultConfig() Config {
	return Config{
		Adapter: prompt.Default(),
		Train:   train.Config{Steps: 1000, Rate: 1e-4, Schedule: "constant", Decay: 0.01},
		Batch:   64, Classes: 400,
		Eval: Evaluation{Windows: 5},
	}
}

// check completes the settings and reports those that make no sense.
func (c *Config) check() error {
	switch {
	case c.Batch < 1:
		return fmt.Errorf("a batch of %d: it takes at least 1 window", c.Batch)
	case c.Classes < 2:
		return fmt.Errorf("a contrast of %d classes: it takes at least 2", c.Classes)
	case c.Eval.Windows < 1:
		return fmt.Errorf("%d evaluation windows: it takes at least 1", c.Eval.Windows)
	}
	return c.Train.Check()
}
