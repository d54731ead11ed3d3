// Package towers holds CLIP's two Transformers with their forward and backward
// passes: images to features, and token vectors to features. It uses tensors and shapes only;
// package clip reads weight files and builds the towers.
package towers

import (
	"sync"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// Name prefixes of the towers' blocks, as in OpenAI's state dicts, and of an attention pool.
const (
	VisionBlocks = "visual.transformer.resblocks"
	TextBlocks   = "transformer.resblocks"
	VisionPool   = "visual.attn_pool"
)

// Sizes are the sizes of both towers.
type Sizes struct {
	Embed        int // E
	ImageSize    int // pixels per side
	PatchSize    int // pixels per side
	Vision, Text nn.BlockConfig
	VisionLayers int
	TextLayers   int
	Context      int // maximum tokens per text
	Vocab        int
	Image        ImageDesign
	Words        TextDesign
}

// ImageDesign is where an image tower differs from CLIP's, which is the zero value. Other designs
// have no backward pass.
type ImageDesign struct {
	Pool         Pool
	Attention    nn.PoolConfig // of PoolAttention
	PoolNorm     bool          // a norm follows PoolAttention
	NoClass      bool          // there is no class token
	Stem         int           // width of the first layers of a convolutional stem; 0 without
	NoPreNorm    bool          // there is no norm before the blocks
	NoProjection bool
	Bias         bool // the projection has a bias
	Rotary       Rotary
}

// TextDesign is where a text tower differs from CLIP's, which is the zero value.
type TextDesign struct {
	Pool          Pool
	Bidirectional bool // tokens also attend to the tokens after them
	Pad           int  // the token that fills the context
	NoProjection  bool
	Bias          bool // the projection has a bias
	// Mixer is the number of positions that the convolutions before and after the Transformer mix,
	// MixerMLP the width of their MLPs' hidden layer; 0 without.
	Mixer, MixerMLP int
}

// whole reports whether texts are encoded with the padding up to the context.
func (d TextDesign) whole() bool {
	return d.Bidirectional || d.Pool == PoolLast
}

// Pool is how the rows of an image or a text become one.
type Pool int

const (
	PoolToken     Pool = iota // that of the class token, or of the end of the text
	PoolMean                  // the mean of the patches, then the last norm
	PoolNormMean              // the last norm, then the mean of the patches
	PoolAttention             // the last norm, then an attention pool
	PoolFirst                 // the first row of a text
	PoolLast                  // the last row of the context
	PoolClass                 // that of a class token after the text, as in CoCa
)

// grid returns the number of patches per side.
func (s Sizes) grid() int { return s.ImageSize / s.PatchSize }

// first returns the number of rows of an image before its patches.
func (s Sizes) first() int {
	if s.Image.NoClass {
		return 0
	}
	return 1
}

// Tokens returns the number of rows per image: its patches and the class token.
func (s Sizes) Tokens() int { return s.first() + s.grid()*s.grid() }

// Positions returns the number of positions of a text.
func (s Sizes) Positions() int {
	if s.Words.Pool == PoolClass {
		return s.Context + 1
	}
	return s.Context
}

// PoolWidth returns the width of the row that the pool of images gives.
func (s Sizes) PoolWidth() int {
	if s.Image.Pool == PoolAttention {
		return s.Image.Attention.Width
	}
	return s.Vision.Width
}

// Image is an image tower.
type Image interface {
	// Encode writes out [n,E] for normalized pixels [n,3·S·S], channel by channel.
	Encode(out, pixels compute.Matrix)
}

// Model is a backbone's towers on one device. Hold the lock while using the
// device: it serves one goroutine at a time.
type Model struct {
	sync.Mutex
	Device compute.Device
	Image  Image      // nil if it was not built
	Text   *TextTower // nil if it was not built
	Params *nn.Params // the learnable weights; nil for a frozen backbone
}
