// Package recognition is the task of naming the action in a video: training on
// labelled videos, evaluation, prediction; closed-set, few-shot and zero-shot.
package recognition

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
)

// Config are the settings of training a recogniser.
type Config struct {
	Adapter prompt.Config `json:"adapter"`
	Train   train.Config  `json:"train"`
	Batch   int           `json:"batch"`    // windows a step
	Classes int           `json:"contrast"` // classes a step, at most

	// Anchor and VideoAnchor are the weights of [prompt.Pass.AnchorText], to the
	// ensemble of Templates, and [prompt.Pass.AnchorVideo] in the loss.
	Anchor      float64 `json:"anchor,omitempty"`
	VideoAnchor float64 `json:"video_anchor,omitempty"`
	// Templates are the sentences that Anchor ties classes to; nil means
	// [clip.Templates].
	Templates []string `json:"templates,omitempty"`
	// TemporalDrop is the share of a step's windows that go without the temporal
	// Transformer's residual, so that prompts alone are learned as well.
	TemporalDrop float64 `json:"temporal_drop,omitempty"`

	Eval Evaluation `json:"evaluation"`
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

// The names of the presets.
const (
	PresetDefault = "default"
	PresetPaper   = "paper"
)

// Presets are the names that [Preset] knows.
var Presets = []string{PresetDefault, PresetPaper}

// presets change the paper's settings, which are those of [PresetPaper].
var presets = map[string]func(*Config){
	PresetPaper: func(*Config) {},
	// Of what goes beyond the paper, these together were best on the closed set and
	// on classes that were not learned: docs/beyond-the-paper.md.
	PresetDefault: func(c *Config) {
		c.Adapter.Residual = true
		c.Anchor, c.VideoAnchor = 1, 1
	},
}

// Preset returns settings that go together: the paper's exactly, or those that
// go beyond it to keep new classes recognisable.
func Preset(name string) (Config, error) {
	change, ok := presets[name]
	if !ok {
		return Config{}, fmt.Errorf("preset %q is not known: it is %s", name, strings.Join(Presets, " or "))
	}
	c := Config{
		Adapter: prompt.Default(),
		Train:   train.Config{Steps: 1000, Rate: 1e-4, Schedule: "constant", Decay: 0.01},
		Batch:   64, Classes: 400,
		Eval: Evaluation{Windows: 5},
	}
	change(&c)
	return c, nil
}

// DefaultConfig is [PresetDefault].
func DefaultConfig() Config {
	c, err := Preset(PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check completes the settings and reports those that make no sense.
func (c *Config) check() error {
	if c.Adapter.TemporalLayers == 0 {
		c.VideoAnchor, c.TemporalDrop = 0, 0 // there is nothing to anchor or drop
	}
	switch {
	case c.Batch < 1:
		return fmt.Errorf("a batch of %d: it takes at least 1 window", c.Batch)
	case c.Classes < 2:
		return fmt.Errorf("a contrast of %d classes: it takes at least 2", c.Classes)
	case c.Eval.Windows < 1:
		return fmt.Errorf("%d evaluation windows: it takes at least 1", c.Eval.Windows)
	case !(c.Anchor >= 0) || math.IsInf(c.Anchor, 0) || !(c.VideoAnchor >= 0) || math.IsInf(c.VideoAnchor, 0):
		return fmt.Errorf("anchors of weights %v and %v: it takes numbers from 0 up", c.Anchor, c.VideoAnchor)
	case !(c.TemporalDrop >= 0 && c.TemporalDrop < 1):
		return fmt.Errorf("a temporal drop of %v: it takes 0 or more, and less than 1", c.TemporalDrop)
	case c.TemporalDrop > 0 && !c.Adapter.Residual:
		return errors.New("without the temporal Transformer's residual there is nothing left to drop it for: add --residual or leave out --temporal-drop")
	}
	return c.Train.Check()
}
