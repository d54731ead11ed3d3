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
	"github.com/clipcue/clipcue/video"
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
	VisionMLP    int     `json:"vision_mlp,omitempty"` // width of the MLPs; 0 means four times that of the tower
	TextMLP      int     `json:"text_mlp,omitempty"`   // the same of the text tower
	Activation   string  `json:"activation"`           // "quick_gelu" or "gelu"
	Eps          float32 `json:"layer_norm_eps"`
	// Mean and Std normalize the channels of the pixels, red first, in 0..1.
	Mean [3]float32 `json:"mean"`
	Std  [3]float32 `json:"std"`
	// Fit is how images become square.
	Fit video.Fit `json:"fit,omitzero"`
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
		Vision:       nn.BlockConfig{Width: c.VisionWidth, Heads: c.VisionHeads, MLP: c.VisionMLP, Act: act, Eps: c.Eps},
		Text:         nn.BlockConfig{Width: c.TextWidth, Heads: c.TextHeads, MLP: c.TextMLP, Act: act, Eps: c.Eps},
		VisionLayers: c.VisionLayers, TextLayers: c.TextLayers, Context: c.Context, Vocab: c.Vocab}
}

// tensors calls f with the name, as OpenAI writes it, and the shape of every tensor of
// such a model.
func (c Config) tensors(f func(name string, shape ...int)) {
	c.imageTensors(f)
	if c.HasText() {
		c.textTensors(f)
	}
	f("logit_scale")
}

func (c Config) imageTensors(f func(name string, shape ...int)) {
	f("visual.class_embedding", c.VisionWidth)
	f("visual.positional_embedding", c.sizes().Tokens(), c.VisionWidth)
	f("visual.conv1.weight", c.VisionWidth, 3, c.PatchSize, c.PatchSize)
	f("visual.ln_pre.weight", c.VisionWidth)
	f("visual.ln_pre.bias", c.VisionWidth)
	for i := range c.VisionLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", towers.VisionBlocks, i), c.sizes().Vision, f)
	}
	f("visual.ln_post.weight", c.VisionWidth)
	f("visual.ln_post.bias", c.VisionWidth)
	f("visual.proj", c.VisionWidth, c.Embed)
}

func (c Config) textTensors(f func(name string, shape ...int)) {
	f("token_embedding.weight", c.Vocab, c.TextWidth)
	f("positional_embedding", c.Context, c.TextWidth)
	for i := range c.TextLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", towers.TextBlocks, i), c.sizes().Text, f)
	}
	f("ln_final.weight", c.TextWidth)
	f("ln_final.bias", c.TextWidth)
	f("text_projection", c.TextWidth, c.Embed)
}

// HasText reports whether the model has a text tower.
func (c Config) HasText() bool { return c.Context != 0 || c.Vocab != 0 || c.TextWidth != 0 }

// Parameters returns the number of values in such a model.
func (c Config) Parameters() int {
	n := 0
	c.tensors(func(_ string, shape ...int) { n += nn.Elements(shape) })
	return n
}

// configOf reads the sizes from the shapes of the weights, and checks that they are
// sizes of a model and that every tensor exists with the shape that they imply.
func configOf(w *checkpoint.Weights, activation string) (Config, error) {
	c, err := shapesOf(w)
	if err != nil {
		return c, err
	}
	c.VisionLayers, c.VisionHeads = layers(w, towers.VisionBlocks), heads(w.VisionHeads, c.VisionWidth)
	if c.HasText() {
		c.TextLayers, c.TextHeads = layers(w, towers.TextBlocks), heads(w.TextHeads, c.TextWidth)
	}
	c.VisionMLP, c.TextMLP = inner(w, towers.VisionBlocks, c.VisionWidth), inner(w, towers.TextBlocks, c.TextWidth)
	c.Eps = 1e-5
	if w.Eps != 0 {
		c.Eps = w.Eps
	}
	c.Mean, c.Std = clipMean, clipStd
	if w.Std != [3]float32{} {
		c.Mean, c.Std = w.Mean, w.Std
	}
	c.Activation, c.Fit = activation, w.Fit
	if err := c.Check(); err != nil {
		return c, err
	}
	return c, c.checkShapes(w)
}

// shapesOf reads the sizes that single tensors have.
func shapesOf(w *checkpoint.Weights) (c Config, err error) {
	for _, r := range []struct {
		name string
		dims int
		text bool
		read func(s []int)
	}{
		{"visual.conv1.weight", 4, false, func(s []int) { c.VisionWidth, c.PatchSize = s[0], s[3] }},
		{"visual.positional_embedding", 2, false, func(s []int) {
			c.ImageSize = int(math.Round(math.Sqrt(float64(max(s[0]-1, 0))))) * c.PatchSize
		}},
		{"visual.proj", 2, false, func(s []int) { c.Embed = s[1] }},
		{"token_embedding.weight", 2, true, func(s []int) { c.Vocab, c.TextWidth = s[0], s[1] }},
		{"positional_embedding", 2, true, func(s []int) { c.Context = s[0] }},
	} {
		if r.text && w.NoText != "" {
			continue
		}
		t, ok := w.Tensors[r.name]
		if !ok {
			return c, fmt.Errorf("tensor %q is missing: this is not a CLIP ViT, or the file is incomplete", r.name)
		}
		if len(t.Shape) != r.dims || slices.Min(t.Shape) < 1 {
			return c, fmt.Errorf("tensor %q has shape %v, not %d dimensions of at least 1", r.name, t.Shape, r.dims)
		}
		r.read(t.Shape)
	}
	return c, nil
}

// heads returns the given number of attention heads. Without one it is CLIP's, whose
// heads are 64 wide.
func heads(given, width int) int {
	if given == 0 {
		return max(1, width/64)
	}
	return given
}

// checkShapes returns an error if a tensor is missing or has another shape than c
// implies.
func (c Config) checkShapes(w *checkpoint.Weights) error {
	var wrong []string
	c.tensors(func(name string, shape ...int) {
		t, ok := w.Tensors[name]
		switch {
		case name == "logit_scale":
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%q is missing", name))
		case !slices.Equal(t.Shape, shape):
			wrong = append(wrong, fmt.Sprintf("%q has shape %v instead of %v", name, t.Shape, shape))
		}
	})
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	more := ""
	if n := len(wrong) - 3; n > 0 {
		wrong, more = wrong[:3], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("tensor %s%s", strings.Join(wrong, ", "), more)
}

// layers returns the number of blocks with this name prefix.
func layers(w *checkpoint.Weights, blocks string) int {
	n := 0
	for w.Tensors[fmt.Sprintf("%s.%d.ln_1.weight", blocks, n)].Shape != nil {
		n++
	}
	return n
}

// inner returns the width of the MLPs of a tower, 0 for the usual one.
func inner(w *checkpoint.Weights, blocks string, width int) int {
	shape := w.Tensors[blocks+".0.mlp.c_fc.weight"].Shape
	if len(shape) != 2 || shape[0] == 4*width {
		return 0
	}
	return shape[0]
}

// maxTokens is the number of patches of an image, and the class token.
const maxTokens = 1<<14 + 1

// Check returns an error for implausible settings, so that a hostile file cannot
// request absurd amounts of memory or divide by zero. The sizes of the text tower are all
// 0 in a model without it; Eps, Mean and Std are 0 for CLIP's own.
func (c Config) Check() error {
	type limit struct {
		name     string
		v        int
		from, to int
	}
	limits := []limit{
		{"embed", c.Embed, 1, 1 << 14}, {"image_size", c.ImageSize, 1, 1 << 12}, {"patch_size", c.PatchSize, 1, 1 << 12},
		{"vision_width", c.VisionWidth, 1, 1 << 14}, {"vision_layers", c.VisionLayers, 0, 1 << 12}, {"vision_heads", c.VisionHeads, 1, 1 << 10}, {"vision_mlp", c.VisionMLP, 0, 1 << 16}, {"text_mlp", c.TextMLP, 0, 1 << 16},
	}
	text := []limit{
		{"context", c.Context, 1, 1 << 12}, {"vocab", c.Vocab, 1, 1 << 21}, {"text_width", c.TextWidth, 1, 1 << 14},
		{"text_layers", c.TextLayers, 0, 1 << 12}, {"text_heads", c.TextHeads, 1, 1 << 10},
	}
	if c.HasText() {
		limits = append(limits, text...)
	}
	for _, l := range limits {
		if l.v < l.from || l.v > l.to {
			return fmt.Errorf("%s must be from %d to %d, got %d", l.name, l.from, l.to, l.v)
		}
	}
	_, known := activations[c.Activation]
	switch {
	case c.ImageSize < c.PatchSize || c.sizes().Tokens() > maxTokens:
		return fmt.Errorf("image_size %d with patch_size %d gives %d patches; must be 1 to %d", c.ImageSize, c.PatchSize, c.sizes().Tokens()-1, maxTokens-1)
	case c.VisionWidth%c.VisionHeads != 0:
		return fmt.Errorf("the image tower's width %d does not divide into %d heads", c.VisionWidth, c.VisionHeads)
	case c.HasText() && c.TextWidth%c.TextHeads != 0:
		return fmt.Errorf("the text tower's width %d does not divide into %d heads", c.TextWidth, c.TextHeads)
	case c.Eps != 0 && !(c.Eps >= 1e-12 && c.Eps <= 1):
		return fmt.Errorf("layer_norm_eps must be from 1e-12 to 1, got %v", c.Eps)
	case !known:
		return fmt.Errorf("unknown activation %q; available: quick_gelu, gelu", c.Activation)
	}
	if err := c.Fit.Check(c.ImageSize); err != nil {
		return err
	}
	if c.Mean == [3]float32{} && c.Std == [3]float32{} {
		return nil
	}
	for i := range c.Std {
		if m, s := float64(c.Mean[i]), float64(c.Std[i]); !(math.Abs(m) <= 1e3) || !(s >= 1e-3 && s <= 1e3) {
			return fmt.Errorf("pixel mean %v and deviation %v are not statistics of colors", c.Mean, c.Std)
		}
	}
	return nil
}
