package checkpoint

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// huggingFaceLandmark is a tensor of every model with the names of Hugging Face's
// CLIPModel.
const huggingFaceLandmark = "vision_model.embeddings.class_embedding"

// huggingFaceNames matches the tensors of a CLIPModel.
var huggingFaceNames = regexp.MustCompile(`^((vision|text)_model\.(embeddings\.(class_embedding|(patch|token|position)_embedding\.weight)` +
	`|pre_layrnorm\.(weight|bias)|post_layernorm\.(weight|bias)|final_layer_norm\.(weight|bias)` +
	`|encoder\.layers\.[0-9]+\.(layer_norm[12]|self_attn\.[qkv]_proj|self_attn\.out_proj|mlp\.fc[12])\.(weight|bias))` +
	`|(visual|text)_projection\.weight|logit_scale)$`)

// toOpenAI replaces the names that differ only in spelling. The misspelled
// pre_layrnorm is Hugging Face's.
var toOpenAI = strings.NewReplacer(
	"vision_model.embeddings.class_embedding", "visual.class_embedding",
	"vision_model.embeddings.patch_embedding", "visual.conv1",
	"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding",
	"vision_model.pre_layrnorm", "visual.ln_pre",
	"vision_model.post_layernorm", "visual.ln_post",
	"vision_model.encoder.layers", "visual.transformer.resblocks",
	"text_model.embeddings.token_embedding", "token_embedding",
	"text_model.embeddings.position_embedding.weight", "positional_embedding",
	"text_model.encoder.layers", "transformer.resblocks",
	"text_model.final_layer_norm", "ln_final",
	"layer_norm1", "ln_1", "layer_norm2", "ln_2",
	"self_attn.out_proj", "attn.out_proj",
	"mlp.fc1", "mlp.c_fc", "mlp.fc2", "mlp.c_proj",
)

// fromHuggingFace converts the tensors of a CLIPModel to OpenAI's: it renames them, joins
// queries, keys and values, and transposes projections.
func fromHuggingFace(tensors map[string]lazy) (map[string]lazy, error) {
	kept := map[string]lazy{}
	for name, t := range tensors {
		switch {
		case huggingFaceNames.MatchString(name):
			kept[name] = t
		case !isBuffer(name, t):
			return nil, notCLIP(tensors)
		}
	}
	return renameHuggingFace(kept)
}

// renameHuggingFace converts tensors that CLIPModel and similar models have.
func renameHuggingFace(tensors map[string]lazy) (map[string]lazy, error) {
	out := map[string]lazy{}
	for name, t := range tensors {
		switch {
		case name == "visual_projection.weight":
			out["visual.proj"] = transposed(t)
		case name == "text_projection.weight":
			out["text_projection"] = transposed(t)
		case strings.Contains(name, "self_attn.k_proj."), strings.Contains(name, "self_attn.v_proj."):
			if q := replaceProjection(name, "q"); tensors[q].read == nil {
				return nil, fmt.Errorf("tensor %q is missing", q)
			}
		case strings.Contains(name, "self_attn.q_proj."):
			var parts []lazy
			for _, p := range []string{"q", "k", "v"} {
				part := replaceProjection(name, p)
				if tensors[part].read == nil {
					return nil, fmt.Errorf("tensor %q is missing", part)
				}
				parts = append(parts, tensors[part])
			}
			joined, err := join(parts)
			if err != nil {
				return nil, fmt.Errorf("tensor %q: %w", name, err)
			}
			name = strings.Replace(toOpenAI.Replace(name), "self_attn.q_proj.", "attn.in_proj_", 1)
			out[name] = joined
		default:
			out[toOpenAI.Replace(name)] = t
		}
	}
	return out, nil
}

// replaceProjection replaces q, k or v in the name of a projection.
func replaceProjection(name, to string) string {
	at := strings.Index(name, "_proj.") - 1
	return name[:at] + to + name[at+1:]
}

// transposed returns a matrix with rows and columns exchanged.
func transposed(t lazy) lazy {
	shape := slices.Clone(t.shape)
	slices.Reverse(shape)
	return lazy{t.dtype, shape, func() (safetensors.Tensor, error) {
		m, err := t.read()
		if err != nil || len(m.Shape) != 2 {
			return m, err
		}
		rows, columns, size := m.Shape[0], m.Shape[1], safetensors.ElementSize(m.DType)
		data := make([]byte, 0, len(m.Data))
		for c := range columns {
			for r := range rows {
				at := (r*columns + c) * size
				data = append(data, m.Data[at:at+size]...)
			}
		}
		return safetensors.Tensor{DType: m.DType, Shape: shape, Data: data}, nil
	}}
}

// join concatenates tensors along their outermost dimension.
func join(parts []lazy) (lazy, error) {
	shape := slices.Clone(parts[0].shape)
	if len(shape) == 0 {
		return lazy{}, errors.New("a projection is a single number")
	}
	for _, p := range parts[1:] {
		if p.dtype != parts[0].dtype || len(p.shape) != len(shape) || !slices.Equal(p.shape[1:], shape[1:]) {
			return lazy{}, errors.New("query, key and value projections differ in type or shape")
		}
		shape[0] += p.shape[0]
	}
	return lazy{parts[0].dtype, shape, func() (safetensors.Tensor, error) {
		whole := safetensors.Tensor{DType: parts[0].dtype, Shape: shape}
		for _, p := range parts {
			t, err := p.read()
			if err != nil {
				return whole, err
			}
			whole.Data = append(whole.Data, t.Data...)
		}
		return whole, nil
	}}, nil
}
