package checkpoint

import (
	"fmt"
	"strings"
)

// viFi is the Format of the checkpoints of ViFi-CLIP (Rasheed et al., CVPR 2023).
const viFi = "vifi-clip"

// viFiLandmark is a tensor that every such checkpoint has.
const viFiLandmark = "image_encoder.conv1.weight"

// fromViFi turns the tensors of a ViFi-CLIP checkpoint into OpenAI's. The checkpoint
// holds CLIP's towers under other names, and the embedded prompts of its training
// classes, which are dropped. It has no token embeddings; without them the rest of the
// text tower cannot be used, and is dropped too.
func fromViFi(tensors map[string]lazy) (map[string]lazy, error) {
	out := map[string]lazy{}
	for name, t := range tensors {
		switch name {
		case "prompt_learner.complete_text_embeddings", "prompt_learner.token_prefix", "prompt_learner.token_suffix":
			continue
		case "prompt_learner.ctx":
			return nil, fmt.Errorf("it holds learned prompts of ViFi-CLIP (tensor %q), which are not supported", name)
		}
		name = strings.TrimPrefix(name, "prompt_learner.") // token_embedding, if saved
		name = strings.TrimPrefix(name, "text_encoder.")
		if rest, ok := strings.CutPrefix(name, "image_encoder."); ok {
			name = "visual." + rest
		}
		out[name] = t
	}
	out, err := keepOpenAI(out)
	if err != nil || out[tokenEmbedding].read != nil {
		return out, err
	}
	for name := range out {
		if !strings.HasPrefix(name, "visual.") && name != "logit_scale" {
			delete(out, name)
		}
	}
	return out, nil
}
