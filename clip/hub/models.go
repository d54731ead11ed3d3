package hub

import (
	"regexp"
	"slices"
	"strings"
)

// Model is a published backbone.
type Model struct {
	Name       string  `json:"name"`       // its usual one
	Repository string  `json:"repository"` // on the Hugging Face hub, owner/name
	License    string  `json:"license"`    // of the weights; their model card has the terms
	Parameters float64 `json:"parameters"` // of both towers, in millions
	// ImageNet and Kinetics are published zero-shot accuracies on ImageNet-1k and Kinetics-400,
	// MSRVTT is the recall at 1 of videos for texts on MSR-VTT, all in percent; 0 if there is
	// none. docs/backbones.md has the sources.
	ImageNet float64 `json:"imagenet,omitempty"`
	Kinetics float64 `json:"kinetics,omitempty"`
	MSRVTT   float64 `json:"msrvtt,omitempty"`
}

// Licenses of the weights, with what they forbid.
const (
	mit           = "MIT"
	apache        = "Apache-2.0"
	nonCommercial = "CC-BY-NC-4.0: no commercial use"
	apple         = "Apple's own: see the model card"
	research      = "Apple Machine Learning Research Model: non-commercial research only, not for products or services"
	card          = "see the model card"
)

// models are the names that Pull accepts: OpenAI's, then others, with OpenCLIP's tag after the
// architecture if there are several. The repositories are those that OpenCLIP itself uses.
var models = []Model{
	{"ViT-B/32", "timm/vit_base_patch32_clip_224.openai", mit, 151.3, 63.3, 0, 0},
	{"ViT-B/16", "timm/vit_base_patch16_clip_224.openai", mit, 149.6, 68.3, 0, 0},
	{"ViT-L/14", "timm/vit_large_patch14_clip_224.openai", mit, 427.6, 75.5, 0, 0},
	{"ViT-L/14@336px", "timm/vit_large_patch14_clip_336.openai", mit, 427.9, 76.6, 0, 0},

	// OpenCLIP's ViTs.
	{"ViT-B-32:laion400m_e31", "timm/vit_base_patch32_clip_224.laion400m_e31", card, 151.3, 60.2, 0, 0},
	{"ViT-B-32:laion400m_e32", "timm/vit_base_patch32_clip_224.laion400m_e32", card, 151.3, 60.2, 0, 0},
	{"ViT-B-32:laion2b_e16", "timm/vit_base_patch32_clip_224.laion2b_e16", card, 151.3, 65.7, 0, 0},
	{"ViT-B-32:laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", mit, 151.3, 66.6, 0, 0},
	{"ViT-B-32:datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", mit, 151.3, 69.2, 0, 0},
	{"ViT-B-32:metaclip_400m", "timm/vit_base_patch32_clip_224.metaclip_400m", nonCommercial, 151.3, 65.6, 0, 0},
	{"ViT-B-32:metaclip_fullcc", "timm/vit_base_patch32_clip_224.metaclip_2pt5b", nonCommercial, 151.3, 67.7, 0, 0},
	{"ViT-B-32-256:datacomp_s34b_b86k", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", mit, 151.3, 72.8, 0, 0},
	{"ViT-B-16:laion400m_e31", "timm/vit_base_patch16_clip_224.laion400m_e31", card, 149.6, 67.0, 0, 0},
	{"ViT-B-16:laion400m_e32", "timm/vit_base_patch16_clip_224.laion400m_e32", card, 149.6, 67.1, 0, 0},
	{"ViT-B-16:laion2b_s34b_b88k", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", mit, 149.6, 70.2, 0, 0},
	{"ViT-B-16:datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", mit, 149.6, 73.5, 0, 0},
	{"ViT-B-16:datacomp_l_s1b_b8k", "laion/CLIP-ViT-B-16-DataComp.L-s1B-b8K", mit, 149.6, 63.1, 0, 0},
	{"ViT-B-16:metaclip_400m", "timm/vit_base_patch16_clip_224.metaclip_400m", nonCommercial, 149.6, 70.8, 0, 0},
	{"ViT-B-16:metaclip_fullcc", "timm/vit_base_patch16_clip_224.metaclip_2pt5b", nonCommercial, 149.6, 72.1, 0, 0},
	{"ViT-B-16:dfn2b", "apple/DFN2B-CLIP-ViT-B-16", apple, 149.6, 76.2, 0, 0},
	{"ViT-L-14:laion400m_e31", "timm/vit_large_patch14_clip_224.laion400m_e31", card, 427.6, 72.7, 0, 0},
	{"ViT-L-14:laion400m_e32", "timm/vit_large_patch14_clip_224.laion400m_e32", card, 427.6, 72.8, 0, 0},
	{"ViT-L-14:laion2b_s32b_b82k", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", mit, 427.6, 75.3, 0, 0},
	{"ViT-L-14:datacomp_xl_s13b_b90k", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", mit, 427.6, 79.2, 0, 0},
	{"ViT-L-14:metaclip_400m", "timm/vit_large_patch14_clip_224.metaclip_400m", nonCommercial, 427.6, 76.2, 0, 0},
	{"ViT-L-14:metaclip_fullcc", "timm/vit_large_patch14_clip_224.metaclip_2pt5b", nonCommercial, 427.6, 79.2, 0, 0},
	{"ViT-L-14:dfn2b", "apple/DFN2B-CLIP-ViT-L-14", apple, 427.6, 81.4, 0, 0},
	{"ViT-H-14:laion2b_s32b_b79k", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", mit, 986.1, 78.0, 0, 0},
	{"ViT-H-14:metaclip_fullcc", "timm/vit_huge_patch14_clip_224.metaclip_2pt5b", nonCommercial, 986.1, 80.5, 0, 0},
	{"ViT-H-14:dfn5b", "apple/DFN5B-CLIP-ViT-H-14", apple, 986.1, 83.4, 0, 0},
	{"ViT-H-14-378:dfn5b", "apple/DFN5B-CLIP-ViT-H-14-378", apple, 986.7, 84.4, 0, 0},
	{"ViT-g-14:laion2b_s34b_b88k", "laion/CLIP-ViT-g-14-laion2B-s34B-b88K", mit, 1366.7, 78.5, 0, 0},
	{"ViT-bigG-14:laion2b_s39b_b160k", "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", mit, 2539.6, 80.1, 0, 0},
	{"coca_ViT-B-32:laion2b_s13b_b90k", "laion/CoCa-ViT-B-32-laion2B-s13B-b90k", mit, 152.6, 63.6, 0, 0},
	{"coca_ViT-L-14:laion2b_s13b_b90k", "laion/CoCa-ViT-L-14-laion2B-s13B-b90k", mit, 430.4, 75.6, 0, 0},

	// CLIPA.
	{"ViT-L-14-CLIPA", "UCSC-VLAA/ViT-L-14-CLIPA-datacomp1B", apache, 414.2, 79.6, 0, 0},
	{"ViT-L-14-CLIPA-336", "UCSC-VLAA/ViT-L-14-CLIPA-336-datacomp1B", apache, 414.5, 80.3, 0, 0},
	{"ViT-H-14-CLIPA", "UCSC-VLAA/ViT-H-14-CLIPA-datacomp1B", apache, 968.2, 81.5, 0, 0},
	{"ViT-H-14-CLIPA-336", "UCSC-VLAA/ViT-H-14-CLIPA-336-datacomp1B", apache, 968.6, 81.8, 0, 0},
	{"ViT-bigG-14-CLIPA", "UCSC-VLAA/ViT-bigG-14-CLIPA-datacomp1B", apache, 2517.2, 82.7, 0, 0},

	// BAAI's EVA.
	{"EVA02-B-16", "timm/eva02_base_patch16_clip_224.merged2b_s8b_b131k", mit, 149.7, 74.7, 0, 0},
	{"EVA02-L-14", "timm/eva02_large_patch14_clip_224.merged2b_s4b_b131k", mit, 427.8, 79.8, 0, 0},
	{"EVA02-L-14-336", "timm/eva02_large_patch14_clip_336.merged2b_s6b_b61k", mit, 428.1, 80.4, 0, 0},
	{"EVA01-g-14", "timm/eva_giant_patch14_clip_224.laion400m_s11b_b41k", mit, 1136.4, 78.5, 0, 0},

	// Meta's Perception Encoder; figures of its README.
	{"PE-Core-T16-384", "timm/PE-Core-T-16-384", apache, 69.5, 62.1, 41.5, 28.8},
	{"PE-Core-S16-384", "timm/PE-Core-S-16-384", apache, 87.2, 72.7, 55.0, 39.3},
	{"PE-Core-B16-224", "timm/PE-Core-B-16", apache, 447.7, 78.4, 65.6, 47.6},
	{"PE-Core-L14-336", "timm/PE-Core-L-14-336", apache, 671.1, 83.5, 73.4, 50.3},
	{"PE-Core-G14-448", "timm/PE-Core-bigG-14-448", apache, 2419.3, 85.4, 76.9, 51.2},

	// Google's SigLIP and SigLIP 2, in OpenCLIP's layout. Figures of SigLIP are OpenCLIP's, those of
	// SigLIP 2 its authors'.
	{"siglip-base-patch16-224", "timm/ViT-B-16-SigLIP", apache, 203.2, 76.0, 0, 0},
	{"siglip-base-patch16-256", "timm/ViT-B-16-SigLIP-256", apache, 203.2, 76.5, 0, 0},
	{"siglip-base-patch16-384", "timm/ViT-B-16-SigLIP-384", apache, 203.4, 78.5, 0, 0},
	{"siglip-large-patch16-256", "timm/ViT-L-16-SigLIP-256", apache, 652.2, 80.5, 0, 0},
	{"siglip-large-patch16-384", "timm/ViT-L-16-SigLIP-384", apache, 652.5, 82.1, 0, 0},
	{"siglip-so400m-patch14-384", "timm/ViT-SO400M-14-SigLIP-384", apache, 878.0, 83.1, 0, 0},
	{"siglip2-base-patch32-256", "timm/ViT-B-32-SigLIP2-256", apache, 376.9, 74.0, 0, 0},
	{"siglip2-base-patch16-224", "timm/ViT-B-16-SigLIP2", apache, 375.2, 78.2, 0, 0},
	{"siglip2-base-patch16-256", "timm/ViT-B-16-SigLIP2-256", apache, 375.2, 79.1, 0, 0},
	{"siglip2-base-patch16-384", "timm/ViT-B-16-SigLIP2-384", apache, 375.5, 80.6, 0, 0},
	{"siglip2-base-patch16-512", "timm/ViT-B-16-SigLIP2-512", apache, 375.8, 81.2, 0, 0},
	{"siglip2-large-patch16-256", "timm/ViT-L-16-SigLIP2-256", apache, 881.5, 82.5, 0, 0},
	{"siglip2-large-patch16-384", "timm/ViT-L-16-SigLIP2-384", apache, 881.9, 83.1, 0, 0},
	{"siglip2-large-patch16-512", "timm/ViT-L-16-SigLIP2-512", apache, 882.3, 83.5, 0, 0},
	{"siglip2-so400m-patch14-224", "timm/ViT-SO400M-14-SigLIP2", apache, 1135.5, 83.2, 0, 0},
	{"siglip2-so400m-patch16-256", "timm/ViT-SO400M-16-SigLIP2-256", apache, 1135.7, 83.4, 0, 0},
	{"siglip2-so400m-patch16-384", "timm/ViT-SO400M-16-SigLIP2-384", apache, 1136.0, 84.1, 0, 0},
	{"siglip2-so400m-patch16-512", "timm/ViT-SO400M-16-SigLIP2-512", apache, 1136.6, 84.3, 0, 0},
	{"siglip2-giant-opt-patch16-256", "timm/ViT-gopt-16-SigLIP2-256", apache, 1871.4, 84.5, 0, 0},
	{"siglip2-giant-opt-patch16-384", "timm/ViT-gopt-16-SigLIP2-384", apache, 1871.9, 85.0, 0, 0},

	// Apple's MobileCLIP; figures of its README.
	{"MobileCLIP2-S0", "timm/MobileCLIP2-S0-OpenCLIP", research, 74.8, 71.5, 0, 0},
	{"MobileCLIP2-S2", "timm/MobileCLIP2-S2-OpenCLIP", research, 99.2, 77.2, 0, 0},
	{"MobileCLIP2-S3", "timm/MobileCLIP2-S3-OpenCLIP", research, 248.9, 80.7, 0, 0},
	{"MobileCLIP2-S4", "timm/MobileCLIP2-S4-OpenCLIP", research, 445.4, 81.9, 0, 0},
	{"MobileCLIP2-B", "timm/MobileCLIP2-B-OpenCLIP", research, 149.8, 79.4, 0, 0},
	{"MobileCLIP2-L-14", "timm/MobileCLIP2-L-14-OpenCLIP", research, 427.6, 81.9, 0, 0},
	{"MobileCLIP-S1", "apple/MobileCLIP-S1-OpenCLIP", research, 85.0, 72.6, 0, 0},
	{"MobileCLIP-S2", "apple/MobileCLIP-S2-OpenCLIP", research, 99.2, 74.4, 0, 0},
	{"MobileCLIP-B", "apple/MobileCLIP-B-OpenCLIP", research, 149.8, 76.8, 0, 0},
	{"MobileCLIP-B:datacompdr_lt", "apple/MobileCLIP-B-LT-OpenCLIP", research, 149.8, 77.2, 0, 0},
}

// Models returns the models that Pull knows by name.
func Models() []Model { return slices.Clone(models) }

// Names returns the model names that Pull accepts. It also accepts hf:OWNER/NAME.
func Names() []string {
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// repository matches the path of a repository on the hub.
var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// lookup finds the model of a name.
func lookup(name string) (Model, bool) {
	if repo, ok := strings.CutPrefix(name, "hf:"); ok {
		return Model{Name: name, Repository: repo}, repository.MatchString(repo)
	}
	i := slices.IndexFunc(models, func(m Model) bool { return spelling(m.Name) == spelling(name) })
	if i < 0 {
		return Model{}, false
	}
	return models[i], true
}

// spelling returns one form for the usual spellings of a name: ViT-B/16, vit-b-16 and
// ViT-B-16:openai are the same, as are ViT-L/14@336px and ViT-L-14-336. The suffix
// -quickgelu is dropped, because the configuration has the activation.
func spelling(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	name = strings.NewReplacer("/", "-", "@", "-", "::", ":").Replace(name)
	name, tag, _ := strings.Cut(name, ":")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "-quickgelu"), "px")
	if tag == "" || tag == "openai" {
		return name
	}
	return name + ":" + tag
}

// folder returns the name of a model's folder, without / and :, which Windows forbids.
func (m Model) folder() string {
	if repo, ok := strings.CutPrefix(m.Name, "hf:"); ok {
		return "hf--" + strings.ReplaceAll(repo, "/", "--")
	}
	return strings.NewReplacer("/", "-", ":", ".", "@", "-").Replace(m.Name)
}
