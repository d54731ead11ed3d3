// Package towers holds CLIP's two Transformers with their forward and backward
// passes: images to features, and token vectors to features. It uses tensors and shapes only;
// package clip reads weight files and builds the towers.
package towers

import (
	"sync"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// Name prefixes of the towers' blocks, as in OpenAI's state dicts.
const (
	VisionBlocks = "visual.transformer.resblocks"
	TextBlocks   = "transformer.resblocks"
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
}

// Tokens returns the number of rows per image: its patches and the class token.
func (s Sizes) Tokens() int {
	grid := s.ImageSize / s.PatchSize
	return 1 + grid*grid
}

// Model is a backbone's towers on one device. Hold the lock while using the
// device: it serves one goroutine at a time.
type Model struct {
	sync.Mutex
	Device compute.Device
	Image  *ImageTower // nil if it was not built
	Text   *TextTower  // nil if it was not built
	Params *nn.Params  // the learnable weights; nil for a frozen backbone
}
