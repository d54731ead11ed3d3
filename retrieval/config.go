// Package retrieval is the task of finding videos by sentences and sentences by
// videos: training on captioned videos, evaluation, and a [Retriever] that embeds
// both.
package retrieval

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
)

// Task is how a model file of a retriever names its task.
const Task = "retrieval"

// Config are the settings of training a retriever.
type Config struct {
	Adapter prompt.Config `json:"adapter"`
	Train   train.Config  `json:"train"`
	// Batch is how many videos a step has, each with one of its captions: among
	// these the right one has to be found.
	Batch int `json:"batch"`
	// VideoAnchor is the weight of [prompt.Pass.AnchorVideo] in the loss.
	VideoAnchor float64 `json:"video_anchor,omitempty"`
	// TemporalDrop is the share of a step's videos that go without the temporal
	// Transformer's residual.
	TemporalDrop float64 `json:"temporal_drop,omitempty"`
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
	PresetDefault: func(c *Config) { // as in recognition
		c.Adapter.Residual = true
		c.VideoAnchor = 1
	},
}

// Preset returns settings that go together: the paper's (Ju et al., section 4.4:
// 4+X+4 prompt vectors, two temporal layers), or those that go beyond it to keep
// what the backbone knows.
func Preset(name string) (Config, error) {
	change, ok := presets[name]
	if !ok {
		return Config{}, fmt.Errorf("preset %q is not known: it is %s", name, strings.Join(Presets, " or "))
	}
	c := Config{Adapter: prompt.Default(), Batch: 64,
		Train: train.Config{Steps: 1000, Rate: 1e-4, Schedule: "constant", Decay: 0.01}}
	c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.TemporalLayers = 4, 4, 2
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
	case c.Batch < 2:
		return fmt.Errorf("a batch of %d: it takes at least 2 videos to tell apart", c.Batch)
	case !(c.VideoAnchor >= 0) || math.IsInf(c.VideoAnchor, 0):
		return fmt.Errorf("an anchor of weight %v: it takes a number from 0 up", c.VideoAnchor)
	case !(c.TemporalDrop >= 0 && c.TemporalDrop < 1):
		return fmt.Errorf("a temporal drop of %v: it takes 0 or more, and less than 1", c.TemporalDrop)
	case c.TemporalDrop > 0 && !c.Adapter.Residual:
		return errors.New("without the temporal Transformer's residual there is nothing left to drop it for: add --residual or leave out --temporal-drop")
	}
	return c.Train.Check()
}
