package adapter

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/train"
)

// TrainConfig holds the settings of training an adapter that all tasks share.
type TrainConfig struct {
	Adapter Config       `json:"adapter"`
	Train   train.Config `json:"train"`
	Batch   int          `json:"batch"` // windows per step, or the task's unit
	// VideoAnchor is the weight of [Pass.AnchorVideo] in the loss.
	VideoAnchor float64 `json:"video_anchor,omitempty"`
	// TemporalDrop is the share of a step's windows without the temporal Transformer's
	// residual, so that the prompts alone are trained as well.
	TemporalDrop float64 `json:"temporal_drop,omitempty"`
}

// The names of the presets.
const (
	PresetDefault = "default"
	PresetPaper   = "paper"
)

// Presets lists the names that [Preset] accepts.
var Presets = []string{PresetDefault, PresetPaper}

// Preset returns the settings of a preset: "paper" is exactly the paper's; "default" adds
// terms that preserve accuracy on new classes, the best settings of docs/beyond-the-paper.md.
func Preset(name string) (TrainConfig, error) {
	if !slices.Contains(Presets, name) {
		return TrainConfig{}, fmt.Errorf("unknown preset %q; available: %s", name, strings.Join(Presets, ", "))
	}
	l := TrainConfig{Adapter: DefaultConfig(), Batch: 64,
		Train: train.Config{Steps: 1000, LearningRate: 1e-4, Schedule: "constant", WeightDecay: 0.01}}
	if name == PresetDefault {
		l.Adapter.Residual, l.VideoAnchor = true, 1
	}
	return l, nil
}

// maxBatch limits what a training step allocates.
const maxBatch = 1 << 16

// Check fills in defaults and returns an error for an invalid setting. A batch must
// have at least the given number of units.
func (l *TrainConfig) Check(minBatch int, unit string) error {
	if l.Adapter.TemporalLayers == 0 {
		l.VideoAnchor, l.TemporalDrop = 0, 0 // without layers, they have no effect
	}
	switch {
	case l.Batch < minBatch || l.Batch > maxBatch:
		return fmt.Errorf("batch size must be %d to %d %s, got %d", minBatch, maxBatch, unit, l.Batch)
	case !(l.VideoAnchor >= 0) || math.IsInf(l.VideoAnchor, 0):
		return fmt.Errorf("weight of the video anchor must not be negative, got %v", l.VideoAnchor)
	case !(l.TemporalDrop >= 0 && l.TemporalDrop < 1):
		return fmt.Errorf("temporal drop must be in [0, 1), got %v", l.TemporalDrop)
	case l.TemporalDrop > 0 && !l.Adapter.Residual:
		return fmt.Errorf("temporal drop: %w", ErrNoResidual)
	}
	return l.Train.Check()
}
