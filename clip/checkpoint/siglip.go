package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// siglipLandmark is a tensor of every model with the names of Hugging Face's SiglipModel.
const siglipLandmark = "vision_model.head.probe"

// siglipNames matches the tensors of a SiglipModel.
var siglipNames = regexp.MustCompile(`^((vision|text)_model\.(embeddings\.(patch_embedding\.(weight|bias)|(token|position)_embedding\.weight)` +
	`|post_layernorm\.(weight|bias)|final_layer_norm\.(weight|bias)` +
	`|encoder\.layers\.[0-9]+\.(layer_norm[12]|self_attn\.[qkv]_proj|self_attn\.out_proj|mlp\.fc[12])\.(weight|bias)` +
	`|head\.(probe|attention\.in_proj_(weight|bias)|attention\.out_proj\.(weight|bias)|layernorm\.(weight|bias)|mlp\.fc[12]\.(weight|bias)|weight|bias))` +
	`|logit_scale|logit_bias)$`)

// siglipHeads replaces the names that CLIPModel does not have.
var siglipHeads = strings.NewReplacer(
	"vision_model.head.attention.", pool+"attn.",
	"vision_model.head.", pool,
	"vision_model.embeddings.patch_embedding.bias", "visual.conv1.bias",
	"text_model.head.", "text_projection.",
)

// fromSiglip converts the tensors of a SiglipModel.
func fromSiglip(tensors map[string]lazy) (map[string]lazy, error) {
	kept := map[string]lazy{}
	for name, t := range tensors {
		switch {
		case siglipNames.MatchString(name):
			kept[siglipHeads.Replace(name)] = t
		case !isBuffer(name, t):
			return nil, notCLIP(tensors)
		}
	}
	renamed, err := renameHuggingFace(kept)
	if err != nil {
		return nil, err
	}
	return fromOpenAI(renamed)
}

// siglipTower is a part of Hugging Face's SiglipConfig.
type siglipTower struct {
	transformersTower
	Projection int   `json:"projection_size"`
	Head       *bool `json:"vision_use_head"`
}

// fromSiglipConfig reads the parts of a SiglipConfig for the two towers, and the settings of the
// image processor and the tokenizer in dir; text is nil for a model without text tower. Missing
// values are those of SiglipConfig.
func (w *Weights) fromSiglipConfig(vision, text json.RawMessage, dir string) (s sizes, err error) {
	usual := transformersTower{Activation: "gelu_pytorch_tanh", Heads: 12, Eps: 1e-6, Channels: 3}
	v, t := siglipTower{transformersTower: usual}, siglipTower{transformersTower: usual}
	v.ImageSize = 224
	if err := exactjson.Unmarshal(vision, &v); err != nil {
		return s, err
	}
	if text != nil {
		if err := exactjson.Unmarshal(text, &t); err != nil {
			return s, err
		}
	}
	if v.Head != nil && !*v.Head {
		return s, errors.New("vision_use_head false is not supported")
	}
	w.Vision, w.Text = siglipVision(v.Heads), siglipText
	if err := w.transformersTowers(&v.transformersTower, &t.transformersTower); err != nil {
		return s, err
	}
	if v.Patch > 0 && v.ImageSize%v.Patch != 0 {
		w.ImageSize = v.ImageSize
	}
	s = sizes{embed: t.Projection, imageSize: v.ImageSize, patch: v.Patch, visionWidth: v.Width, visionLayers: v.Layers, visionMLP: v.MLP,
		context: t.Context, vocabulary: t.Vocabulary, textWidth: t.Width, textLayers: t.Layers, textMLP: t.MLP}
	if err := w.readPreprocessor(dir, v.ImageSize, "Siglip", siglipProcessor()); err != nil || text == nil {
		return s, err
	}
	return s, w.readTokenizer(dir, "", false)
}

// siglipText is where SigLIP's text tower differs from CLIP's.
var siglipText = Architecture{Pool: PoolLast, Bidirectional: true, ProjectionBias: true}

// siglipVision is the same of the image tower.
func siglipVision(heads int) Architecture {
	return Architecture{Pool: PoolAttention, PoolHeads: heads, NoClassToken: true, NoPreNorm: true, NoProjection: true}
}

// siglipProcessor returns the settings of a SiglipImageProcessor without a file.
func siglipProcessor() preprocessor {
	return preprocessor{Crop: new(bool), Size: json.RawMessage(`{"height":224,"width":224}`),
		Mean: []float32{0.5, 0.5, 0.5}, Std: []float32{0.5, 0.5, 0.5}}
}

// checkSiglip returns an error for a configuration that is not that of the tensors.
func checkSiglip(kind string, tensors map[string]lazy) error {
	switch {
	case strings.HasPrefix(kind, "siglip2"):
		return errors.New("SigLIP 2 for images of any shape (NaFlex) is not supported, only the models with a fixed size")
	case strings.HasPrefix(kind, "siglip") && tensors[pool+"probe"].read == nil:
		return fmt.Errorf("it is for a model of type %q, whose tensors the weights lack", kind)
	}
	return nil
}
