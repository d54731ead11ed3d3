package train_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/train"
)

// Invalid settings are errors.
func TestInvalidSettings(t *testing.T) {
	for name, change := range map[string]func(*train.Config){
		"steps":         func(c *train.Config) { c.Steps = 0 },
		"learning rate": func(c *train.Config) { c.LearningRate = math.NaN() },
		"schedule":      func(c *train.Config) { c.Schedule = "linear" },
		"warm-up":       func(c *train.Config) { c.Warmup = -1 },
		"weight decay":  func(c *train.Config) { c.WeightDecay = math.Inf(1) },
		"clip norm":     func(c *train.Config) { c.ClipNorm = math.Inf(1) },
		"eps":           func(c *train.Config) { c.Eps = math.Inf(1) },
		"beta2":         func(c *train.Config) { c.Beta2 = 1 },
		"EMA decay":     func(c *train.Config) { c.EMADecay = math.NaN() },
	} {
		c := train.Config{Steps: 10, LearningRate: 1e-3}
		change(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A tensor whose values do not fill its shape is not written.
func TestCheckpointShapes(t *testing.T) {
	for _, shape := range [][]int{{2, 2}, {0}, {-3}, {}} {
		tensors := map[string]train.Tensor{"x": {Shape: shape, Data: make([]float32, 3)}}
		if err := train.WriteCheckpoint(filepath.Join(t.TempDir(), "x"), "about", 1, tensors, nil); err == nil {
			t.Errorf("shape %v: no error", shape)
		}
	}
}
