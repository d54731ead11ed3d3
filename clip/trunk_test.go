package clip_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/safetensors"
)

const mobile = "../testdata/zoo/mobileclip2-s0"

// changedModel copies a model with changes of its configuration and its tensors.
func changedModel(t *testing.T, from, old, new string, change func(map[string]safetensors.Tensor)) string {
	t.Helper()
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(from, "open_clip_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(config), old) {
		t.Fatalf("the configuration lacks %s", old)
	}
	if err := os.WriteFile(filepath.Join(dir, "open_clip_config.json"), []byte(strings.ReplaceAll(string(config), old, new)), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(filepath.Join(from, "open_clip_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(f.Tensors)
	}
	if err := safetensors.Write(filepath.Join(dir, "open_clip_model.safetensors"), f); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Options of a convolutional tower that contradict the weights, or that it does not support, are
// errors.
func TestTrunkOptions(t *testing.T) {
	for _, c := range []struct{ from, old, new, want string }{
		{mobile, `"timm_pool": "avg"`, `"timm_pool": "max"`, "timm_pool max"},
		{mobile, `"timm_proj": null`, `"timm_proj": "linear"`, "timm_proj linear"},
		{mobile, "fastvit_mci0", "fastvit_sa12", "belongs to another model"},
		{mobile, "fastvit_mci0", "eva02_base_patch16_clip_224", "belongs to another model"},
		{"../testdata/zoo/eva02", "eva02_base_patch16_clip_224", "fastvit_mci0", "belongs to another model"},
		{mobile, `"image_size": 64`, `"image_size": 1`, "image_size"},
	} {
		if _, err := clip.Load(changedModel(t, c.from, c.old, c.new, nil), clip.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, not %q", c.new, err, c.want)
		}
	}
	m, err := clip.Load(changedModel(t, mobile, `"image_size": 64`, `"image_size": 96`, nil), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if side := m.Config().ImageSize; side != 96 {
		t.Errorf("images have %d pixels", side)
	}
}

// A branch of a layer that is incomplete, of another shape or not finite is an error.
func TestTrunkTensors(t *testing.T) {
	const mixer = "visual.trunk.stages.1.blocks.0.token_mixer."
	first := func(tensors map[string]safetensors.Tensor, name string, v float32) {
		data, err := tensors[name].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		data[0] = v
		tensors[name] = safetensors.FromFloat32s(data, tensors[name].Shape...)
	}
	for want, change := range map[string]func(map[string]safetensors.Tensor){
		"conv_scale.bn.running_var\" is missing": func(m map[string]safetensors.Tensor) { delete(m, mixer+"mixer.conv_scale.bn.running_var") },
		"is not known":                           func(m map[string]safetensors.Tensor) { delete(m, mixer+"mixer.identity.running_mean") },
		"does not fit": func(m map[string]safetensors.Tensor) {
			m[mixer+"layer_scale.gamma"] = safetensors.FromFloat32s([]float32{1}, 1)
		},
		"mlp.fc2.bias\" is missing": func(m map[string]safetensors.Tensor) {
			delete(m, "visual.trunk.stages.1.blocks.0.mlp.fc2.bias")
		},
		"layer_scale.gamma\" is missing": func(m map[string]safetensors.Tensor) { delete(m, mixer+"layer_scale.gamma") },

		"is missing":         func(m map[string]safetensors.Tensor) { delete(m, "visual.trunk.head.fc.bias") },
		"has the value NaN":  func(m map[string]safetensors.Tensor) { first(m, mixer+"mixer.identity.running_var", -1) },
		"has the value +Inf": func(m map[string]safetensors.Tensor) { first(m, "visual.trunk.head.fc.bias", float32(math.Inf(1))) },
		"not that of a convolution": func(m map[string]safetensors.Tensor) {
			m["visual.trunk.stages.1.blocks.0.mlp.fc2.weight"] = safetensors.FromFloat32s(make([]float32, 12), 12)
		},
	} {
		if _, err := clip.Load(changedModel(t, mobile, "fastvit_mci0", "fastvit_mci0", change), clip.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, not %q", err, want)
		}
	}
}

// A convolutional model is read back as it was written, and cannot be pre-trained.
func TestTrunkIsReadBack(t *testing.T) {
	m, err := clip.Load(mobile, clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := clip.RandomWeights(m.Config(), 1)
	if _, err := clip.New(w, clip.Options{Learnable: true}); err == nil {
		t.Error("it can be pre-trained")
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := clip.WriteFile(path, w, false, nil); err != nil {
		t.Fatal(err)
	}
	var features [2][]float32
	for i, load := range []func() (*clip.Model, error){
		func() (*clip.Model, error) { return clip.New(w, clip.Options{}) },
		func() (*clip.Model, error) { return clip.Load(path, clip.Options{}) },
	} {
		m, err := load()
		if err != nil {
			t.Fatal(err)
		}
		side := m.Config().ImageSize
		if features[i], err = m.EncodeImages(t.Context(), make([]byte, 3*side*side)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(features[0], features[1]) {
		t.Error("the features differ")
	}
}
