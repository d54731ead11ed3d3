package checkpoint

import (
	"cmp"
	"fmt"
)

// Architecture is where a tower differs from that of OpenAI's CLIP, for which it is zero.
type Architecture struct {
	Activation string  `json:"activation,omitempty"`     // of the MLPs, if not that of the model
	Eps        float32 `json:"layer_norm_eps,omitempty"` // what layer norms add to the variance, if not that of the model
	Pool       string  `json:"pool,omitempty"`           // how rows become one; a constant
	PoolHeads  int     `json:"pool_heads,omitempty"`     // of attention
	PoolMLP    int     `json:"pool_mlp,omitempty"`       // width of the MLP after attention; 0 for none
	PoolWidth  int     `json:"pool_width,omitempty"`     // of attention, if not that of the tower
	PoolNorm   bool    `json:"pool_norm,omitempty"`      // a norm follows attention

	NoProjection   bool `json:"no_projection,omitempty"`
	ProjectionBias bool `json:"projection_bias,omitempty"`

	// Of image towers only.
	NoClassToken  bool    `json:"no_class_token,omitempty"`
	NoPreNorm     bool    `json:"no_pre_norm,omitempty"`    // there is no norm before the blocks
	Rotary        string  `json:"rotary,omitempty"`         // rotary positions: "xy" or "yx", the order of the coordinates
	RotaryOffset  float32 `json:"rotary_offset,omitempty"`  // added to coordinates
	RotaryGrid    int     `json:"rotary_grid,omitempty"`    // coordinates are scaled to this number of patches per side
	Gated         bool    `json:"gated,omitempty"`          // the MLPs multiply act(gate(x)) by fc(x)
	AttentionNorm bool    `json:"attention_norm,omitempty"` // there is a norm before the projection of attention
	MLPNorm       bool    `json:"mlp_norm,omitempty"`       // there is a norm before the last projection of MLPs

	// Of text towers only.
	Bidirectional bool `json:"bidirectional,omitempty"` // tokens also attend to those after them
	Pad           int  `json:"pad,omitempty"`           // the token that fills the context
}

// The values of Architecture.Pool. An image tower without any takes its class token, a text tower
// the end of the text.
const (
	PoolMean      = "mean"      // the mean of the patches, then the last norm
	PoolNormMean  = "norm_mean" // the last norm, then the mean of the patches
	PoolAttention = "attention" // the last norm, then attention by a learned query
	PoolFirst     = "first"     // the first token of a text
	PoolLast      = "last"      // the last token of the context
	PoolClass     = "class"     // a class token after the context of a text
)

// Check returns an error for values that no tower has. what names the tower, and pools are the
// pools of its kind.
func (a Architecture) check(what string, pools ...string) error {
	known := a.Pool == ""
	for _, p := range pools {
		known = known || p == a.Pool
	}
	attention := a.Pool == PoolAttention
	switch {
	case !known:
		return fmt.Errorf("%s: unknown pool %q", what, a.Pool)
	case attention != (a.PoolHeads > 0) || !attention && (a.PoolMLP != 0 || a.PoolWidth != 0 || a.PoolNorm):
		return fmt.Errorf("%s: pool %q with %d heads", what, a.Pool, a.PoolHeads)
	case min(a.PoolHeads, a.PoolMLP, a.PoolWidth, a.RotaryGrid, a.Pad) < 0 || max(a.PoolHeads, a.PoolMLP, a.PoolWidth, a.RotaryGrid) > 1<<16 || a.PoolHeads > 1<<10:
		return fmt.Errorf("%s: implausible sizes of the pool", what)
	case a.Eps != 0 && !plausibleEps(float64(a.Eps)):
		return fmt.Errorf("%s: layer_norm_eps is %g", what, a.Eps)
	case a.NoProjection && a.ProjectionBias:
		return fmt.Errorf("%s: a bias without a projection", what)
	case a.Rotary != "" && a.Rotary != "xy" && a.Rotary != "yx":
		return fmt.Errorf("%s: unknown rotary positions %q", what, a.Rotary)
	case a.Rotary == "" && (a.RotaryOffset != 0 || a.RotaryGrid != 0) || !(a.RotaryOffset >= -1<<10 && a.RotaryOffset <= 1<<10):
		return fmt.Errorf("%s: implausible rotary positions", what)
	case !attention && a.NoClassToken && a.Pool == "":
		return fmt.Errorf("%s: there is neither a class token nor a pool", what)
	}
	return nil
}

// CheckImage returns an error for values that no image tower has.
func (a Architecture) CheckImage() error {
	if a.Bidirectional || a.Pad != 0 {
		return fmt.Errorf("image tower: options of text towers")
	}
	return a.check("image tower", PoolMean, PoolNormMean, PoolAttention)
}

// CheckText returns an error for values that no text tower has.
func (a Architecture) CheckText() error {
	if a.NoClassToken || a.NoPreNorm || a.Rotary != "" || a.Gated || a.AttentionNorm || a.MLPNorm {
		return fmt.Errorf("text tower: options of image towers")
	}
	return a.check("text tower", PoolFirst, PoolLast, PoolClass)
}

// PooledWidth returns the width of a tower's row after the pool.
func (a Architecture) PooledWidth(width int) int { return cmp.Or(a.PoolWidth, width) }
