package checkpoint

import (
	"encoding/json"
	"fmt"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/internal/exactjson"
)

// transformersTower is a part of Hugging Face's CLIPConfig.
type transformersTower struct {
	Activation string  `json:"hidden_act"`
	Heads      int     `json:"num_attention_heads"`
	Eps        float64 `json:"layer_norm_eps"`
	Width      int     `json:"hidden_size"`
	MLP        int     `json:"intermediate_size"`
	Layers     int     `json:"num_hidden_layers"`
	Embed      int     `json:"projection_dim"`
	ImageSize  int     `json:"image_size"`
	Patch      int     `json:"patch_size"`
	Channels   int     `json:"num_channels"`
	Vocabulary int     `json:"vocab_size"`
	Context    int     `json:"max_position_embeddings"`
	End        *int    `json:"eos_token_id"`
}

// transformersActivations are the activations by the names of transformers.
var transformersActivations = map[string]string{"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh"}

// read overwrites t with the values that a part of a configuration has.
func (t *transformersTower) read(data json.RawMessage) error {
	if data == nil {
		return nil
	}
	return exactjson.Unmarshal(data, t)
}

// fromTransformers reads the parts of a CLIPConfig for the two towers, and the settings of
// the image processor in dir; vision or text is nil for a model without that tower. Missing values
// are those of CLIPConfig itself: ViT-B/32. Sizes that it does not have are those of the
// tensors.
func (w *Weights) fromTransformers(vision, text json.RawMessage, dir string) (s sizes, err error) {
	v := transformersTower{Activation: "quick_gelu", Heads: 12, Eps: 1e-5, Width: 768, Patch: 32, Channels: 3}
	t := transformersTower{Activation: "quick_gelu", Heads: 8, Eps: 1e-5, Width: 512, Vocabulary: bpe.FullVocabulary}
	if err := v.read(vision); err != nil {
		return s, err
	}
	if err := t.read(text); err != nil {
		return s, err
	}
	// With 2, which early configurations have, Transformers takes the last token of the vocabulary.
	// Its default is that of the full vocabulary; a smaller one without a value can only mean its own.
	if last := min(t.Vocabulary, bpe.FullVocabulary) - 1; t.End != nil && *t.End != 2 && *t.End != last {
		return s, fmt.Errorf("eos_token_id %d is not supported; it is %d, where texts end", *t.End, last)
	}
	switch {
	case text == nil:
		t.Activation, t.Eps = v.Activation, v.Eps
	case vision == nil:
		v.Activation, v.Eps, v.Width, v.Patch, v.Embed = t.Activation, t.Eps, 0, 0, t.Embed
	}
	if err := w.transformersTowers(&v, &t); err != nil {
		return s, err
	}
	s = sizes{embed: v.Embed, imageSize: v.ImageSize, patch: v.Patch,
		visionWidth: v.Width, visionLayers: v.Layers, visionMLP: v.MLP,
		context: t.Context, vocabulary: t.Vocabulary, textWidth: t.Width, textLayers: t.Layers, textMLP: t.MLP,
	}
	if vision == nil {
		return s, nil
	}
	return s, w.readPreprocessor(dir, v.ImageSize, "CLIP", preprocessor{})
}

// transformersTowers sets what both towers of any model of Transformers have.
func (w *Weights) transformersTowers(v, t *transformersTower) error {
	switch {
	case !plausibleEps(v.Eps) || !plausibleEps(t.Eps):
		return fmt.Errorf("layer_norm_eps is %g in vision_config and %g in text_config", v.Eps, t.Eps)
	case v.Heads < 1 || t.Heads < 1:
		return fmt.Errorf("num_attention_heads is %d and %d", v.Heads, t.Heads)
	case v.Channels != 3:
		return fmt.Errorf("num_channels %d is not supported; images have 3", v.Channels)
	}
	for _, tower := range []*transformersTower{v, t} {
		name, ok := transformersActivations[tower.Activation]
		if !ok {
			return fmt.Errorf("hidden_act %q is not supported; it is quick_gelu, gelu or gelu_pytorch_tanh", tower.Activation)
		}
		tower.Activation = name
	}
	w.Activation, w.VisionHeads, w.TextHeads, w.Eps = t.Activation, v.Heads, t.Heads, float32(t.Eps)
	if v.Activation != t.Activation {
		w.Vision.Activation = v.Activation
	}
	if v.Eps != t.Eps {
		w.Vision.Eps = float32(v.Eps)
	}
	return nil
}
