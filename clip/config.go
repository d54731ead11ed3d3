package clip

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
	"github.com/clipcue/clipcue/video"
)

// Config holds the sizes of a CLIP ViT. They are read from the shapes of its weights, and its
// architecture from the configuration in their folder.
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
	Activation   string  `json:"activation"`           // "quick_gelu", "gelu", "gelu_tanh" or "silu"
	Eps          float32 `json:"layer_norm_eps"`
	// Vision and Text are where the towers differ from those of OpenAI's CLIP.
	Vision checkpoint.Architecture `json:"vision,omitzero"`
	Text   checkpoint.Architecture `json:"text,omitzero"`
	// Trunk describes MobileCLIP's convolutional image tower. Without it, the image tower is a
	// Transformer.
	Trunk Trunk `json:"trunk,omitzero"`
	// Mean and Std normalize the channels of the pixels, red first, in 0..1.
	Mean [3]float32 `json:"mean"`
	Std  [3]float32 `json:"std"`
	// Fit is how images become square.
	Fit video.Fit `json:"fit,omitzero"`
	// Tokenizer is the fingerprint of the tokenizer, or "" for CLIP's own.
	Tokenizer string `json:"tokenizer,omitempty"`
	// Precision of the towers' arithmetic: "" for float32, or "int8-2". The number changes
	// when the features of int8 change, because they cannot be mixed in a store.
	Precision string `json:"precision,omitempty"`
}

// CLIP's own channel statistics, for files without any.
var (
	clipMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	clipStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// activations are the names that configurations use.
var activations = map[string]compute.Activation{
	"quick_gelu": compute.QuickGELU, "gelu": compute.GELU, "gelu_tanh": compute.TanhGELU, "silu": compute.SiLU,
}

// pools are the pools of the towers by their names.
var pools = map[string]towers.Pool{
	"": towers.PoolToken, checkpoint.PoolMean: towers.PoolMean, checkpoint.PoolNormMean: towers.PoolNormMean, checkpoint.PoolAttention: towers.PoolAttention,
	checkpoint.PoolFirst: towers.PoolFirst, checkpoint.PoolLast: towers.PoolLast, checkpoint.PoolClass: towers.PoolClass,
}

// sizes returns what the towers need of c.
func (c Config) sizes() towers.Sizes {
	v, t := c.Vision, c.Text
	return towers.Sizes{Embed: c.Embed, ImageSize: c.ImageSize, PatchSize: c.PatchSize,
		Vision:       c.block(v, nn.BlockConfig{Width: c.VisionWidth, Heads: c.VisionHeads, MLP: c.VisionMLP}),
		Text:         c.block(t, nn.BlockConfig{Width: c.TextWidth, Heads: c.TextHeads, MLP: c.TextMLP}),
		VisionLayers: c.VisionLayers, TextLayers: c.TextLayers, Context: c.Context, Vocab: c.Vocab,
		Image: towers.ImageDesign{Pool: pools[v.Pool], Attention: c.pool(), PoolNorm: v.PoolNorm, NoClass: v.NoClassToken, Stem: v.Stem,
			NoPreNorm: v.NoPreNorm, NoProjection: v.NoProjection, Bias: v.ProjectionBias,
			Rotary: towers.Rotary{Order: v.Rotary, Offset: float64(v.RotaryOffset), Grid: v.RotaryGrid}},
		Words: towers.TextDesign{Pool: pools[t.Pool], Bidirectional: t.Bidirectional, Pad: t.Pad, NoProjection: t.NoProjection, Bias: t.ProjectionBias,
			Mixer: t.Mixer, MixerMLP: t.MixerMLP}}
}

// block completes the sizes of a tower's blocks.
func (c Config) block(a checkpoint.Architecture, b nn.BlockConfig) nn.BlockConfig {
	b.Act, b.Eps = activations[cmp.Or(a.Activation, c.Activation)], cmp.Or(a.Eps, c.Eps)
	b.Gated, b.AttentionNorm, b.MLPNorm = a.Gated, a.AttentionNorm, a.MLPNorm
	return b
}

// poolWidth returns the width of an image's row after the pool.
func (c Config) poolWidth() int { return cmp.Or(c.Vision.PoolWidth, c.VisionWidth) }

// pool returns the sizes of the attention pool of images.
func (c Config) pool() nn.PoolConfig {
	v := c.Vision
	if v.Pool != checkpoint.PoolAttention {
		return nn.PoolConfig{}
	}
	b := c.block(v, nn.BlockConfig{})
	return nn.PoolConfig{In: c.VisionWidth, Width: c.poolWidth(), Heads: v.PoolHeads, MLP: v.PoolMLP, Act: b.Act, Eps: b.Eps}
}

// tensors calls f with the name, as OpenAI writes it, and the shape of every tensor of
// such a model.
func (c Config) tensors(f func(name string, shape ...int)) {
	if c.HasImage() {
		c.imageTensors(f)
	}
	if c.HasText() {
		c.textTensors(f)
	}
	f("logit_scale")
}

func (c Config) imageTensors(f func(name string, shape ...int)) {
	if c.Trunk != (Trunk{}) {
		c.Trunk.sizes().Tensors(c.Embed, f)
		return
	}
	v, sizes := c.Vision, c.sizes()
	if !v.NoClassToken {
		f("visual.class_embedding", c.VisionWidth)
	}
	f("visual.positional_embedding", sizes.Tokens(), c.VisionWidth)
	if v.Stem > 0 {
		towers.StemTensors(v.Stem, c.VisionWidth, f)
	} else {
		f("visual.conv1.weight", c.VisionWidth, 3, c.PatchSize, c.PatchSize)
	}
	if !v.NoPreNorm {
		f("visual.ln_pre.weight", c.VisionWidth)
		f("visual.ln_pre.bias", c.VisionWidth)
	}
	for i := range c.VisionLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", towers.VisionBlocks, i), sizes.Vision, f)
	}
	f("visual.ln_post.weight", c.VisionWidth)
	f("visual.ln_post.bias", c.VisionWidth)
	if v.Pool == checkpoint.PoolAttention {
		nn.PoolTensors(towers.VisionPool, sizes.Image.Attention, f)
	}
	if v.PoolNorm {
		f(towers.VisionPool+".ln_post.weight", sizes.PoolWidth())
		f(towers.VisionPool+".ln_post.bias", sizes.PoolWidth())
	}
	projection(v, "visual.proj", sizes.PoolWidth(), c.Embed, f)
}

// projection calls f with the tensors of the last projection of a tower.
func projection(a checkpoint.Architecture, name string, in, out int, f func(name string, shape ...int)) {
	if !a.NoProjection {
		f(name, in, out)
	}
	if a.ProjectionBias {
		f(name+".bias", out)
	}
}

func (c Config) textTensors(f func(name string, shape ...int)) {
	f("token_embedding.weight", c.Vocab, c.TextWidth)
	sizes := c.sizes()
	f("positional_embedding", sizes.Positions(), c.TextWidth)
	if c.Text.Pool == checkpoint.PoolClass {
		f("cls_emb", c.TextWidth)
	}
	for i := range c.TextLayers {
		nn.BlockTensors(fmt.Sprintf("%s.%d", towers.TextBlocks, i), sizes.Text, f)
	}
	if c.Text.Mixer > 0 {
		towers.MixerTensors(c.TextWidth, sizes.Words, f)
	}
	f("ln_final.weight", c.TextWidth)
	f("ln_final.bias", c.TextWidth)
	projection(c.Text, "text_projection", c.TextWidth, c.Embed, f)
}

// HasText reports whether the model has a text tower.
func (c Config) HasText() bool { return c.Context != 0 || c.Vocab != 0 || c.TextWidth != 0 }

// HasImage reports whether the model has an image tower.
func (c Config) HasImage() bool { return c.ImageSize != 0 || c.PatchSize != 0 || c.VisionWidth != 0 }

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
	if w.HasTrunk() {
		c.readTrunk(w)
	} else if c.HasImage() {
		c.VisionLayers, c.VisionHeads = layers(w, towers.VisionBlocks), heads(w.VisionHeads, c.VisionWidth)
	}
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
	if w.Tokenizer != nil {
		c.Tokenizer = w.Tokenizer.Fingerprint()
	} else if w.Cleaning != "" {
		c.Tokenizer = string(w.Cleaning)
	}
	if err := c.Check(); err != nil {
		return c, err
	}
	return c, c.checkShapes(w)
}

// shapesOf reads the sizes that single tensors have.
func shapesOf(w *checkpoint.Weights) (c Config, err error) {
	c.Vision, c.Text = w.Vision, w.Text
	v, hasText, hasImage, vit := &c.Vision, w.NoText == "", w.NoImage == "", w.NoImage == "" && !w.HasTrunk()
	hasStem := w.Tensors["visual.stem.2.weight"].Shape != nil
	for _, r := range []struct {
		name string
		dims int
		read func(s []int)
		has  bool
	}{
		{"visual.conv1.weight", 4, func(s []int) { c.VisionWidth, c.PatchSize = s[0], s[3] }, vit && !hasStem},
		{"visual.stem.2.weight", 4, func(s []int) { c.VisionWidth, v.Stem, c.PatchSize = s[0], s[1], towers.StemPatch }, hasStem},
		{"visual.positional_embedding", 2, func(s []int) {
			patches := s[0]
			if !v.NoClassToken {
				patches--
			}
			c.ImageSize = int(math.Round(math.Sqrt(float64(max(patches, 0))))) * c.PatchSize
			if w.ImageSize/c.PatchSize*c.PatchSize == c.ImageSize {
				c.ImageSize = w.ImageSize
			}
		}, vit},
		{towers.VisionPool + ".kv.weight", 2, func(s []int) {
			if c.Embed = s[0] / 2; c.Embed != c.VisionWidth {
				v.PoolWidth = c.Embed
			}
		}, v.Pool == checkpoint.PoolAttention},
		{"visual.proj", 2, func(s []int) { c.Embed = s[1] }, vit && !v.NoProjection},
		{"token_embedding.weight", 2, func(s []int) { c.Vocab, c.TextWidth = s[0], s[1] }, hasText},
		{"positional_embedding", 2, func(s []int) { c.Context = s[0] }, hasText},
		{"text_projection", 2, func(s []int) { c.Embed = s[1] }, !hasImage && !c.Text.NoProjection},
	} {
		if !r.has {
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
	if c.Embed == 0 {
		c.Embed = cmp.Or(c.VisionWidth, c.TextWidth)
	}
	if c.Text.Pool == checkpoint.PoolClass {
		c.Context--
	}
	if shape := w.Tensors[towers.VisionPool+".mlp.c_fc.weight"].Shape; len(shape) == 2 {
		v.PoolMLP = shape[0]
	}
	if shape := w.Tensors["mixers.0.token_mixer.reparam_conv.weight"].Shape; len(shape) == 4 {
		c.Text.Mixer = shape[3]
	}
	if shape := w.Tensors["mixers.0.mlp.fc1.weight"].Shape; len(shape) == 4 {
		c.Text.MixerMLP = shape[0]
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
	extra := maps.Clone(w.Tensors)
	delete(extra, "logit_bias")
	c.tensors(func(name string, shape ...int) {
		t, ok := w.Tensors[name]
		delete(extra, name)
		switch {
		case name == "logit_scale":
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%q is missing", name))
		case !slices.Equal(t.Shape, shape):
			wrong = append(wrong, fmt.Sprintf("%q has shape %v instead of %v", name, t.Shape, shape))
		}
	})
	for name := range extra {
		wrong = append(wrong, fmt.Sprintf("%q is not part of such a model", name))
	}
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
// request absurd amounts of memory or divide by zero. The sizes of a tower are all 0 in a
// model without it; Eps, Mean and Std are 0 for CLIP's own.
func (c Config) Check() error {
	type limit struct {
		name     string
		v        int
		from, to int
	}
	limits := []limit{{"embed", c.Embed, 1, 1 << 14}, {"vision_mlp", c.VisionMLP, 0, 1 << 16}, {"text_mlp", c.TextMLP, 0, 1 << 16}}
	image := []limit{
		{"image_size", c.ImageSize, 1, 1 << 12}, {"patch_size", c.PatchSize, 1, 1 << 12},
		{"vision_width", c.VisionWidth, 1, 1 << 14}, {"vision_layers", c.VisionLayers, 0, 1 << 12}, {"vision_heads", c.VisionHeads, 1, 1 << 10},
	}
	text := []limit{
		{"context", c.Context, 1, 1 << 12}, {"vocab", c.Vocab, 1, 1 << 21}, {"text_width", c.TextWidth, 1, 1 << 14},
		{"text_layers", c.TextLayers, 0, 1 << 12}, {"text_heads", c.TextHeads, 1, 1 << 10},
	}
	if c.HasText() {
		limits = append(limits, text...)
	}
	if c.HasImage() || !c.HasText() {
		limits = append(limits, image...)
	}
	for _, l := range limits {
		if l.v < l.from || l.v > l.to {
			return fmt.Errorf("%s must be from %d to %d, got %d", l.name, l.from, l.to, l.v)
		}
	}
	for _, name := range []string{c.Activation, cmp.Or(c.Vision.Activation, c.Activation), cmp.Or(c.Text.Activation, c.Activation)} {
		if _, known := activations[name]; !known {
			return fmt.Errorf("unknown activation %q; available: %s", name, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
		}
	}
	switch {
	case c.HasImage() && (c.ImageSize < c.PatchSize || c.sizes().Tokens() > maxTokens):
		return fmt.Errorf("image_size %d with patch_size %d gives %d patches; must be 1 to %d", c.ImageSize, c.PatchSize, c.sizes().Tokens()-1, maxTokens-1)
	case c.HasImage() && c.VisionWidth%c.VisionHeads != 0:
		return fmt.Errorf("the image tower's width %d does not divide into %d heads", c.VisionWidth, c.VisionHeads)
	case c.HasText() && c.TextWidth%c.TextHeads != 0:
		return fmt.Errorf("the text tower's width %d does not divide into %d heads", c.TextWidth, c.TextHeads)
	case c.Eps != 0 && !(c.Eps >= 1e-12 && c.Eps <= 1):
		return fmt.Errorf("layer_norm_eps must be from 1e-12 to 1, got %v", c.Eps)
	}
	if err := c.checkArchitectures(); err != nil {
		return err
	}
	if !c.HasImage() {
		return nil
	}
	if err := c.Fit.Check(c.ImageSize); err != nil {
		return err
	}
	if err := c.Trunk.check(); err != nil {
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
