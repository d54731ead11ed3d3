package clip

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// Config holds the sizes of a CLIP ViT. They are read from the shapes of its weights.
type Config struct {
	Embed        int     `json:"embed"`      // E, size of image and text features
	ImageSize    int     `json:"image_size"` // pixels per side
	PatchSize    int     `json:"patch_size"`
	VisionWidth  int     `json:"vision_width"`
	VisionLayers int     `json:"vision_layers"`
	VisionHeads  int     `json:"vision_heads"`
	Context      int     `json:"context"` // maximum tokens per text
	Vocab        int     `json:"vocab"`
	TextWidth    int     `json:"text_width"`
	TextLayers   int     `json:"text_layers"`
	TextHeads    int     `json:"text_heads"`
	Activation   string  `json:"activation"` // "quick_gelu" or "gelu"
	Eps          float32 `json:"layer_norm_eps"`
	// Mean and Std normalize the channels of the pixels, red first, in 0..1.
	Mean [3]float32 `json:"mean"`
	Std  [3]float32 `json:"std"`
	// Precision of the towers' arithmetic: "" for float32, or "int8".
	Precision string `json:"precision,omitempty"`
}

// CLIP's own channel statistics, for files without any.
var (
	clipMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	clipStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// activations are the names that configurations use.
var activations = map[string]compute.Activation{
	"quick_gelu": compute.QuickGELU, "gelu": compute.GELU,
}

// sizes returns what the towers need of c.
func (c Config) sizes() towers.Sizes {
	act := activations[c.Activation]
	return towers.Sizes{Embed: c.Embed, ImageSize: c.ImageSize, PatchSize: c.PatchSize,
		Vision:       nn.BlockConfig{Width: c.VisionWidth, Heads: c.VisionHeads, Act: act, Eps: c.Eps},
		Text:         nn.BlockConfig{Width: c.TextWidth, Heads: c.TextHeads, Act: act, Eps: c.Eps},
		VisionLayers: c.VisionLayers, TextLayers: c.TextLayers, Context: c.Context, Vocab: c.Vocab}
}

// tensors calls f with the name, as OpenAI writes it, and the shape of every tensor of
// such a model.
func (c Config) tensors(f func(name string, shape ...int)) {
	f("visual.class_embedding", c.VisionWidth)
	f("visual.positional_embedding", c.sizes().Tokens(), c.VisionWidth)
	f("visual.conv1.weight", c.VisionWidth, 3, c.PatchSize, c.PatchSize)
	f("visual.ln_pre.weight", c.VisionWidth)
	f("visual.ln_pre.bias", c.VisionWidth)
	for i := range c.VisionLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", towers.VisionBlocks, i), c.VisionWidth, f)
	}
	f("visual.ln_post.weight", c.VisionWidth)
	f("visual.ln_post.bias", c.VisionWidth)
	f("visual.proj", c.VisionWidth, c.Embed)
	f("token_embedding.weight", c.Vocab, c.TextWidth)
	f("positional_embedding", c.Context, c.TextWidth)
	for i := range c.TextLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", towers.TextBlocks, i), c.TextWidth, f)
	}
	f("ln_final.weight", c.TextWidth)
	f("ln_final.bias", c.TextWidth)
	f("text_projection", c.TextWidth, c.Embed)
	f("logit_scale")
}

// Parameters returns the number of values in such a model.
func (c Config) Parameters() int {
	n := 0
	c.tensors(func(_ string, shape ...int) { n += product(shape) })
	return n
}

// configOf reads the sizes from the shapes of the weights, and checks that every
// tensor exists with the shape that these sizes imply.
func configOf(w *checkpoint.Weights, activation string) (Config, error) {
	shape := func(name string, dims int) ([]int, error) {
		t, ok := w.Tensors[name]
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing: this is not a CLIP ViT, or the file is incomplete", name)
		}
		if len(t.Shape) != dims {
			return nil, fmt.Errorf("tensor %q has shape %v, not %d dimensions", name, t.Shape, dims)
		}
		return t.Shape, nil
	}
	var c Config
	for _, r := range []struct {
		name string
		dims int
		read func(s []int)
	}{
		{"visual.conv1.weight", 4, func(s []int) { c.VisionWidth, c.PatchSize = s[0], s[3] }},
		{"visual.positional_embedding", 2, func(s []int) {
			c.ImageSize = int(math.Round(math.Sqrt(float64(s[0]-1)))) * c.PatchSize
		}},
		{"visual.proj", 2, func(s []int) { c.Embed = s[1] }},
		{"token_embedding.weight", 2, func(s []int) { c.Vocab, c.TextWidth = s[0], s[1] }},
		{"positional_embedding", 2, func(s []int) { c.Context = s[0] }},
	} {
		s, err := shape(r.name, r.dims)
		if err != nil {
			return c, err
		}
		r.read(s)
	}
	c.VisionLayers, c.TextLayers = layers(w, towers.VisionBlocks), layers(w, towers.TextBlocks)
	c.VisionHeads, c.TextHeads = w.VisionHeads, w.TextHeads
	// CLIP's heads are 64 wide unless a configuration contradicts it.
	for _, h := range []struct {
		heads *int
		width int
		tower string
	}{{&c.VisionHeads, c.VisionWidth, "image"}, {&c.TextHeads, c.TextWidth, "text"}} {
		if *h.heads == 0 {
			*h.heads = max(1, h.width/64)
		}
		if h.width%*h.heads != 0 {
			return c, fmt.Errorf("the %s tower's width %d does not divide into %d heads", h.tower, h.width, *h.heads)
		}
	}
	c.Eps = 1e-5
	if w.Eps > 0 {
		c.Eps = w.Eps
	}
	c.Mean, c.Std = clipMean, clipStd
	if w.Std != [3]float32{} {
		c.Mean, c.Std = w.Mean, w.Std
	}
	c.Activation = activation
	var wrong []string
	c.tensors(func(name string, shape ...int) {
		t, ok := w.Tensors[name]
		switch {
		case !ok && name == "logit_scale":
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%q is missing", name))
		case !slices.Equal(t.Shape, shape) && name != "logit_scale":
			wrong = append(wrong, fmt.Sprintf("%q has shape %v instead of %v", name, t.Shape, shape))
		}
	})
	if len(wrong) > 0 {
		slices.Sort(wrong)
		more := ""
		if n := len(wrong) - 3; n > 0 {
			wrong, more = wrong[:3], fmt.Sprintf(" and %d more", n)
		}
		return c, fmt.Errorf("tensor %s%s", strings.Join(wrong, ", "), more)
	}
	return c, nil
}

// layers returns the number of blocks with this name prefix.
func layers(w *checkpoint.Weights, blocks string) int {
	n := 0
	for w.Tensors[fmt.Sprintf("%s.%d.ln_1.weight", blocks, n)].Shape != nil {
		n++
	}
	return n
}

// Check returns an error for sizes that no model has, so that a hostile file cannot
// request absurd amounts of memory.
func (c Config) Check() error {
	for _, s := range []struct {
		name string
		v    int
		most int
	}{
		{"embed", c.Embed, 1 << 14}, {"image_size", c.ImageSize, 1 << 13}, {"patch_size", c.PatchSize, 1 << 13},
		{"vision_width", c.VisionWidth, 1 << 14}, {"context", c.Context, 1 << 12}, {"vocab", c.Vocab, 1 << 21},
		{"text_width", c.TextWidth, 1 << 14},
	} {
		if s.v < 1 || s.v > s.most {
			return fmt.Errorf("%s must be from 1 to %d, got %d", s.name, s.most, s.v)
		}
	}
	return nil
}
