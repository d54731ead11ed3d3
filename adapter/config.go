// Package adapter is what clipcue learns on top of a frozen backbone: prompt vectors
// around the tokens of a class name or text, and a light temporal Transformer over the
// features of a video's frames (Ju et al., ECCV 2022). It also reads and writes model
// files.
//
// Shapes: B videos, T frames, C classes, D the text tower's width, E the embedding
// size.
package adapter

import (
	"fmt"
	"slices"
)

// The two layouts of prompt vectors.
const (
	// LayoutPaper is the authors': one table [context,D] indexed by absolute
	// position, so which vectors follow a name depends on the name's length.
	LayoutPaper = "paper"
	// LayoutContext numbers the vectors before the name and those after it, so
	// the same vectors follow every name: a table [prefix+postfix,D].
	LayoutContext = "context"
)

// Layouts lists the layouts of prompt vectors.
var Layouts = []string{LayoutPaper, LayoutContext}

// Config describes what is learned.
type Config struct {
	Prefix         int     `json:"prefix"`  // number of prompt vectors before the name
	Postfix        int     `json:"postfix"` // number of prompt vectors after it
	Layout         string  `json:"layout"`
	TemporalLayers int     `json:"temporal_layers"` // 0: use the mean of the frame features
	TemporalHeads  int     `json:"temporal_heads"`  // 0: one per 64 of the width
	Frames         int     `json:"frames"`          // T
	Temperature    float64 `json:"temperature"`     // τ; 0: that of the backbone
	// LearnTemperature makes τ a learned tensor, initialized with Temperature. Only
	// [Pass.ContrastiveLoss] has a gradient for it.
	LearnTemperature bool `json:"learn_temperature,omitempty"`
	// Residual adds the temporal Transformer's result to the mean of the frame
	// features instead of replacing that mean.
	Residual bool `json:"residual,omitempty"`
}

// DefaultConfig returns the paper's recognizer: 16+X+16 prompt vectors, one temporal
// layer, 16 frames.
func DefaultConfig() Config {
	return Config{Prefix: 16, Postfix: 16, Layout: LayoutPaper, TemporalLayers: 1, Frames: 16, Temperature: 0.07}
}

// Limits of the temperature, between which cosines divided by it are exact enough.
const minTemperature, maxTemperature = 1e-6, 1e6

// check fills in defaults for a model with the given embedding size and context
// length, and returns an error for an invalid setting.
func (c *Config) check(embed, context int) error {
	if c.Layout == "" {
		c.Layout = LayoutPaper
	}
	if c.TemporalHeads == 0 {
		c.TemporalHeads = max(1, embed/64)
	}
	c.Residual = c.Residual && c.TemporalLayers > 0
	switch {
	case !slices.Contains(Layouts, c.Layout):
		return fmt.Errorf("unknown prompt layout %q; available: %v", c.Layout, Layouts)
	case c.Prefix < 0 || c.Postfix < 0 || c.Prefix > context || c.Postfix > context || c.Prefix+c.Postfix+3 > context:
		return fmt.Errorf("%w: %d+X+%d into %d tokens", ErrTooManyPrompts, c.Prefix, c.Postfix, context)
	case c.TemporalLayers < 0 || c.TemporalLayers > 64:
		return fmt.Errorf("number of temporal layers must be from 0 to 64, got %d", c.TemporalLayers)
	case embed < 1:
		return fmt.Errorf("the embedding's width must be positive, got %d", embed)
	case c.TemporalHeads < 1 || embed%c.TemporalHeads != 0:
		return fmt.Errorf("the embedding's width %d does not divide into %d temporal heads", embed, c.TemporalHeads)
	case c.Frames < 1 || c.Frames > 4096:
		return fmt.Errorf("frames per window must be from 1 to 4096, got %d", c.Frames)
	case !(c.Temperature >= minTemperature && c.Temperature <= maxTemperature):
		return fmt.Errorf("temperature must be from %v to %v, got %v", minTemperature, maxTemperature, c.Temperature)
	}
	return nil
}

// FitPrompts lowers the numbers of prompt vectors to a quarter of a model's context each, so that
// at least half of it is left for the name. It reports whether that changed them.
func (c *Config) FitPrompts(context int) bool {
	before := *c
	c.Prefix, c.Postfix = min(c.Prefix, context/4), min(c.Postfix, context/4)
	return *c != before
}

// rows returns the number of vectors in the prompt table.
func (c Config) rows(context int) int {
	if c.Layout == LayoutPaper {
		return context
	}
	return max(1, c.Prefix+c.Postfix)
}
