package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/internal/input"
)

// configure reads the configuration in a weight file's folder: OpenCLIP's
// open_clip_config.json, or config.json, which OpenCLIP and Hugging Face both write.
// Without one, what weights cannot say is assumed.
func (w *Weights) configure(dir string, tensors map[string]lazy) error {
	for _, name := range []string{"open_clip_config.json", "config.json"} {
		if dir == "" { // there is only the file
			break
		}
		data, err := input.ReadFile(filepath.Join(dir, name), maxJSON)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			data, err = toUTF8(data)
		}
		if err != nil {
			return err
		}
		known, err := w.configuredBy(data, dir, tensors)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if known {
			return nil
		}
	}
	switch m := mobileCLIPOf(tensors); {
	case w.unconfigured != "" && m != nil:
		return w.configureMobileCLIP(m, tensors)
	case w.unconfigured != "":
		return fmt.Errorf("it holds %s, but its configuration, open_clip_config.json or config.json, is missing in its folder", w.unconfigured)
	case tensors[pool+"probe"].read != nil && tensors[pool+"mlp.c_fc.weight"].read != nil:
		w.perceptionEncoder(tensors)
		return nil
	}
	w.assume("attention heads are 64 wide")
	w.assume("images are resized by their shorter side and cropped")
	return nil
}

// assume notes what the files do not say.
func (w *Weights) assume(what string) { w.Assumed = append(w.Assumed, what) }

// configuredBy reads a configuration and reports whether it is one of OpenCLIP or
// Hugging Face.
func (w *Weights) configuredBy(data []byte, dir string, tensors map[string]lazy) (known bool, err error) {
	var which struct {
		Model  json.RawMessage `json:"model_cfg"`
		Vision json.RawMessage `json:"vision_config"`
		Text   json.RawMessage `json:"text_config"`
		// If CLIPModel's older configurations have these, they count instead.
		VisionDict json.RawMessage `json:"vision_config_dict"`
		TextDict   json.RawMessage `json:"text_config_dict"`
		Type       string          `json:"model_type"`
		Embed      int             `json:"projection_dim"`
		Quantized  json.RawMessage `json:"quantization_config"`
	}
	if err := decodeJSON(data, &which); err != nil {
		return false, err
	}
	if !isNull(which.Quantized) {
		return true, errors.New("quantization_config is not supported; clipcue quantizes by itself")
	}
	var s sizes
	switch {
	case which.Model != nil:
		width := 0
		if shape := tensors[openAILandmark].shape; len(shape) > 0 {
			width = shape[0]
		} else if shape := tensors[stemLandmark].shape; len(shape) > 0 {
			width = shape[0]
		}
		s, err = w.fromOpenCLIP(data, dir, width)
	case which.Type == "clip_vision_model": // CLIPVisionModelWithProjection
		s, err = w.fromTransformers(data, nil, dir)
	case which.Type == "clip_text_model": // CLIPTextModelWithProjection
		s, err = w.fromTransformers(nil, data, dir)
	case strings.HasPrefix(which.Type, "siglip"):
		if err := checkSiglip(which.Type, tensors); err != nil {
			return true, err
		}
		vision, text := which.Vision, which.Text
		if vision == nil { // SiglipVisionModel
			vision = data
		}
		if !hasText(tensors) {
			text = nil
		}
		s, err = w.fromSiglipConfig(vision, text, dir)
	case which.Vision != nil || which.VisionDict != nil || which.Type == "clip":
		if which.Type != "" && which.Type != "clip" {
			return true, fmt.Errorf("it is for a model of type %q; only \"clip\" is supported", which.Type)
		}
		vision, text := json.RawMessage("null"), json.RawMessage("null") // of which all values are missing
		for _, part := range []struct {
			into        *json.RawMessage
			older, data json.RawMessage
		}{{&vision, which.VisionDict, which.Vision}, {&text, which.TextDict, which.Text}} {
			if !isNull(part.older) {
				*part.into = part.older
			} else if !isNull(part.data) {
				*part.into = part.data
			}
		}
		if !hasText(tensors) {
			text = nil
		}
		s, err = w.fromTransformers(vision, text, dir)
	default:
		return false, nil // of another program
	}
	if which.Embed != 0 {
		s.embed = which.Embed
	}
	if err == nil {
		err = w.checkSizes(s, tensors)
	}
	return true, err
}

// isNull reports whether a configuration has no value, or null.
func isNull(data json.RawMessage) bool { return data == nil || string(data) == "null" }

// sizes are those of a model in its configuration; 0 where it has none.
type sizes struct {
	embed, imageSize, patch                             int
	visionWidth, visionLayers, visionMLP                int
	context, vocabulary, textWidth, textLayers, textMLP int
}

// checkSizes returns an error unless the tensors have these sizes: the configuration in the
// folder may be that of another model.
func (w *Weights) checkSizes(s sizes, tensors map[string]lazy) error {
	dim := func(tensor string, i int) int { return dim(tensors, tensor, i) }
	const image, text = "visual.transformer.resblocks.", "transformer.resblocks."
	patch := dim("visual.conv1.weight", 3)
	if tensors[stemLandmark].read != nil {
		patch = stemPatch
	}
	patches := dim("visual.positional_embedding", 0) - min(1, dim("visual.class_embedding", 0))
	grid := int(math.Round(math.Sqrt(float64(max(0, patches)))))
	if patch > 0 && w.ImageSize != 0 {
		s.imageSize = w.ImageSize / patch * patch
	}
	for _, c := range []struct {
		what       string
		want, have int
	}{
		{"the embedding", s.embed, dim("visual.proj", 1)},
		{"the embedding", s.embed, dim("text_projection", 1)},
		{"the image tower's width", s.visionWidth, dim("visual.conv1.weight", 0)},
		{"the patch size", s.patch, patch},
		{"the side of images", s.imageSize, grid * patch},
		{"the image tower's number of layers", s.visionLayers, blocksOf(tensors, image+"%d.ln_1.weight")},
		{"the image tower's MLP", s.visionMLP, dim(image+"0.mlp.c_fc.weight", 0)},
		{"the vocabulary", s.vocabulary, dim("token_embedding.weight", 0)},
		{"the text tower's width", s.textWidth, dim("token_embedding.weight", 1)},
		{"the text tower's context", s.context, dim("positional_embedding", 0) - min(1, dim("cls_emb", 0))},
		{"the text tower's number of layers", s.textLayers, blocksOf(tensors, text+"%d.ln_1.weight")},
		{"the text tower's MLP", s.textMLP, dim(text+"0.mlp.c_fc.weight", 0)},
	} {
		if c.want != 0 && c.have != 0 && c.want != c.have {
			return fmt.Errorf("%s is %d, but the tensors have %d: it belongs to another model", c.what, c.want, c.have)
		}
	}
	return nil
}

// dim returns a size of a tensor, or 0 without that dimension.
func dim(tensors map[string]lazy, name string, i int) int {
	if shape := tensors[name].shape; i < len(shape) {
		return shape[i]
	}
	return 0
}

// blocksOf returns the number of tensors whose names are format with 0, 1, 2 and so on.
func blocksOf(tensors map[string]lazy, format string) (n int) {
	for tensors[fmt.Sprintf(format, n)].read != nil {
		n++
	}
	return n
}

// plausibleEps reports whether a layer norm can add eps to the variance.
func plausibleEps(eps float64) bool { return eps >= 1e-12 && eps <= 1 }
