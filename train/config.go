// Package train holds what all training runs share: the settings of the loop, the
// files of a run folder, checkpoints, and the errors of a run. The tasks below
// task/ do the training.
//
// A run is a folder: config.json (all settings), metrics.jsonl, last.safetensors
// (with the optimizer's state) and best.safetensors. All randomness in a step
// follows from the seed and the step's number. An interrupted run therefore resumes
// from its last checkpoint to bitwise the same result.
package train

import (
	"errors"
	"fmt"
	"math"
)

// Config holds the settings of the training loop.
type Config struct {
	Steps        int     `json:"steps"`
	LearningRate float64 `json:"learning_rate"`
	Schedule     string  `json:"schedule"` // "constant" (default) or "cosine"
	Warmup       int     `json:"warmup"`   // steps of linear warm-up to LearningRate
	WeightDecay  float64 `json:"weight_decay"`
	ClipNorm     float64 `json:"clip_norm"` // maximum norm of the gradient; 0: no limit
	// EMADecay is the decay of the exponential moving average of the weights. The
	// average is evaluated and written instead of the weights. 0: no average.
	EMADecay  float64 `json:"ema_decay,omitempty"`
	Seed      uint64  `json:"seed"`
	EvalEvery int     `json:"eval_every"` // steps; 0: ten evaluations per run
	SaveEvery int     `json:"save_every"` // steps; 0: twenty checkpoints per run
	// Beta2 and Eps are AdamW's; 0 means PyTorch's defaults, 0.999 and 1e-8.
	Beta2 float64 `json:"beta2,omitempty"`
	Eps   float64 `json:"eps,omitempty"`
}

// schedules return the factor of the learning rate for the completed share of the run.
var schedules = map[string]func(done float64) float64{
	"constant": func(float64) float64 { return 1 },
	// Down to a hundredth, as the authors set it.
	"cosine": func(done float64) float64 { return 0.01 + 0.99*(1+math.Cos(math.Pi*done))/2 },
}

// Check fills in defaults and returns an error for an invalid setting.
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
		return fmt.Errorf("number of steps must be at least 1, got %d", c.Steps)
	case !(c.LearningRate > 0) || math.IsInf(c.LearningRate, 0):
		return fmt.Errorf("learning rate must be positive, got %v", c.LearningRate)
	case schedules[c.Schedule] == nil:
		return fmt.Errorf("unknown schedule %q; available: constant, cosine", c.Schedule)
	case c.Warmup < 0 || c.EvalEvery < 0 || c.SaveEvery < 0:
		return errors.New("warm-up, evaluation and checkpoint intervals must not be negative")
	case !(c.WeightDecay >= 0) || !(c.ClipNorm >= 0) || math.IsInf(c.WeightDecay, 0) || math.IsInf(c.ClipNorm, 0):
		return fmt.Errorf("weight decay and gradient norm limit must be finite and not negative, got %v and %v", c.WeightDecay, c.ClipNorm)
	case !(c.Beta2 >= 0 && c.Beta2 < 1) || !(c.Eps >= 0) || math.IsInf(c.Eps, 0):
		return fmt.Errorf("beta2 must be in [0, 1) and eps must not be negative, got %v and %v", c.Beta2, c.Eps)
	case !(c.EMADecay >= 0 && c.EMADecay < 1):
		return fmt.Errorf("EMA decay must be in [0, 1), got %v", c.EMADecay)
	}
	return nil
}

// RateAt returns the learning rate of a step, counted from 0. The settings must have
// passed [Config.Check].
func (c Config) RateAt(step int) float64 {
	r := c.LearningRate * schedules[c.Schedule](float64(step)/float64(c.Steps))
	if step < c.Warmup {
		r *= float64(step+1) / float64(c.Warmup)
	}
	return r
}
