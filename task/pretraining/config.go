package pretraining

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/train"
)

// Config holds the settings of pre-training.
type Config struct {
	// Model holds the sizes of the towers. The numbers of heads follow from the widths,
	// which are 64 per head.
	Model clip.Config  `json:"model"`
	Train train.Config `json:"train"`
	Batch int          `json:"batch"` // pairs per step
	// Chunk is the number of pairs per forward and backward pass. If it is smaller than
	// the batch, training takes less memory and one more forward pass; the gradients are
	// the same.
	Chunk int `json:"chunk"`
	// Crop is the minimum share of an image's area in a random crop; 1 means no random
	// crops.
	Crop float64 `json:"crop"`
	// Flip flips every other image, unless the caption contains left or right.
	Flip bool `json:"flip"`
	// UniqueCaptions excludes images with equal captions from each other's negatives.
	UniqueCaptions bool `json:"unique_captions"`
	// Half writes the model in half precision.
	Half bool       `json:"half"`
	Eval Evaluation `json:"evaluation"`
}

// Evaluation holds the settings for evaluating held-out pairs.
type Evaluation struct {
	Pairs     int      `json:"pairs"`     // maximum per set
	Group     int      `json:"group"`     // number of candidates in retrieval
	Templates []string `json:"templates"` // for labels; {} is replaced by the label
}

// DefaultConfig returns the settings of a small model, with 2.6 million values, for small
// images.
func DefaultConfig() Config {
	return Config{
		Model: clip.Config{Embed: 128, ImageSize: 64, PatchSize: 8, VisionWidth: 192, VisionLayers: 4,
			Context: 77, Vocab: 514 + 1000, TextWidth: 128, TextLayers: 3, Activation: "quick_gelu"},
		// Betas, eps and decay are CLIP's for its ViTs (table 18).
		Train: train.Config{Steps: 5000, LearningRate: 1e-3, Schedule: "cosine", Warmup: 200, WeightDecay: 0.2, Beta2: 0.98, Eps: 1e-6},
		Batch: 256, Chunk: 64, Crop: 0.9, UniqueCaptions: true,
		Eval: Evaluation{Pairs: 1000, Group: 50, Templates: []string{"a picture of a {}."}},
	}
}

// check fills in defaults and returns an error for invalid settings.
func (c *Config) check() error {
	m := &c.Model
	for _, t := range []struct {
		name   string
		width  int
		layers int
		heads  *int
	}{{"image", m.VisionWidth, m.VisionLayers, &m.VisionHeads}, {"text", m.TextWidth, m.TextLayers, &m.TextHeads}} {
		if t.width < 64 || t.width%64 != 0 {
			return fmt.Errorf("the width of the %s tower must be a multiple of 64, because CLIP's heads are 64 wide, got %d", t.name, t.width)
		}
		if t.layers < 1 || t.layers > 1000 {
			return fmt.Errorf("the %s tower must have 1 to 1000 layers, got %d", t.name, t.layers)
		}
		*t.heads = t.width / 64
	}
	if err := m.Check(); err != nil {
		return err
	}
	if m.ImageSize%m.PatchSize != 0 || m.ImageSize/m.PatchSize > 128 {
		return fmt.Errorf("images of %d pixels do not divide into patches of %d, at most 128 per side", m.ImageSize, m.PatchSize)
	}
	if m.Context < 3 {
		return fmt.Errorf("context must be at least 3 tokens, SOT, a word and EOT, got %d", m.Context)
	}
	const most = 1 << 30
	if n := m.Parameters(); n > most {
		return fmt.Errorf("the model has %d million values; the limit is %d million values", n>>20, most>>20)
	}
	switch {
	case c.Batch == 1:
		return errors.New("batch must have at least 2 pairs, because the other pairs are the negatives, got 1")
	case c.Batch < 2 || c.Batch > 1<<16:
		return fmt.Errorf("batch must have 2 to %d pairs, got %d", 1<<16, c.Batch)
	case c.Chunk < 1:
		return fmt.Errorf("chunk must have at least 1 pair, got %d", c.Chunk)
	case !(c.Crop > 0 && c.Crop <= 1):
		return fmt.Errorf("minimum crop area must be above 0 and at most 1, got %v", c.Crop)
	}
	if err := c.Eval.check(); err != nil {
		return err
	}
	c.Chunk = min(c.Chunk, c.Batch)
	return c.Train.Check()
}

func (e Evaluation) check() error {
	if e.Pairs < 2 || e.Group < 2 {
		return fmt.Errorf("evaluation pairs and group size must be at least 2, got %d and %d", e.Pairs, e.Group)
	}
	if len(e.Templates) == 0 {
		return errors.New("no templates for the labels")
	}
	for _, t := range e.Templates {
		if !strings.Contains(t, "{}") {
			return fmt.Errorf("template %q has no {} for the label", t)
		}
	}
	return nil
}
