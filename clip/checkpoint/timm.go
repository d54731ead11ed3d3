package checkpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// timmLandmark is a tensor of every model of OpenCLIP whose image tower is a ViT of the timm
// library.
const timmLandmark = trunk + "pos_embed"

const trunk = "visual.trunk."

// timmNames matches the tensors of timm's ViTs.
var timmNames = regexp.MustCompile(`^visual\.(trunk\.(cls_token|pos_embed|patch_embed\.(proj|backbone\.[012])\.(weight|bias)|(norm_pre|norm|fc_norm|head)\.(weight|bias)` +
	`|attn_pool\.(latent|(q|kv|proj|norm|mlp\.fc1|mlp\.fc2)\.(weight|bias))` +
	`|blocks\.[0-9]+\.(gamma_[12]|ls[12]\.gamma|(norm[12]|attn\.(qkv|[qkv]_proj|proj|norm)|mlp\.(fc1|fc1_g|fc1_x|fc2|norm))\.(weight|bias)|attn\.[qv]_bias))|head\.proj\.(weight|bias))$`)

// timmToOpenAI replaces the names that differ only in spelling.
var timmToOpenAI = strings.NewReplacer(
	"trunk.blocks.", "transformer.resblocks.",
	"trunk.cls_token", "class_embedding",
	"trunk.pos_embed", "positional_embedding",
	"trunk.patch_embed.proj.", "conv1.", "trunk.patch_embed.backbone.", "stem.",
	"trunk.norm_pre.", "ln_pre.",
	"trunk.norm.", "ln_post.", "trunk.fc_norm.", "ln_post.",
	"trunk.head.weight", "proj", "trunk.head.bias", "proj.bias",
	"head.proj.weight", "proj", "head.proj.bias", "proj.bias",
	"trunk.attn_pool.latent", "attn_pool.probe",
	"trunk.attn_pool.proj.", "attn_pool.out.",
	"trunk.attn_pool.norm.", "attn_pool.layernorm.",
	"trunk.attn_pool.", "attn_pool.",
	"norm1.", "ln_1.", "norm2.", "ln_2.",
	"attn.qkv.weight", "attn.in_proj_weight", "attn.qkv.bias", "attn.in_proj_bias",
	"attn.proj.", "attn.out_proj.", "attn.norm.", "attn.ln.",
	"mlp.fc1_g.", "mlp.c_gate.", "mlp.fc1_x.", "mlp.c_fc.", "mlp.fc1.", "mlp.c_fc.", "mlp.fc2.", "mlp.c_proj.", "mlp.norm.", "mlp.ln.",
	"gamma_1", "ls_1.gamma", "gamma_2", "ls_2.gamma", "ls1.gamma", "ls_1.gamma", "ls2.gamma", "ls_2.gamma",
)

// fromTimm returns the tensors of a model of OpenCLIP with a ViT of timm under OpenAI's names.
func fromTimm(tensors map[string]lazy) (map[string]lazy, error) {
	tensors, err := foldStem(tensors)
	if err != nil {
		return nil, err
	}
	out := map[string]lazy{}
	for name, t := range tensors {
		if !timmNames.MatchString(name) {
			if strings.HasPrefix(name, "visual.") {
				return nil, notCLIP(tensors)
			}
			out[name] = t
			continue
		}
		switch to := timmToOpenAI.Replace(name); to {
		case "visual.proj":
			out[to] = transposed(t)
		case "visual.positional_embedding":
			out[to] = reshaped(t, 2)
		case "visual.class_embedding":
			out[to] = reshaped(t, 1)
		default:
			out[to] = t
		}
	}
	if err := joinTimm(out); err != nil {
		return nil, err
	}
	return fromOpenAI(out)
}

// joinTimm joins the projections of attention that are in several tensors. Keys may have no bias.
func joinTimm(tensors map[string]lazy) error {
	for _, form := range []struct{ from, to string }{
		{"attn.%s_proj.weight", "attn.in_proj_weight"}, {"attn.%s_proj.bias", "attn.in_proj_bias"}, {"attn.%s_bias", "attn.in_proj_bias"},
	} {
		first := fmt.Sprintf(form.from, "q")
		for name, q := range tensors {
			block, ok := strings.CutSuffix(name, "."+first)
			if !ok {
				continue
			}
			name := func(p string) string { return block + "." + fmt.Sprintf(form.from, p) }
			k, v := tensors[name("k")], tensors[name("v")]
			if k.read == nil {
				k = zerosLike(q)
			}
			if v.read == nil {
				return fmt.Errorf("tensor %q is missing", name("v"))
			}
			joined, err := join([]lazy{q, k, v})
			if err != nil {
				return fmt.Errorf("tensor %q: %w", name("q"), err)
			}
			tensors[block+"."+form.to] = joined
			for _, p := range []string{"q", "k", "v"} {
				delete(tensors, name(p))
			}
		}
	}
	return nil
}

// timmTower is what a name of timm says about an image tower.
type timmTower struct {
	name *regexp.Regexp
	head int // width of the attention heads
	Architecture
}

// perception is the image tower of Meta's Perception Encoder for images with grid² patches.
func perception(grid int) Architecture {
	return Architecture{Activation: "gelu", Eps: 1e-5, Pool: PoolAttention, PoolHeads: 8, ProjectionBias: true,
		Rotary: "xy", RotaryOffset: 1, RotaryGrid: grid}
}

// timmTowers are the image towers of timm that are supported.
var timmTowers = func() []timmTower {
	giant := perception(32)
	giant.NoClassToken, giant.RotaryOffset = true, 0
	eva := Architecture{Activation: "silu", Eps: 1e-6, NoPreNorm: true, ProjectionBias: true, Rotary: "yx", RotaryGrid: 16,
		Gated: true, AttentionNorm: true, MLPNorm: true}
	eva1 := Architecture{Activation: "gelu", Eps: 1e-6, NoPreNorm: true, ProjectionBias: true}
	siglip, tanh := siglipVision(0), siglipVision(0)
	siglip.Eps, siglip.Activation = 1e-6, "gelu"
	tanh.Eps, tanh.Activation = 1e-6, "gelu_tanh"
	name := regexp.MustCompile
	return []timmTower{
		{name(`^vit_base_patch16_siglip_(224|256|384|512)$`), 64, siglip},
		{name(`^vit_base_patch32_siglip_256$`), 64, tanh},
		{name(`^vit_large_patch16_siglip_(256|384)$`), 64, siglip},
		{name(`^vit_large_patch16_siglip_512$`), 64, tanh},
		{name(`^vit_so400m_patch14_siglip_(224|378|384)$`), 72, siglip},
		{name(`^vit_so400m_patch16_siglip_(256|384|512)$`), 72, tanh},
		{name(`^vit_giantopt_patch16_siglip_(256|384)$`), 96, tanh},
		{name(`^vit_pe_core_(tiny|small)_patch16_384$`), 64, perception(24)},
		{name(`^vit_pe_core_base_patch16_224$`), 64, perception(14)},
		{name(`^vit_pe_core_large_patch14_336$`), 64, perception(24)},
		{name(`^vit_pe_core_gigantic_patch14_448$`), 96, giant},
		{name(`^eva02_(base_patch16_clip_224|large_patch14_clip_(224|336))$`), 64, eva},
		{name(`^eva_giant_patch14_224$`), 88, eva1},
		{name(`^vit_base_mci_224$`), 64, Architecture{Activation: "gelu", Eps: 1e-6, NoPreNorm: true, ProjectionBias: true}},
		{name(`^vit_large_patch14_clip_224$`), 64, Architecture{Activation: "gelu", Eps: 1e-5, ProjectionBias: true}},
	}
}()

// timmTower sets the image tower of a configuration that names a model of timm.
func (w *Weights) timmTower(vision openCLIPTower, width int) error {
	name, _ := vision.values["timm_model_name"].(string)
	name, _, _ = strings.Cut(name, ".") // the tag of pretrained weights
	if w.trunk || trunks.MatchString(name) {
		return w.timmTrunk(vision, name)
	}
	i := slices.IndexFunc(timmTowers, func(t timmTower) bool { return t.name.MatchString(name) })
	if i < 0 {
		return fmt.Errorf("vision_cfg: timm_model_name %q is not supported", name)
	}
	head := timmTowers[i].head
	if width > head && width%head != 0 {
		return fmt.Errorf("vision_cfg: the heads of %s are %d wide, but the tensors have a width of %d: it belongs to another model", name, head, width)
	}
	w.Vision, w.VisionHeads = timmTowers[i].Architecture, max(1, width/head)
	if w.Vision.Pool == PoolAttention && w.Vision.PoolHeads == 0 {
		w.Vision.PoolHeads = w.VisionHeads
	}
	// The layout of the last layers depends on two more options.
	poolType, ok := vision.values["timm_pool"].(string)
	want := "token"
	if w.Vision.Pool == PoolAttention {
		want = "map"
	}
	if !ok || poolType != want {
		return fmt.Errorf("vision_cfg: timm_pool %v of %s is not supported; it is %q", vision.values["timm_pool"], name, want)
	}
	proj := vision.values["timm_proj"]
	if none := proj == nil || proj == ""; w.Vision.NoProjection && proj != "none" || !w.Vision.NoProjection && !none {
		return fmt.Errorf("vision_cfg: timm_proj %v of %s is not supported", proj, name)
	}
	return nil
}
