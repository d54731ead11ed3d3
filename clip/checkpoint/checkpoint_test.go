package checkpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/google/go-cmp/cmp"
)

// float returns the fixture model from its float32 file.
func float(t *testing.T) map[string]Tensor {
	t.Helper()
	out := map[string]Tensor{}
	for name, v := range fixture.Load(t, "clip/openclip.safetensors").Tensors {
		data, err := v.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = InMemory(data, v.Shape...)
	}
	return out
}

// readAll opens a file and reads all its tensors, as loading a model does.
func readAll(path string) (*Weights, error) {
	w, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	for name, v := range w.Tensors {
		data, err := v.Read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		w.Tensors[name] = InMemory(data, v.Shape...)
	}
	return w, nil
}

// content is the comparable content of a tensor.
func content(v Tensor) any { return []any{v.Shape, values(v)} }

// values returns the elements of a tensor in memory.
func values(v Tensor) []float32 {
	data, _ := v.Read()
	return data
}

// sameShapes reports tensors that are missing, unexpected or of another shape.
func sameShapes(t *testing.T, got, want map[string]Tensor) {
	t.Helper()
	shapes := func(all map[string]Tensor) map[string][]int {
		out := map[string][]int{}
		for name, v := range all {
			out[name] = slices.Concat([]int{}, v.Shape)
		}
		return out
	}
	if d := cmp.Diff(shapes(want), shapes(got)); d != "" {
		t.Fatalf("shapes differ (-want +got):\n%s", d)
	}
}

func sameTensors(t *testing.T, got, want map[string]Tensor) {
	t.Helper()
	sameShapes(t, got, want)
	for name := range want {
		if !slices.Equal(values(got[name]), values(want[name])) {
			t.Errorf("tensor %q differs", name)
		}
	}
}

// The same model in the five file formats in use.
func TestFixtureForms(t *testing.T) {
	want := float(t)
	half := map[string]Tensor{}
	for _, c := range []struct {
		file, format, activation string
		half                     bool
	}{
		{"openclip.safetensors", "openclip-safetensors", "", false},
		{"openclip_training.pt", "openclip-training", "", false},
		{"hf", "huggingface", "quick_gelu", false},
		{"hf/model.safetensors", "huggingface", "quick_gelu", false},
		{"openai_archive.pt", "openai-archive", "quick_gelu", true},
		{"openai_state_dict.pt", "openai-state-dict", "", true},
	} {
		t.Run(c.file, func(t *testing.T) {
			w, err := readAll(fixture.Path(t, "clip/"+c.file))
			if err != nil {
				t.Fatal(err)
			}
			if w.Format != c.format || w.Activation != c.activation {
				t.Errorf("format %q, activation %q; want %q and %q", w.Format, w.Activation, c.format, c.activation)
			}
			if !c.half {
				sameTensors(t, w.Tensors, want)
				return
			}
			sameShapes(t, w.Tensors, want)
			if len(half) == 0 {
				half = w.Tensors
			}
			sameTensors(t, w.Tensors, half)
			for name, v := range w.Tensors {
				for i, x := range values(v) {
					// Half precision has 11 bits, and rounds to 0 below 2^-25.
					if f := values(want[name])[i]; max(x-f, f-x) > max(f, -f)/2048+0x1p-25 {
						t.Fatalf("tensor %q has %v at %d, want %v", name, x, i, f)
					}
				}
			}
		})
	}
}

func TestHuggingFaceConfiguration(t *testing.T) {
	w, err := readAll(fixture.Path(t, "clip/hf"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(fixture.Path(t, "clip/hf/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Vision struct {
			Heads int `json:"num_attention_heads"`
		} `json:"vision_config"`
		Text struct {
			Heads int `json:"num_attention_heads"`
		} `json:"text_config"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	if w.VisionHeads != config.Vision.Heads || w.TextHeads != config.Text.Heads || w.Eps != 1e-5 {
		t.Errorf("heads %d and %d, eps %g; want %d, %d and 1e-5", w.VisionHeads, w.TextHeads, w.Eps, config.Vision.Heads, config.Text.Heads)
	}
}

// tiny is a miniature model: the smallest tensors with the right names.
func tiny() map[string]safetensors.Tensor {
	f := func(shape ...int) safetensors.Tensor {
		n := safetensors.Tensor{Shape: shape}.Len()
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(i)
		}
		return safetensors.FromFloat32s(data, shape...)
	}
	return map[string]safetensors.Tensor{
		"visual.conv1.weight":    f(4, 3, 2, 2),
		"visual.proj":            f(4, 2),
		"token_embedding.weight": f(6, 4),
		"logit_scale":            f(),
	}
}

// tinyHF is tiny under Hugging Face's names.
func tinyHF() map[string]safetensors.Tensor {
	v := tiny()["visual.conv1.weight"]
	return map[string]safetensors.Tensor{
		"vision_model.embeddings.class_embedding":        safetensors.FromFloat32s(make([]float32, 4), 4),
		"vision_model.embeddings.patch_embedding.weight": v,
		"text_model.embeddings.token_embedding.weight":   tiny()["token_embedding.weight"],
		"text_model.embeddings.position_ids":             safetensors.FromInt64s([]int64{0, 1}, 1, 2),
	}
}

// write writes files to a new folder: texts unchanged, tensors as safetensors.
func write(t *testing.T, files map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		var err error
		switch c := content.(type) {
		case string:
			err = os.WriteFile(path, []byte(c), 0o666)
		case []byte:
			err = os.WriteFile(path, c, 0o666)
		case map[string]safetensors.Tensor:
			err = safetensors.Write(path, &safetensors.File{Tensors: c})
		default:
			t.Fatalf("%T", c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestConfigurations(t *testing.T) {
	const openCLIP = "open_clip_model.safetensors"
	for _, c := range []struct {
		name  string
		files map[string]any
		want  Weights
	}{
		{"OpenCLIP's default is GELU", map[string]any{openCLIP: tiny(),
			"open_clip_config.json": `{"model_cfg":{"vision_cfg":{"width":4,"patch_size":2,"head_width":2},"text_cfg":{"width":4,"vocab_size":6,"heads":1}}}`},
			Weights{Format: "openclip-safetensors", Activation: "gelu", VisionHeads: 2, TextHeads: 1, Eps: 1e-5}},
		{"OpenCLIP with QuickGELU and other statistics", map[string]any{openCLIP: tiny(),
			"open_clip_config.json": `{"model_cfg":{"quick_gelu":true,"vision_cfg":{"head_width":4,"norm_kwargs":{"eps":1e-6}},"text_cfg":{"norm_kwargs":{"eps":1e-6}}},
				"preprocess_cfg":{"mean":[0.5,0.5,0.5],"std":[0.25,0.5,0.5],"interpolation":"bicubic","resize_mode":"shortest"}}`},
			Weights{Format: "openclip-safetensors", Activation: "quick_gelu", VisionHeads: 1, TextHeads: 8, Eps: 1e-6,
				Mean: [3]float32{0.5, 0.5, 0.5}, Std: [3]float32{0.25, 0.5, 0.5}}},
		{"OpenCLIP's file beside Hugging Face's configuration", map[string]any{openCLIP: tiny(),
			"config.json": `{"model_type":"clip","vision_config":{"hidden_size":4,"patch_size":2,"hidden_act":"gelu"},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":2,"hidden_act":"gelu"}}`},
			Weights{Format: "openclip-safetensors", Activation: "gelu", VisionHeads: 12, TextHeads: 8, Eps: 1e-5}},
		{"Hugging Face with statistics", map[string]any{"model.safetensors": tinyHF(),
			"config.json":              `{"vision_config":{"hidden_size":4,"patch_size":2,"num_attention_heads":2},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":2}}`,
			"preprocessor_config.json": `{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"resample":3}`},
			Weights{Format: "huggingface", Activation: "quick_gelu", VisionHeads: 2, TextHeads: 8, Eps: 1e-5,
				Mean: [3]float32{0.5, 0.5, 0.5}, Std: [3]float32{0.5, 0.5, 0.5}}},
		{"Hugging Face's older configuration", map[string]any{"model.safetensors": tinyHF(),
			"config.json": `{"vision_config":{"hidden_act":"relu","hidden_size":8},"vision_config_dict":{"patch_size":2,"hidden_act":"gelu","hidden_size":4},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":2,"hidden_act":"gelu"},"text_config_dict":null}`},
			Weights{Format: "huggingface", Activation: "gelu", VisionHeads: 12, TextHeads: 8, Eps: 1e-5}},
		{"no configuration", map[string]any{"model.safetensors": tinyHF()}, Weights{Format: "huggingface"}},
		{"another program's configuration", map[string]any{openCLIP: tiny(), "config.json": `{"architecture":"vit_base_patch32_clip_224"}`},
			Weights{Format: "openclip-safetensors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := readAll(write(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			if len(w.Tensors) == 0 {
				t.Error("no tensors")
			}
			w.Tensors, w.Assumed, w.close = nil, nil, nil
			if d := cmp.Diff(c.want, *w, cmp.AllowUnexported(Weights{})); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestConfigurationsRefused(t *testing.T) {
	const hf, openCLIP = "config.json", "open_clip_config.json"
	for _, c := range []struct {
		file, text string
		want       string
	}{
		{hf, `{"vision_config":{"hidden_act":"relu"},"text_config":{"hidden_act":"relu"}}`, `"relu"`},
		{hf, `{"vision_config":{"hidden_size":4,"patch_size":2},"vision_config_dict":{"patch_size":2},"text_config":{}}`, "width is 768"},
		{hf, `{"model_type":"clip","text_config":{}}`, "width is 768"},
		{hf, `{"model_type":"clip","quantization_config":{"load_in_8bit":true}}`, "quantization_config"},
		{hf, `{"vision_config":{"layer_norm_eps":2},"text_config":{}}`, "layer_norm_eps"},
		{hf, `{"vision_config":{"num_attention_heads":-1},"text_config":{}}`, "num_attention_heads"},
		{hf, `{"vision_config":{"hidden_size":8,"patch_size":2},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":2}}`, "belongs to another model"},
		{hf, `{"vision_config":{"hidden_size":4,"patch_size":2},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":3}}`, "eos_token_id 3"},
		{hf, `{"vision_config":{"hidden_size":4,"patch_size":2},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":49407}}`, "eos_token_id 49407"},
		{hf, `{"model_type":"siglip","vision_config":{}}`, `"siglip"`},
		{hf, `{"vision_config":3}`, hf},
		{hf, `[`, hf},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"width":5,"head_width":2}}}`, "width is 5"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"pool_type":"none"}}}`, "pool_type none"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"no_causal_mask":1}}}`, "no_causal_mask"},
		{openCLIP, `{"model_cfg":{"quick_gelu":1}}`, "quick_gelu"},
		{openCLIP, `{"model_cfg":{"quick_gelu":"true"}}`, "quick_gelu"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"mlp_ratio":"4"}}}`, "mlp_ratio"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"tokenizer_kwargs":{"strip_sep_token":1}}}}`, "strip_sep_token"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"hf_tokenizer_name":1}}}`, "hf_tokenizer_name"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"pool_type":"first"}}}`, "pool_type first"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"head_width":64}}}`, "heads of 64 columns"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{}}}`, "heads of 64 columns"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"pool_type":"eos"}}}`, "pool_type eos"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"no_causal_mask":true,"embed_cls":true}}}`, "embed_cls"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"timm_model_name":"resnet50"}}}`, "resnet50"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"timm_model_name":"vit_pe_core_base_patch16_224","timm_pool":"avg"}}}`, "timm_pool avg"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"attentional_pool":"cascade"}}}`, "attentional_pool"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"act_kwargs":{"a":1}}}}`, "act_kwargs"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"norm_kwargs":[]}}}`, "norm_kwargs"},
		{openCLIP, `{"model_cfg":{"multimodal_cfg":{}}}`, "multimodal_cfg"},
		{openCLIP, `{"model_cfg":{"init_logit_bias":-10}}`, "init_logit_bias"},
		{openCLIP, `{"model_cfg":{},"preprocess_cfg":{"interpolation":"nearest"}}`, "nearest"},
		{openCLIP, `{"model_cfg":{},"preprocess_cfg":{"resize_mode":"longest"}}`, "longest"},
		{openCLIP, `{"model_cfg":{},"preprocess_cfg":{"mode":"L"}}`, `"L"`},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"image_size":4}},"preprocess_cfg":{"size":5}}`, "size 5"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"image_size":[4,8]}}}`, "image_size"},
		{openCLIP, `{"model_cfg":{"vision_cfg":{"new_option":true}}}`, "new_option is not known"},
		{openCLIP, `{"model_cfg":{"new_option":true}}`, "new_option is not known"},
		{openCLIP, `{"model_cfg":{"embed_dim":5,"vision_cfg":{"head_width":2}}}`, "embedding is 5"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"tokenizer_kwargs":{"clean":"whitespace"}}}}`, "whitespace"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"tokenizer_kwargs":{"reduction_mask":"syntax"}}}}`, "reduction_mask"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"hf_tokenizer_name":"timm/ViT-B-16-SigLIP"}}}`, "no tokenizer"},
		{openCLIP, `{"model_cfg":{"text_cfg":{"proj_type":"mlp"}}}`, "proj_type mlp"},
		{openCLIP, `{"model_cfg":{},"preprocess_cfg":{"mean":[1],"std":[1,1,1]}}`, "three numbers"},
		{openCLIP, `{"model_cfg":{},"preprocess_cfg":{"mean":[0,0,0],"std":[1,0,1]}}`, "deviation"},
		{"vocab.json", `{"a":0,"b":1}`, "514"},
		{"tokenizer.json", `{"model":{"type":"Unigram"}}`, "Unigram"},
		{"spiece.model", "", "another tokenizer"},
	} {
		dir := write(t, map[string]any{"model.safetensors": tiny(), c.file: c.text})
		_, err := readAll(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: got error %v, want one with %q", c.text, err, c.want)
		}
	}
}

// with adds tensors to others.
func with(tensors map[string]safetensors.Tensor, names ...string) map[string]safetensors.Tensor {
	for _, name := range names {
		tensors[name] = safetensors.FromFloat32s([]float32{1}, 1)
	}
	return tensors
}

// Files that are not a CLIP ViT are rejected with a description of what they are.
func TestOtherModelsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		tensors map[string]safetensors.Tensor
		want    string
	}{
		"ResNet":          {with(tiny(), "visual.layer1.0.conv1.weight"), "ResNet"},
		"custom text":     {with(tiny(), "text.token_embedding.weight"), "text tower other than CLIP's"},
		"another pool":    {with(tiny(), "visual.attn_pool.x"), "pool"},
		"timm's settings": {with(none(), "visual.trunk.pos_embed"), "open_clip_config.json"},
		"layer scale":     {with(tiny(), "visual.transformer.resblocks.0.ls_1.gamma"), "do not fit"},
		"timm tower":      {with(none(), "visual.trunk.blocks.0.x", "text.x"), "timm"},
		"timm alone":      {with(none(), "blocks.0.attn.qkv.weight"), "timm"},
		"another network": {with(none(), "conv1.weight"), `"conv1.weight"`},
		"unknown extra":   {with(tiny(), "visual.extra"), `"visual.extra"`},
		"unknown in HF":   {with(tinyHF(), "vision_model.extra"), `"vision_model.extra"`},
		"text tower only": {with(none(), "token_embedding.weight"), "lacks CLIP's image tower"},
		"no tensors":      {none(), "no tensors"},
		"q without k": {with(tinyHF(), "text_model.encoder.layers.0.self_attn.q_proj.weight", "text_model.encoder.layers.0.self_attn.v_proj.weight"),
			`k_proj.weight" is missing`},
		"v without q": {with(tinyHF(), "text_model.encoder.layers.0.self_attn.v_proj.weight"), `q_proj.weight" is missing`},
		"two models":  {with(none(), "a.visual.conv1.weight", "b.visual.conv1.weight"), "2 models"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(write(t, map[string]any{"x.safetensors": c.tensors}))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// none is a file without tensors.
func none() map[string]safetensors.Tensor { return map[string]safetensors.Tensor{} }

// Types that cannot be weights are errors that name the type.
func TestDataTypes(t *testing.T) {
	for dtype, ok := range map[string]bool{"F16": true, "BF16": true, "F32": true, "F64": true, "I8": false, "U8": false, "F8_E4M3": false} {
		tensors := tiny()
		tensors["logit_scale"] = safetensors.Tensor{DType: dtype, Data: make([]byte, safetensors.ElementSize(dtype))}
		_, err := readAll(write(t, map[string]any{"x.safetensors": tensors}))
		if ok && err != nil {
			t.Errorf("%s: %v", dtype, err)
		}
		if !ok && (err == nil || !strings.Contains(err.Error(), `"logit_scale"`) || !strings.Contains(err.Error(), dtype)) {
			t.Errorf("%s: got error %v, want one that names the tensor and the type", dtype, err)
		}
	}
}

func TestHuggingFaceArithmetic(t *testing.T) {
	tensors := tinyHF()
	tensors["visual_projection.weight"] = safetensors.FromFloat32s([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	for i, p := range []string{"q", "k", "v"} {
		name := "text_model.encoder.layers.0.self_attn." + p + "_proj.bias"
		tensors[name] = safetensors.FromFloat32s([]float32{float32(i), float32(10 * i)}, 2)
	}
	w, err := readAll(write(t, map[string]any{"model.safetensors": tensors}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Tensor{
		"visual.proj": InMemory([]float32{1, 4, 2, 5, 3, 6}, 3, 2),
		"transformer.resblocks.0.attn.in_proj_bias": InMemory([]float32{0, 0, 1, 10, 2, 20}, 6),
	} {
		if d := cmp.Diff(content(want), content(w.Tensors[name])); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestShards(t *testing.T) {
	whole := tinyHF()
	a, b := map[string]safetensors.Tensor{}, map[string]safetensors.Tensor{}
	index := map[string]map[string]string{"weight_map": {}}
	for name, v := range whole {
		part, file := a, "model-00001-of-00002.safetensors"
		if strings.HasPrefix(name, "text") {
			part, file = b, "model-00002-of-00002.safetensors"
		}
		part[name], index["weight_map"][name] = v, file
	}
	list, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]any{"model-00001-of-00002.safetensors": a, "model-00002-of-00002.safetensors": b, "model.safetensors" + indexSuffix: list}
	got, err := readAll(write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	want, err := readAll(write(t, map[string]any{"model.safetensors": whole}))
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, got.Tensors, want.Tensors)

	delete(files, "model-00002-of-00002.safetensors")
	if _, err := readAll(write(t, files)); err == nil || !strings.Contains(err.Error(), "model-00002-of-00002") {
		t.Errorf("a part is missing: got error %v", err)
	}
	files["model.safetensors"+indexSuffix] = `{"weight_map":{"a":"../x.safetensors"}}`
	if _, err := readAll(write(t, files)); err == nil || !strings.Contains(err.Error(), "../x.safetensors") {
		t.Errorf("a part outside the folder: got error %v", err)
	}
}

func TestFolders(t *testing.T) {
	if _, err := readAll(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no weight file") {
		t.Errorf("empty folder: got error %v", err)
	}
	if _, err := readAll(write(t, map[string]any{"any-name.safetensors": tiny()})); err != nil {
		t.Errorf("one file: %v", err)
	}
	dir := write(t, map[string]any{"a.safetensors": tiny(), "b.safetensors": tiny()})
	if _, err := readAll(dir); err == nil || !strings.Contains(err.Error(), "a.safetensors, b.safetensors") {
		t.Errorf("two files: got error %v", err)
	}
	// In timm's repositories, model.safetensors has only the image tower.
	dir = write(t, map[string]any{"open_clip_model.safetensors": tiny(), "model.safetensors": with(none(), "blocks.0.attn.qkv.weight")})
	if _, err := readAll(dir); err != nil {
		t.Errorf("timm's folder: %v", err)
	}
	if _, err := readAll(filepath.Join(dir, "none.pt")); err == nil || !strings.Contains(err.Error(), "none.pt") {
		t.Errorf("no file: got error %v", err)
	}
}

// A file that is not a weight file gives a one-line error that describes it.
func TestOtherFilesRefused(t *testing.T) {
	whole, err := os.ReadFile(fixture.Path(t, "clip/openai_archive.pt"))
	if err != nil {
		t.Fatal(err)
	}
	safe, err := os.ReadFile(fixture.Path(t, "clip/openclip.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	for name, c := range map[string]struct{ content, want string }{
		"empty":                 {"", "empty"},
		"text":                  {"hello, these are no weights\n", "text file"},
		"short text":            {"x", "text file"},
		"web page":              {"<!DOCTYPE html>\n<html>404</html>", "web page"},
		"Git LFS":               {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"},
		"JSON":                  {`{"a": 1}`, "JSON"},
		"XML":                   {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "XML"},
		"gzip":                  {"\x1f\x8b\x08 and more", "gzip"},
		"zeros":                 {strings.Repeat("\x00", 4096), "begins with zeros"},
		"bytes":                 {"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "unknown format"},
		"HDF5":                  {"\x89HDF\r\n\x1a\n", "HDF5"},
		"pickle":                {"\x80\x02}.", "not one of torch.save's"},
		"pickle cut off":        {"\x80\x02}", "Python pickle"},
		"zip":                   {string(makeZip(t, map[string][]byte{"readme.txt": []byte("hi")})), "data.pkl"},
		"archive cut off":       {string(whole[:len(whole)/2]), "cut off"},
		"archive of 100 bytes":  {string(whole[:100]), "cut off"},
		"archive damaged":       {string(damaged), "cut off or damaged"},
		"safetensors cut off":   {string(safe[:len(safe)-1]), "cut off"},
		"safetensors of 4 kB":   {string(safe[:4096]), "cut off"},
		"safetensors, one more": {string(safe) + "x", "follow the last tensor"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(write(t, map[string]any{"weights.pt": c.content}), "weights.pt")
			_, err := readAll(path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want one with %q", err, c.want)
			}
			if strings.Count(err.Error(), path) != 1 || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is not one line with the path", err)
			}
		})
	}
}
