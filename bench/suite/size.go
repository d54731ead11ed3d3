package suite

import (
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/checkpoint"
)

// Sizes lists the model sizes that can be measured without weights.
var Sizes = []string{"ViT-B/32", "ViT-B/16", "ViT-L/14", "tiny"}

// Size returns the sizes of the published model with a name, or of a model that is fast enough
// for tests.
func Size(name string) (clip.Config, error) {
	c := clip.Config{Embed: 512, ImageSize: 224, PatchSize: 16, VisionWidth: 768, VisionLayers: 12, VisionHeads: 12,
		Context: 77, Vocab: bpe.FullVocabulary, TextWidth: 512, TextLayers: 12, TextHeads: 8, Activation: "quick_gelu", Eps: 1e-5}
	switch name {
	case "ViT-B/16":
	case "ViT-B/32":
		c.PatchSize = 32
	case "ViT-L/14":
		c.Embed, c.PatchSize = 768, 14
		c.VisionWidth, c.VisionLayers, c.VisionHeads = 1024, 24, 16
		c.TextWidth, c.TextHeads = 768, 12
	case "tiny":
		c.Embed, c.ImageSize, c.PatchSize = 64, 32, 8
		c.VisionWidth, c.VisionLayers, c.VisionHeads = 64, 2, 1
		c.Vocab, c.TextWidth, c.TextLayers, c.TextHeads = 514, 64, 2, 1
	default:
		return c, fmt.Errorf("size %q is not known: it is one of %s", name, strings.Join(Sizes, ", "))
	}
	return c, nil
}

// RandomWeights returns random weights of a size for the given towers. The other tower exists,
// but is as small as possible, because generating it takes time.
func RandomWeights(name string, towers clip.Tower) (*checkpoint.Weights, error) {
	c, err := Size(name)
	if err != nil {
		return nil, err
	}
	if towers&clip.ImageTower == 0 {
		c.ImageSize, c.PatchSize, c.VisionWidth, c.VisionLayers, c.VisionHeads = 8, 8, 64, 1, 1
	}
	if towers&clip.TextTower == 0 {
		c.Vocab, c.TextWidth, c.TextLayers, c.TextHeads = 514, 64, 1, 1
	}
	return clip.RandomWeights(c, 1), nil
}
