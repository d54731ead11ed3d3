package checkpoint

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
	Stem          int     `json:"stem,omitempty"`           // width of the first layers of a convolutional stem of patches
	Rotary        string  `json:"rotary,omitempty"`         // rotary positions: "xy" or "yx", the order of the coordinates
	RotaryOffset  float32 `json:"rotary_offset,omitempty"`  // added to coordinates
	RotaryGrid    int     `json:"rotary_grid,omitempty"`    // coordinates are scaled to this number of patches per side
	Gated         bool    `json:"gated,omitempty"`          // the MLPs multiply act(gate(x)) by fc(x)
	AttentionNorm bool    `json:"attention_norm,omitempty"` // there is a norm before the projection of attention
	MLPNorm       bool    `json:"mlp_norm,omitempty"`       // there is a norm before the last projection of MLPs

	// Of text towers only.
	Bidirectional bool `json:"bidirectional,omitempty"` // tokens also attend to those after them
	Pad           int  `json:"pad,omitempty"`           // the token that fills the context
	Mixer         int  `json:"mixer,omitempty"`         // positions that convolutions before and after the blocks mix; 0 without
	MixerMLP      int  `json:"mixer_mlp,omitempty"`     // width of their MLPs
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
