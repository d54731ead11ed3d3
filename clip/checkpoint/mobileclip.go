package checkpoint

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// trunkLandmark is a tensor of every model with MobileCLIP's convolutional image tower, which
// timm calls FastViT.
const trunkLandmark = trunk + "final_conv.se.fc1.weight"

// HasTrunk reports whether the image tower is MobileCLIP's convolutional one.
func (w *Weights) HasTrunk() bool { return w.Tensors[trunkLandmark].Shape != nil }

// trunkNames matches the tensors of a convolutional image tower that is one convolution with a
// bias per layer.
var trunkNames = regexp.MustCompile(`^visual\.trunk\.(` +
	`(stem\.[012]|stages\.[0-9]+\.downsample\.proj\.[01]|stages\.[0-9]+\.pos_emb|stages\.[0-9]+\.blocks\.[0-9]+\.token_mixer|final_conv)\.reparam_conv` +
	`|(final_conv|stages\.[0-9]+\.downsample\.proj\.0)\.se\.fc[12]` +
	`|stages\.[0-9]+\.blocks\.[0-9]+\.(norm|token_mixer\.(qkv|proj)|mlp\.(conv|fc1|fc2))` +
	`|head\.fc)\.(weight|bias)$`)

// branches are the rules by which the layers of a file become single convolutions. A layer is
// recognized by a tensor whose name ends with a landmark. The rest of the name is the
// prefix of its branches, and of the result. The first rule that matches counts.
var branches = []struct {
	landmark, result string
	list             func(f *folding, prefix string) []branch
}{
	{".token_mixer.mixer.conv_kxk.0.conv.weight", ".token_mixer.reparam_conv", (*folding).mixer},
	{".conv_kxk.0.conv.weight", ".reparam_conv", (*folding).mobileOne},
	{".large_conv.conv.weight", ".reparam_conv", func(f *folding, p string) []branch {
		return f.present([]branch{{conv: p + ".large_conv.conv", norm: p + ".large_conv.bn"}, {conv: p + ".small_conv.conv", norm: p + ".small_conv.bn"}})
	}},
	{".pos_enc.weight", ".reparam_conv", func(_ *folding, p string) []branch { return []branch{{conv: p + ".pos_enc", biased: true}, {}} }},
	{".mlp.conv.conv.weight", ".mlp.conv", func(_ *folding, p string) []branch {
		return []branch{{conv: p + ".mlp.conv.conv", norm: p + ".mlp.conv.bn"}}
	}},
	{".mlp.fc2.weight", ".mlp.fc2", func(f *folding, p string) []branch {
		return []branch{{conv: p + ".mlp.fc2", biased: true, scale: f.scale(p+".layer_scale.gamma", p+".layer_scale_2.gamma")}}
	}},
	{".token_mixer.proj.weight", ".token_mixer.proj", func(f *folding, p string) []branch {
		return []branch{{conv: p + ".token_mixer.proj", biased: true, scale: f.scale(p + ".layer_scale_1.gamma")}}
	}},
	{".token_mixer.qkv.weight", ".token_mixer.qkv", func(f *folding, p string) []branch {
		return []branch{{conv: p + ".token_mixer.qkv", before: strings.TrimSuffix(f.first(p+".norm.running_mean"), ".running_mean")}}
	}},
}

// textMixers prefixes the names of the convolutions in the text tower of MobileCLIP-S0.
const textMixers = "mixers."

// fromMobileCLIP returns the tensors of a MobileCLIP model: the image tower with one convolution
// per layer, and the text tower under OpenAI's names. In training, layers have several branches
// with batch norms; for a trained model, their sum is one convolution.
func fromMobileCLIP(tensors map[string]lazy) (map[string]lazy, error) {
	f := newFolding(tensors)
	out := map[string]lazy{}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		if !strings.HasPrefix(name, trunk) && !strings.HasPrefix(name, textMixers) || f.used[name] {
			continue
		}
		for _, rule := range branches {
			prefix, ok := strings.CutSuffix(name, rule.landmark)
			if !ok {
				continue
			}
			weight, bias, err := f.layer(rule.list(f, prefix))
			if err != nil {
				return nil, err
			}
			out[prefix+rule.result+".weight"], out[prefix+rule.result+".bias"] = weight, bias
			break
		}
	}
	return out, f.keep(out)
}

// keep adds the tensors that are not part of a folded layer. Any other tensor is an error.
func (f *folding) keep(out map[string]lazy) error {
	rest := map[string]lazy{}
	for name, t := range f.tensors {
		switch {
		case f.used[name] || isBuffer(name, t) || strings.HasSuffix(name, ".num_batches_tracked"):
		case trunkNames.MatchString(name):
			out[name] = t
		case strings.HasPrefix(name, trunk):
			return fmt.Errorf("tensor %q is not known in a MobileCLIP image tower", name)
		default:
			rest[name] = t
		}
	}
	text, err := fromOpenAI(rest)
	maps.Copy(out, text)
	return err
}

// trunks are the names that timm has for MobileCLIP's convolutional image towers.
var trunks = regexp.MustCompile(`^fastvit_mci[0-4]$`)

// fiveStages are those with a stage more than the others.
var fiveStages = regexp.MustCompile(`^fastvit_mci[34]$`)

// timmTrunk sets the image size of a configuration that names such a tower.
func (w *Weights) timmTrunk(vision openCLIPTower, name string) (err error) {
	pool, proj := vision.values["timm_pool"], vision.values["timm_proj"]
	switch {
	case trunks.MatchString(name) != w.trunk, fiveStages.MatchString(name) != w.fiveStages:
		return fmt.Errorf("vision_cfg: timm_model_name %q, but the image tower in the weights is not: it belongs to another model", name)
	case pool != nil && pool != "avg":
		return fmt.Errorf("vision_cfg: timm_pool %v of %s is not supported; it is \"avg\"", pool, name)
	case proj != nil && proj != "":
		return fmt.Errorf("vision_cfg: timm_proj %v of %s is not supported; it is null", proj, name)
	}
	w.ImageSize, err = vision.number("image_size")
	if w.ImageSize == 0 {
		w.ImageSize = 224 // OpenCLIP's default
	}
	return err
}

// stemLandmark is a tensor of every image tower with MobileCLIP-B's stem of patches.
const stemLandmark = "visual.stem.2.weight"

// stemPatch is the side of its patches.
const stemPatch = 16

// foldStem returns the tensors of a ViT of timm with one convolution per layer of MobileCLIP-B's
// stem of patches. Its class token has no position, which becomes one of zeros.
func foldStem(tensors map[string]lazy) (map[string]lazy, error) {
	const stem, positions = trunk + "patch_embed.backbone.", trunk + "pos_embed"
	f := newFolding(tensors)
	out := maps.Clone(tensors)
	for i := range 3 {
		layer := fmt.Sprintf("%s%d", stem, i)
		if f.first(layer+".conv.weight") == "" {
			continue
		}
		norm := strings.TrimSuffix(f.first(layer+".bn.running_mean"), ".running_mean")
		weight, bias, err := f.layer([]branch{{conv: layer + ".conv", norm: norm, biased: norm == ""}})
		if err != nil {
			return nil, err
		}
		out[layer+".weight"], out[layer+".bias"] = weight, bias
		delete(out, layer+".bn.num_batches_tracked")
	}
	if len(f.used) == 0 {
		return tensors, nil
	}
	for name := range f.used {
		delete(out, name)
	}
	if shape := tensors[positions].shape; len(shape) == 3 && shape[0] == 1 && square(shape[1]) {
		width := shape[2]
		out[positions] = computed([]int{1, shape[1] + 1, width}, func(in [][]float32) []float32 {
			return append(make([]float32, width), in[0]...)
		}, tensors[positions])
	}
	return out, nil
}

// square reports whether n is the square of an integer.
func square(n int) bool {
	root := int(math.Round(math.Sqrt(float64(n))))
	return root*root == n
}
