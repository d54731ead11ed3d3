package checkpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tensors of every MobileCLIP model in Apple's own layout: with a convolutional image tower, and
// with a ViT.
const (
	appleTrunkLandmark = "image_encoder.model.conv_exp.se.reduce.weight"
	appleStemLandmark  = "image_encoder.model.patch_emb.2.block.conv.weight"
)

// appleFormat is the Format of such files.
const appleFormat = "mobileclip"

// appleImage replaces the names of Apple's image towers by those of timm. Of two entries that match
// at the same place, the first counts.
var appleImage = strings.NewReplacer(
	"image_encoder.model.patch_embed.", trunk+"stem.",
	"image_encoder.model.network.0.", trunk+"stages.0.blocks.",
	"image_encoder.model.network.1.", trunk+"stages.1.downsample.",
	"image_encoder.model.network.2.", trunk+"stages.1.blocks.",
	"image_encoder.model.network.3.", trunk+"stages.2.downsample.",
	"image_encoder.model.network.4.", trunk+"stages.2.blocks.",
	"image_encoder.model.network.5.", trunk+"stages.3.downsample.",
	"image_encoder.model.network.6.pe.", trunk+"stages.3.pos_emb.pos_enc.",
	"image_encoder.model.network.6.", trunk+"stages.3.pos_emb.",
	"image_encoder.model.network.7.", trunk+"stages.3.blocks.",
	"image_encoder.model.conv_exp.", trunk+"final_conv.",
	"image_encoder.model.head.proj", trunk+"head.fc.weight",
	"rbr_conv.", "conv_kxk.", "rbr_scale.", "conv_scale.", "rbr_skip.", "identity.",
	"lkb_origin.", "large_conv.", "lkb_reparam.", "reparam_conv.",
	"se.reduce.", "se.fc1.", "se.expand.", "se.fc2.", "convffn.", "mlp.",
	"layer_scale_1", "layer_scale_1.gamma", "layer_scale_2", "layer_scale_2.gamma", "layer_scale", "layer_scale.gamma",

	"image_encoder.model.patch_emb.", trunk+"patch_embed.backbone.", "block.conv.", "conv.", "block.norm.", "bn.",
	"image_encoder.model.cls_token", trunk+"cls_token",
	"image_encoder.model.pos_embed.pos_embed.pos_embed", trunk+"pos_embed",
	"image_encoder.model.transformer.", trunk+"blocks.",
	"image_encoder.model.post_transformer_norm.", trunk+"norm.",
	"image_encoder.model.classifier.proj", trunk+"head.weight",
	"pre_norm_mha.0.", "norm1.", "pre_norm_mha.1.qkv_proj.", "attn.qkv.", "pre_norm_mha.1.out_proj.", "attn.proj.",
	"pre_norm_ffn.0.", "norm2.", "pre_norm_ffn.1.", "mlp.fc1.", "pre_norm_ffn.4.", "mlp.fc2.",
)

// appleText replaces the names of the text tower by OpenAI's.
var appleText = strings.NewReplacer(
	"text_encoder.embedding_layer.", "token_embedding.",
	"text_encoder.positional_embedding.pos_embed.pos_embed", "positional_embedding",
	"text_encoder.transformer.", "transformer.resblocks.",
	"text_encoder.final_layer_norm.", "ln_final.",
	"text_encoder.projection_layer", "text_projection",
	"pre_norm_mha.0.", "ln_1.", "pre_norm_mha.1.qkv_proj.", "attn.in_proj_", "pre_norm_mha.1.out_proj.", "attn.out_proj.",
	"pre_norm_ffn.0.", "ln_2.", "pre_norm_ffn.1.", "mlp.c_fc.", "pre_norm_ffn.4.", "mlp.c_proj.",
)

// fromApple returns the tensors of a MobileCLIP model in Apple's own layout
// (https://github.com/apple/ml-mobileclip).
func fromApple(tensors map[string]lazy) (map[string]lazy, error) {
	out := map[string]lazy{}
	_, hybrid := tensors[appleHybrid]
	for name, t := range tensors {
		to := toTimm(name, hybrid)
		if _, twice := out[to]; twice {
			return nil, fmt.Errorf("tensor %q is there twice", name)
		}
		switch to {
		case "positional_embedding":
			out[to] = reshaped(t, 2)
		case trunk + "pos_embed":
			out[to] = reshaped(t, 3)
		case trunk + "head.fc.weight", trunk + "head.weight": // timm's has a bias
			if len(t.shape) != 2 {
				return nil, fmt.Errorf("tensor %q has shape %v, not that of a projection", name, t.shape)
			}
			out[to] = transposed(t)
			out[strings.TrimSuffix(to, "weight")+"bias"] = zeros(t.shape[1])
		default:
			out[to] = t
		}
	}
	if out[trunkLandmark].read != nil {
		return fromMobileCLIP(out)
	}
	return fromTimm(out)
}

// appleHybrid is a tensor of every text tower with convolutions before and after its Transformer.
const appleHybrid = "text_encoder.transformer.0.convffn.fc1.weight"

// appleTextBlock is the name of a tensor of the text tower's blocks, of which the first and the last
// of a hybrid one are convolutions.
var appleTextBlock = regexp.MustCompile(`^text_encoder\.transformer\.([0-9]{1,4})\.(.*)$`)

// toTimm returns the name of a tensor by timm, or by OpenAI in the text tower.
func toTimm(name string, hybrid bool) string {
	if !strings.HasPrefix(name, "text_encoder.") {
		return appleImage.Replace(name)
	}
	if part := appleTextBlock.FindStringSubmatch(name); hybrid && part != nil {
		i, _ := strconv.Atoi(part[1])
		if !strings.HasPrefix(part[2], "pre_norm_") {
			return fmt.Sprintf("%s%d.%s", textMixers, min(i, 1), appleImage.Replace(part[2]))
		}
		name = fmt.Sprintf("text_encoder.transformer.%d.%s", i-1, part[2])
	}
	return appleText.Replace(name)
}

// mobileCLIP is an architecture of Apple's MobileCLIP (Vasu et al. 2024) or MobileCLIP2 (Faghri et al.
// 2025). Their files do not say how images are prepared and whether texts are causal.
type mobileCLIP struct {
	names   string // of the models
	first   string // the first layer of the image tower
	width   int    // of it
	blocks  [5]int // of each stage of the image tower; a ViT is one
	embed   int
	text    int    // width of the text tower
	layers  int    // of it
	vision  string // what timm calls the image tower
	prepare string // preprocess_cfg of OpenCLIP
	side    int    // of images, in pixels
	causal  bool
}

// The values of mobileCLIP.prepare, by which OpenCLIP loads these models (open_clip.pretrained).
const (
	rawPixels        = `{"mean":[0,0,0],"std":[1,1,1],"interpolation":"bilinear"}`
	bilinearLikeCLIP = `{"interpolation":"bilinear"}`
	likeCLIP         = `{}`
)

// mobileCLIPs are the published architectures.
var mobileCLIPs = []mobileCLIP{
	{"MobileCLIP-S0", trunkStem, 64, [5]int{2, 6, 10, 2}, 512, 512, 4, "fastvit_mci0", rawPixels, 256, false},
	{"MobileCLIP2-S0", trunkStem, 64, [5]int{2, 6, 10, 2}, 512, 512, 12, "fastvit_mci0", rawPixels, 256, false},
	{"MobileCLIP-S1", trunkStem, 64, [5]int{4, 12, 20, 4}, 512, 512, 12, "fastvit_mci1", rawPixels, 256, false},
	{"MobileCLIP-S2 or MobileCLIP2-S2", trunkStem, 80, [5]int{4, 12, 24, 4}, 512, 512, 12, "fastvit_mci2", rawPixels, 256, false},
	{"MobileCLIP2-S3", trunkStem, 96, [5]int{2, 12, 24, 4, 2}, 768, 768, 12, "fastvit_mci3", bilinearLikeCLIP, 256, false},
	{"MobileCLIP2-S4", trunkStem, 128, [5]int{2, 12, 24, 4, 4}, 768, 768, 12, "fastvit_mci4", bilinearLikeCLIP, 256, false},
	{"MobileCLIP-B or MobileCLIP2-B", stemLandmark, 768, [5]int{12}, 512, 512, 12, "vit_base_mci_224", rawPixels, 224, true},
	{"MobileCLIP2-L-14", openAILandmark, 1024, [5]int{24}, 768, 768, 12, "vit_large_patch14_clip_224", likeCLIP, 224, false},
}

const trunkStem = trunk + "stem.0.reparam_conv.weight"

// mobileCLIPOf returns the architecture that tensors under OpenAI's names have, or nil.
func mobileCLIPOf(tensors map[string]lazy) *mobileCLIP {
	blocks := [5]int{blocksOf(tensors, "visual.transformer.resblocks.%d.ln_1.weight")}
	for stage := range blocks {
		blocks[stage] += blocksOf(tensors, fmt.Sprintf("%sstages.%d.blocks.%%d.mlp.conv.weight", trunk, stage))
	}
	i := slices.IndexFunc(mobileCLIPs, func(m mobileCLIP) bool {
		return dim(tensors, m.first, 0) == m.width && blocks == m.blocks &&
			slices.Equal(tensors["text_projection"].shape, []int{m.text, m.embed}) &&
			blocksOf(tensors, "transformer.resblocks.%d.ln_1.weight") == m.layers
	})
	if i < 0 {
		return nil
	}
	return &mobileCLIPs[i]
}

// configureMobileCLIP assumes the configuration of an architecture.
func (w *Weights) configureMobileCLIP(m *mobileCLIP, tensors map[string]lazy) error {
	pool := "token"
	if w.trunk {
		pool = "avg"
	}
	if _, err := w.configuredBy(fmt.Appendf(nil, `{"model_cfg":{"embed_dim":%d,`+
		`"vision_cfg":{"timm_model_name":%q,"timm_pool":%q,"image_size":%d},`+
		`"text_cfg":{"context_length":77,"vocab_size":49408,"width":%d,"heads":%d,"layers":%d,"no_causal_mask":%t}},"preprocess_cfg":%s}`,
		m.embed, m.vision, pool, m.side, m.text, m.text/64, m.layers, !m.causal, m.prepare), "", tensors); err != nil {
		return fmt.Errorf("read as %s: %w", m.names, err)
	}
	w.assume("the model is " + m.names)
	w.assume(fmt.Sprintf("images are resized by their shorter side to %d pixels and cropped, %s", m.side, prepared[m.prepare]))
	w.assume(causality[m.causal])
	return nil
}

// How assumptions are reported.
var (
	prepared = map[string]string{rawPixels: "bilinearly, and not normalized", bilinearLikeCLIP: "bilinearly, and normalized as in CLIP",
		likeCLIP: "bicubically, and normalized as in CLIP"}
	causality = map[bool]string{true: "the text tower is causal", false: "the text tower is not causal"}
)
