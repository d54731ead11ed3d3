package immich

import (
	"strings"
)

// Name returns a model's name as Immich cleans it: the part after the last slash, without what
// folders cannot have.
func Name(model string) string {
	model = strings.TrimSpace(model[strings.LastIndexByte(model, '/')+1:])
	return strings.NewReplacer(":", "_", `\`, "_", ".", "").Replace(model)
}

// PullName returns the name under which package clip/hub downloads a model that Immich names, or
// "" if clipcue cannot run such a model.
func PullName(model string) string { return pullNames[Name(model)] }

// pullNames are the CLIP models of Immich that clipcue can run. Not among them are the ResNets,
// and those with XLM-Roberta and NLLB as text towers.
var pullNames = map[string]string{
	"ViT-B-32__openai":                 "ViT-B/32",
	"ViT-B-16__openai":                 "ViT-B/16",
	"ViT-L-14__openai":                 "ViT-L/14",
	"ViT-L-14-336__openai":             "ViT-L/14@336px",
	"ViT-B-32__laion400m_e31":          "ViT-B-32:laion400m_e31",
	"ViT-B-32__laion400m_e32":          "ViT-B-32:laion400m_e32",
	"ViT-B-32__laion2b_e16":            "ViT-B-32:laion2b_e16",
	"ViT-B-32__laion2b-s34b-b79k":      "ViT-B-32:laion2b_s34b_b79k",
	"ViT-B-16__laion400m_e31":          "ViT-B-16:laion400m_e31",
	"ViT-B-16__laion400m_e32":          "ViT-B-16:laion400m_e32",
	"ViT-B-16-plus-240__laion400m_e31": "hf:timm/vit_base_patch16_plus_clip_240.laion400m_e31",
	"ViT-B-16-plus-240__laion400m_e32": "hf:timm/vit_base_patch16_plus_clip_240.laion400m_e32",
	"ViT-L-14__laion400m_e31":          "ViT-L-14:laion400m_e31",
	"ViT-L-14__laion400m_e32":          "ViT-L-14:laion400m_e32",
	"ViT-L-14__laion2b-s32b-b82k":      "ViT-L-14:laion2b_s32b_b82k",
	"ViT-L-14-quickgelu__dfn2b":        "ViT-L-14:dfn2b",
	"ViT-H-14__laion2b-s32b-b79k":      "ViT-H-14:laion2b_s32b_b79k",
	"ViT-H-14-quickgelu__dfn5b":        "ViT-H-14:dfn5b",
	"ViT-H-14-378-quickgelu__dfn5b":    "ViT-H-14-378:dfn5b",
	"ViT-g-14__laion2b-s12b-b42k":      "hf:laion/CLIP-ViT-g-14-laion2B-s12B-b42K",
	"ViT-B-16-SigLIP__webli":           "siglip-base-patch16-224",
	"ViT-B-16-SigLIP-256__webli":       "siglip-base-patch16-256",
	"ViT-B-16-SigLIP-384__webli":       "siglip-base-patch16-384",
	"ViT-B-16-SigLIP-512__webli":       "hf:timm/ViT-B-16-SigLIP-512",
	"ViT-B-16-SigLIP-i18n-256__webli":  "hf:timm/ViT-B-16-SigLIP-i18n-256",
	"ViT-L-16-SigLIP-256__webli":       "siglip-large-patch16-256",
	"ViT-L-16-SigLIP-384__webli":       "siglip-large-patch16-384",
	"ViT-SO400M-14-SigLIP-384__webli":  "siglip-so400m-patch14-384",
	"ViT-B-32-SigLIP2-256__webli":      "siglip2-base-patch32-256",
	"ViT-B-16-SigLIP2__webli":          "siglip2-base-patch16-224",
	"ViT-L-16-SigLIP2-256__webli":      "siglip2-large-patch16-256",
	"ViT-L-16-SigLIP2-384__webli":      "siglip2-large-patch16-384",
	"ViT-L-16-SigLIP2-512__webli":      "siglip2-large-patch16-512",
	"ViT-SO400M-14-SigLIP2__webli":     "siglip2-so400m-patch14-224",
	"ViT-SO400M-14-SigLIP2-378__webli": "hf:timm/ViT-SO400M-14-SigLIP2-378",
	"ViT-SO400M-16-SigLIP2-256__webli": "siglip2-so400m-patch16-256",
	"ViT-SO400M-16-SigLIP2-384__webli": "siglip2-so400m-patch16-384",
	"ViT-SO400M-16-SigLIP2-512__webli": "siglip2-so400m-patch16-512",
	"ViT-gopt-16-SigLIP2-256__webli":   "siglip2-giant-opt-patch16-256",
	"ViT-gopt-16-SigLIP2-384__webli":   "siglip2-giant-opt-patch16-384",
}
