// Package adapter is what clipcue learns: prompt vectors around the tokens of a
// name or a sentence, and a light temporal Transformer over the features of a
// video's frames (Ju et al., ECCV 2022). The backbone stays frozen.
//
// Shapes: B videos, T frames, C classes, D the text tower's width, E the
// embedding.
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

// Layouts are the names of the known layouts.
var Layouts = []string{LayoutPaper, LayoutContext}

// Config says what is learned.
type Config struct {
	Prefix         int     `json:"prefix"`  // prompt vectors before the name
	Postfix        int     `json:"postfix"` // and after it
	Layout         string  `json:"layout"`
	TemporalLayers int     `json:"temporal_layers"` // 0: the mean of the frame features
	TemporalHeads  int     `json:"temporal_heads"`  // 0: one for every 64 of the width
	Frames         int     `json:"frames"`          // T
	Temperature    float64 `json:"temperature"`     // τ; 0 for New: the backbone's own
	// LearnTemperature makes τ a tensor that is learned from [Pass.ContrastiveLoss], from
	// Temperature on.
	LearnTemperature bool `json:"learn_temperature,omitempty"`
	// Residual adds the temporal Transformer's result to the mean of the frame
	// features, from which it starts, instead of replacing that.
	Residual bool `json:"residual,omitempty"`
}

// Default is the paper's recognizer: 16+X+16, one temporal layer, 16 frames.
func DefaultConfig() Config {
	return Config{Prefix: 16, Postfix: 16, Layout: LayoutPaper, TemporalLayers: 1, Frames: 16, Temperature: 0.07}
}

// check completes c for a model of embedding size embed and context length.
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
		return fmt.Errorf("prompt layout %q is not known: it is one of %v", c.Layout, Layouts)
	case c.Prefix < 0 || c.Postfix < 0 || c.Prefix > context || c.Postfix > context || c.Prefix+c.Postfix+3 > context:
		return fmt.Errorf("%d+X+%d prompt vectors do not fit into the model's %d tokens; lower --prefix or --postfix", c.Prefix, c.Postfix, context)
	case c.TemporalLayers < 0 || c.TemporalLayers > 64:
		return fmt.Errorf("%d temporal layers: it takes 0 to 64", c.TemporalLayers)
	case c.TemporalHeads < 1 || embed%c.TemporalHeads != 0:
		return fmt.Errorf("the embedding's width %d does not divide into %d temporal heads", embed, c.TemporalHeads)
	case c.Frames < 1 || c.Frames > 4096:
		return fmt.Errorf("windows of %d frames: it takes 1 to 4096", c.Frames)
	case !(c.Temperature > 0):
		return fmt.Errorf("temperature %v is not above 0", c.Temperature)
	}
	return nil
}

// rows is the number of vectors in the prompt table.
func (c Config) rows(context int) int {
	if c.Layout == LayoutPaper {
		return context
	}
	return max(1, c.Prefix+c.Postfix)
}
