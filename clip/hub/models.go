package hub

import (
	"regexp"
	"slices"
	"strings"
)

// model is a published CLIP ViT.
type model struct {
	name string // its usual one
	repo string // on the Hugging Face hub, owner/name
}

// models are the names that Pull accepts: OpenAI's, then OpenCLIP's as
// architecture:tag. The repositories are those that OpenCLIP itself uses.
var models = []model{
	{"ViT-B/32", "timm/vit_base_patch32_clip_224.openai"},
	{"ViT-B/16", "timm/vit_base_patch16_clip_224.openai"},
	{"ViT-L/14", "timm/vit_large_patch14_clip_224.openai"},
	{"ViT-L/14@336px", "timm/vit_large_patch14_clip_336.openai"},

	{"ViT-B-32:laion400m_e31", "timm/vit_base_patch32_clip_224.laion400m_e31"},
	{"ViT-B-32:laion400m_e32", "timm/vit_base_patch32_clip_224.laion400m_e32"},
	{"ViT-B-32:laion2b_e16", "timm/vit_base_patch32_clip_224.laion2b_e16"},
	{"ViT-B-32:laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"},
	{"ViT-B-32:datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"},
	{"ViT-B-32:metaclip_400m", "timm/vit_base_patch32_clip_224.metaclip_400m"},
	{"ViT-B-32:metaclip_fullcc", "timm/vit_base_patch32_clip_224.metaclip_2pt5b"},
	{"ViT-B-32-256:datacomp_s34b_b86k", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"},
	{"ViT-B-16:laion400m_e31", "timm/vit_base_patch16_clip_224.laion400m_e31"},
	{"ViT-B-16:laion400m_e32", "timm/vit_base_patch16_clip_224.laion400m_e32"},
	{"ViT-B-16:laion2b_s34b_b88k", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"},
	{"ViT-B-16:datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K"},
	{"ViT-B-16:datacomp_l_s1b_b8k", "laion/CLIP-ViT-B-16-DataComp.L-s1B-b8K"},
	{"ViT-B-16:metaclip_400m", "timm/vit_base_patch16_clip_224.metaclip_400m"},
	{"ViT-B-16:metaclip_fullcc", "timm/vit_base_patch16_clip_224.metaclip_2pt5b"},
	{"ViT-B-16:dfn2b", "apple/DFN2B-CLIP-ViT-B-16"},
	{"ViT-L-14:laion400m_e31", "timm/vit_large_patch14_clip_224.laion400m_e31"},
	{"ViT-L-14:laion400m_e32", "timm/vit_large_patch14_clip_224.laion400m_e32"},
	{"ViT-L-14:laion2b_s32b_b82k", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"},
	{"ViT-L-14:datacomp_xl_s13b_b90k", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K"},
	{"ViT-L-14:metaclip_400m", "timm/vit_large_patch14_clip_224.metaclip_400m"},
	{"ViT-L-14:metaclip_fullcc", "timm/vit_large_patch14_clip_224.metaclip_2pt5b"},
	{"ViT-L-14:dfn2b", "apple/DFN2B-CLIP-ViT-L-14"},
	{"ViT-H-14:laion2b_s32b_b79k", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"},
}

// Names returns the model names that Pull accepts. It also accepts hf:OWNER/NAME.
func Names() []string {
	var names []string
	for _, m := range models {
		names = append(names, m.name)
	}
	return names
}

// repository matches the path of a repository on the hub.
var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// lookup finds the model of a name.
func lookup(name string) (model, bool) {
	if repo, ok := strings.CutPrefix(name, "hf:"); ok {
		return model{name, repo}, repository.MatchString(repo)
	}
	i := slices.IndexFunc(models, func(m model) bool { return spelling(m.name) == spelling(name) })
	if i < 0 {
		return model{}, false
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
func (m model) folder() string {
	if repo, ok := strings.CutPrefix(m.name, "hf:"); ok {
		return "hf--" + strings.ReplaceAll(repo, "/", "--")
	}
	return strings.NewReplacer("/", "-", ":", ".", "@", "-").Replace(m.name)
}
