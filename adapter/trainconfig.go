package adapter

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/train"
)

// TrainConfig are the settings of learning an adapter that every task has.
type TrainConfig struct {
	Adapter Config       `json:"adapter"`
	Train   train.Config `json:"train"`
	Batch   int          `json:"batch"` // windows a step, or what the task has instead
	// VideoAnchor is the weight of [Pass.AnchorVideo] in the loss.
	VideoAnchor float64 `json:"video_anchor,omitempty"`
	// TemporalDrop is the share of a step's windows that go without the temporal
	// Transformer's residual, so that prompts alone are learned as well.
	TemporalDrop float64 `json:"temporal_drop,omitempty"`
}

// The names of the presets.
const (
	PresetDefault = "default"
	PresetPaper   = "paper"
)

// Presets are the names that [Preset] knows.
var Presets = []string{PresetDefault, PresetPaper}

// Preset returns settings that go together: the paper's exactly, or those that go
// beyond it to keep new classes recognizable, which were the best of
// docs/beyond-the-paper.md.
func Preset(name string) (TrainConfig, error) {
	if !slices.Contains(Presets, name) {
		return TrainConfig{}, fmt.Errorf("preset %q is not known: it is %s", name, strings.Join(Presets, " or "))
	}
	l := TrainConfig{Adapter: DefaultConfig(), Batch: 64,
		Train: train.Config{Steps: 1000, LearningRate: 1e-4, Schedule: "constant", WeightDecay: 0.01}}
	if name == PresetDefault {
		l.Adapter.Residual, l.VideoAnchor = true, 1
	}
	return l, nil
}

// Check completes the settings and reports those that make no sense. A batch takes at
// least so many of what the task calls unit.
func (l *TrainConfig) Check(least int, unit string) error {
	if l.Adapter.TemporalLayers == 0 {
		l.VideoAnchor, l.TemporalDrop = 0, 0 // there is nothing to anchor or drop
	}
	switch {
	case l.Batch < least:
		return fmt.Errorf("a batch of %d: it takes at least %d %s", l.Batch, least, unit)
	case !(l.VideoAnchor >= 0) || math.IsInf(l.VideoAnchor, 0):
		return fmt.Errorf("a weight of %v for the video anchor: it takes a number from 0 up", l.VideoAnchor)
	case !(l.TemporalDrop >= 0 && l.TemporalDrop < 1):
		return fmt.Errorf("a temporal drop of %v: it takes 0 or more, and less than 1", l.TemporalDrop)
	case l.TemporalDrop > 0 && !l.Adapter.Residual:
		return errors.New("without the temporal Transformer's residual there is nothing left to drop it for: add --residual or leave out --temporal-drop")
	}
	return l.Train.Check()
}
