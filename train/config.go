// Package train is the loop that every learning task shares: steps, learning
// rate, checkpoints, resuming, the record of a run.
//
// A run is a folder: config.json (everything resolved), metrics.jsonl,
// last.safetensors (with the optimizer's state) and best.safetensors. Whatever
// is random in a step follows from the seed and the step's number, so a run that
// was killed goes on, from its last checkpoint, to bitwise the same result.
package train

import (
	"errors"
	"fmt"
	"math"
)

// Config are the settings of the loop.
type Config struct {
	Steps    int     `json:"steps"`
	Rate     float64 `json:"lr"`
	Schedule string  `json:"schedule"` // "constant" or "cosine"
	Warmup   int     `json:"warmup"`   // steps over which the rate rises to lr
	Decay    float64 `json:"weight_decay"`
	ClipNorm float64 `json:"clip_norm"` // largest norm of the gradient, 0 for no limit
	// Average is the decay of the weights' exponential moving average, which is
	// evaluated and written in place of the weights; 0 for none.
	Average   float64 `json:"average,omitempty"`
	Seed      uint64  `json:"seed"`
	EvalEvery int     `json:"eval_every"` // steps; 0: ten times a run
	SaveEvery int     `json:"save_every"` // steps; 0: twenty times a run
	// Beta2 and Eps are AdamW's; 0 means PyTorch's defaults, 0.999 and 1e-8.
	Beta2 float64 `json:"beta2,omitempty"`
	Eps   float64 `json:"eps,omitempty"`
}

// schedules give the learning rate as a share of lr, from the share of the run
// that is done.
var schedules = map[string]func(done float64) float64{
	"constant": func(float64) float64 { return 1 },
	// Down to a hundredth, as the authors set it.
	"cosine": func(done float64) float64 { return 0.01 + 0.99*(1+math.Cos(math.Pi*done))/2 },
}

// Check completes the settings and reports those that make no sense.
func (c *Config) Check() error {
	if c.Schedule == "" {
		c.Schedule = "constant"
	}
	if c.EvalEvery == 0 {
		c.EvalEvery = max(1, c.Steps/10)
	}
	if c.SaveEvery == 0 {
		c.SaveEvery = max(1, c.Steps/20)
	}
	switch {
	case c.Steps < 1:
		return fmt.Errorf("%d steps: a run needs at least 1", c.Steps)
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("learning rate %v is not above 0", c.Rate)
	case schedules[c.Schedule] == nil:
		return fmt.Errorf("schedule %q is not known: it is constant or cosine", c.Schedule)
	case c.Warmup < 0 || c.EvalEvery < 0 || c.SaveEvery < 0:
		return errors.New("a number of steps is below 0")
	case !(c.Decay >= 0) || !(c.ClipNorm >= 0):
		return errors.New("weight decay and the gradient's limit cannot be below 0")
	case !(c.Beta2 >= 0 && c.Beta2 < 1) || !(c.Eps >= 0):
		return fmt.Errorf("beta2 %v and eps %v: beta2 is in 0..1, and eps not below 0", c.Beta2, c.Eps)
	case !(c.Average >= 0 && c.Average < 1):
		return fmt.Errorf("weights averaged with decay %v: it takes 0 or more, and less than 1", c.Average)
	}
	return nil
}

// rate is the learning rate of a step, counted from 0.
func (c Config) rate(step int) float64 {
	r := c.Rate * schedules[c.Schedule](float64(step)/float64(c.Steps))
	if step < c.Warmup {
		r *= float64(step+1) / float64(c.Warmup)
	}
	return r
}
