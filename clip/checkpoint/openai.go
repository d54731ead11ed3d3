package checkpoint

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// openAILandmark is a tensor of every model with OpenAI's names.
const openAILandmark = "visual.conv1.weight"

// block matches the names of a Transformer block's tensors.
const block = `transformer\.resblocks\.[0-9]+\.((ln_[12]|attn\.ln|mlp\.ln|attn\.out_proj|mlp\.c_(fc|proj|gate))\.(weight|bias)|attn\.in_proj_(weight|bias))`

// openAINames matches the tensors of a CLIP ViT, and those that later models have in addition.
var openAINames = regexp.MustCompile(`^(visual\.(class_embedding|positional_embedding|proj|proj\.bias|conv1\.weight|stem\.[012]\.(weight|bias)|ln_(pre|post)\.(weight|bias)|` + block +
	`|attn_pool\.(probe|(q|kv|out|layernorm|mlp\.c_(fc|proj)|ln_post)\.(weight|bias)))` +
	`|token_embedding\.weight|positional_embedding|cls_emb|text_projection|text_projection\.bias|logit_(scale|bias)|ln_final\.(weight|bias)|` + block +
	`|mixers\.[01]\.(token_mixer\.reparam_conv|mlp\.(conv|fc[12]))\.(weight|bias))$`)

// tokenEmbedding is a tensor that every text tower has.
const tokenEmbedding = "token_embedding.weight"

// hasText reports whether there is any tensor of a text tower.
func hasText(tensors map[string]lazy) bool {
	for name := range tensors {
		if !strings.HasPrefix(name, "visual.") && !strings.HasPrefix(name, "logit_") {
			return true
		}
	}
	return false
}

// hasImage reports whether there is any tensor of an image tower.
func hasImage(tensors map[string]lazy) bool {
	for name := range tensors {
		if strings.HasPrefix(name, "visual.") {
			return true
		}
	}
	return false
}

// fromOpenAI returns the tensors of a CLIP ViT under OpenAI's names. OpenCLIP puts the
// text tower of a model with "custom_text" under "text.", where it can also be CLIP's.
func fromOpenAI(tensors map[string]lazy) (map[string]lazy, error) {
	const custom = "text."
	plain := withoutDecoder(tensors)
	if tensors[custom+tokenEmbedding].read != nil && tensors[tokenEmbedding].read == nil {
		plain = without(plain, custom)
		for name, t := range tensors {
			if name, ok := strings.CutPrefix(name, custom); ok {
				plain[name] = t
			}
		}
	}
	if t, ok := plain["text_projection.weight"]; ok {
		delete(plain, "text_projection.weight")
		plain["text_projection"] = transposed(t)
	}
	for _, step := range []func(map[string]lazy) error{foldLayerScale, foldPatchBias, unifyPool} {
		if err := step(plain); err != nil {
			return nil, err
		}
	}
	kept, err := keepOpenAI(plain)
	if err != nil {
		return nil, notCLIP(tensors) // by the names in the file
	}
	return kept, nil
}

// without returns the tensors whose names do not begin with prefix.
func without(tensors map[string]lazy, prefix string) map[string]lazy {
	out := map[string]lazy{}
	for name, t := range tensors {
		if !strings.HasPrefix(name, prefix) {
			out[name] = t
		}
	}
	return out
}

// keepOpenAI returns the tensors of a CLIP ViT without buffers and counters. Any other
// tensor is an error: the model computes something else.
func keepOpenAI(tensors map[string]lazy) (map[string]lazy, error) {
	kept := map[string]lazy{}
	for name, t := range tensors {
		switch {
		case openAINames.MatchString(name):
			kept[name] = t
		case !isBuffer(name, t):
			return nil, notCLIP(tensors)
		}
	}
	return kept, nil
}

// isBuffer reports whether a tensor is not a weight, but the causal mask, or an index or
// size, which are integers.
func isBuffer(name string, t lazy) bool {
	return strings.HasSuffix(name, "attn_mask") || strings.HasSuffix(name, "position_ids") ||
		t.dtype != "" && !isFloat(t.dtype)
}

// otherModels are recognized by a part of a tensor's name.
var otherModels = []struct{ part, what string }{
	{`image_encoder\.model\.`, "an unknown part of a MobileCLIP model"},
	{`visual\.trunk\.`, "an image tower of the timm library"},
	{`vision_model\.head\.`, "a SigLIP model"},
	{`visual\.(layer1|attnpool)\.`, "a ResNet image tower"},
	{`visual\.attn_pool`, "an image tower with another attentional pooling"},
	{`(text|roberta)\.`, "a text tower other than CLIP's"},
	{`blocks\.0\.attn\.qkv\.`, "an image tower of the timm library, without text tower"},
}

// notCLIP returns the reason why tensors are not those of a CLIP ViT.
func notCLIP(tensors map[string]lazy) error {
	names := slices.Sorted(maps.Keys(tensors))
	for _, o := range otherModels {
		part := regexp.MustCompile(`(^|\.)` + o.part)
		if i := slices.IndexFunc(names, part.MatchString); i >= 0 {
			return fmt.Errorf("it holds %s (tensor %q), which is not supported", o.what, names[i])
		}
	}
	for _, name := range names {
		if !openAINames.MatchString(name) && !huggingFaceNames.MatchString(name) && !isBuffer(name, tensors[name]) {
			return fmt.Errorf("tensor %q is not a CLIP ViT's; the model is of another kind", name)
		}
	}
	if len(names) == 0 {
		return errors.New("it holds no tensors")
	}
	return fmt.Errorf("it lacks CLIP's image tower: neither %q nor %q is there", openAILandmark, huggingFaceLandmark)
}
