package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// rename returns the tensors under other names; tensors renamed to "" are dropped.
func rename(tensors map[string]safetensors.Tensor, to func(name string) string) map[string]safetensors.Tensor {
	out := map[string]safetensors.Tensor{}
	for name, v := range tensors {
		if name = to(name); name != "" {
			out[name] = v
		}
	}
	return out
}

// storageClasses are PyTorch's names of data types.
var storageClasses = map[string]string{"F32": "torch FloatStorage", "F16": "torch HalfStorage", "BF16": "torch BFloat16Storage", "I64": "torch LongStorage"}

// torchFile returns the tensors as torch.save writes a state dict, nested under the keys in
// outer.
func torchFile(t *testing.T, tensors map[string]safetensors.Tensor, outer ...string) []byte {
	t.Helper()
	files, state := map[string][]byte{}, dict{}
	for name, v := range tensors {
		key := fmt.Sprint(len(files))
		files["x/data/"+key] = v.Data
		shape, stride, step := tuple{}, make(tuple, len(v.Shape)), 1
		for i := len(v.Shape) - 1; i >= 0; i-- {
			stride[i] = step
			step *= v.Shape[i]
		}
		for _, n := range v.Shape {
			shape = append(shape, n)
		}
		state = append(state, name, typed(storageClasses[v.DType], key, v.Len(), 0, shape, stride))
	}
	value := any(state)
	for _, key := range outer {
		value = dict{key, value, "epoch", 3}
	}
	files["x/data.pkl"] = pickled(value)
	return makeZip(t, files)
}

// viFiNames translates names to those of ViFi-CLIP.
func viFiNames(name string) string {
	switch {
	case name == "token_embedding.weight":
		return ""
	case strings.HasPrefix(name, "visual."):
		return "image_encoder." + strings.TrimPrefix(name, "visual.")
	case name == "logit_scale":
		return name
	}
	return "text_encoder." + name
}

func module(names func(string) string) func(string) string {
	return func(name string) string {
		if name = names(name); name == "" {
			return ""
		}
		return "module." + name
	}
}

// The same model under the names of other programs.
func TestFamilies(t *testing.T) {
	plain := tiny()
	whole, err := readAll(write(t, map[string]any{"model.safetensors": plain}))
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]Tensor{}
	for name, v := range whole.Tensors {
		if strings.HasPrefix(name, "visual.") || name == "logit_scale" {
			images[name] = v
		}
	}
	custom := func(name string) string {
		if strings.HasPrefix(name, "visual.") || name == "logit_scale" {
			return name
		}
		return "text." + name
	}
	viFi := func(more ...string) map[string]safetensors.Tensor {
		return with(rename(plain, viFiNames), append(more, "prompt_learner.complete_text_embeddings")...)
	}
	withTokens := rename(plain, func(name string) string {
		if name == tokenEmbedding {
			return "text_encoder." + name
		}
		return viFiNames(name)
	})
	for name, c := range map[string]struct {
		file   any
		format string
		want   map[string]Tensor
	}{
		"custom text":          {rename(plain, custom), "openclip-safetensors", whole.Tensors},
		"custom text, torch":   {torchFile(t, rename(plain, custom)), "openai-state-dict", whole.Tensors},
		"custom text, trained": {torchFile(t, rename(plain, module(custom)), "state_dict"), "openclip-training", whole.Tensors},
		"ViFi-CLIP":            {torchFile(t, viFi(), "model"), "vifi-clip", images},
		"ViFi-CLIP, module":    {torchFile(t, rename(viFi(), module(func(n string) string { return n })), "model"), "vifi-clip", images},
		"ViFi-CLIP, tokens":    {withTokens, "vifi-clip", whole.Tensors},
		"ViFi-CLIP, learner's tokens": {rename(withTokens, func(n string) string {
			return strings.Replace(n, "text_encoder.token", "prompt_learner.token", 1)
		}), "vifi-clip", whole.Tensors},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := readAll(write(t, map[string]any{"x.pt": c.file}))
			if err != nil {
				t.Fatal(err)
			}
			sameTensors(t, w.Tensors, c.want)
			if w.Format != c.format || (w.NoText == "") != (w.Tensors[tokenEmbedding].Read != nil) {
				t.Errorf("format %q, no text: %q", w.Format, w.NoText)
			}
		})
	}
	for name, c := range map[string]struct {
		tensors map[string]safetensors.Tensor
		want    string
	}{
		"learned prompts":        {viFi("prompt_learner.ctx"), "prompt_learner.ctx"},
		"learned vision prompts": {viFi("image_encoder.VPT"), "VPT"},
		"another text tower":     {with(rename(plain, custom), "text.transformer.encoder.layer.0.weight"), "text tower other than CLIP's"},
		"two text towers":        {with(rename(plain, custom), tokenEmbedding), "text tower other than CLIP's"},
	} {
		if _, err := readAll(write(t, map[string]any{"x.pt": c.tensors})); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// A folder with Hugging Face's vision model alone has an image tower.
func TestVisionModel(t *testing.T) {
	images := rename(tinyHF(), func(name string) string {
		if strings.HasPrefix(name, "text") || name == "logit_scale" {
			return ""
		}
		return name
	})
	const flat = `{"architectures":["CLIPVisionModelWithProjection"],"model_type":"clip_vision_model","hidden_size":4,"patch_size":2,"num_attention_heads":2,"hidden_act":"gelu","layer_norm_eps":1e-6}`
	const nested = `{"model_type":"clip","vision_config":{"hidden_size":4,"patch_size":2,"num_attention_heads":2,"hidden_act":"gelu","layer_norm_eps":1e-6}}`
	for name, files := range map[string]map[string]any{
		"flat":   {"model.safetensors": images, "config.json": flat},
		"nested": {"model.safetensors": images, "config.json": nested},
		"torch":  {"pytorch_model.bin": torchFile(t, images), "config.json": flat},
	} {
		w, err := readAll(write(t, files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w.Activation != "gelu" || w.VisionHeads != 2 || w.Eps != 1e-6 || w.NoText == "" || w.Tensors["visual.conv1.weight"].Read == nil {
			t.Errorf("%s: %+v", name, w)
		}
	}
	if _, err := readAll(write(t, map[string]any{"model.safetensors": images, "config.json": `{"model_type":"clip_vision_model","hidden_size":8}`})); err == nil || !strings.Contains(err.Error(), "another model") {
		t.Errorf("another model's configuration: error %v", err)
	}
}

// The index of a model in several files decides which file a tensor comes from.
func TestIndexIsAuthoritative(t *testing.T) {
	whole := tinyHF()
	want, err := readAll(write(t, map[string]any{"model.safetensors": whole}))
	if err != nil {
		t.Fatal(err)
	}
	parts := [2]map[string]safetensors.Tensor{{}, {}}
	names := func(ext string) [2]string {
		return [2]string{"pytorch_model-00001-of-00002" + ext, "pytorch_model-00002-of-00002" + ext}
	}
	index := func(ext string) map[string]string {
		m := map[string]string{}
		for name := range whole {
			i := strings.Count(name, "text") & 1
			parts[i][name] = whole[name]
			m[name] = names(ext)[i]
		}
		return m
	}
	list := func(m map[string]string) string {
		data, err := json.Marshal(map[string]any{"metadata": map[string]int{"total_size": 1}, "weight_map": m})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	bin := index(".bin")
	files := map[string]any{names(".bin")[0]: torchFile(t, parts[0]), names(".bin")[1]: torchFile(t, parts[1]), "pytorch_model.bin.index.json": list(bin)}
	dir := write(t, files)
	// The folder, the index and each part open the same model.
	for _, path := range []string{"", "pytorch_model.bin.index.json", names(".bin")[0], names(".bin")[1]} {
		got, err := readAll(filepath.Join(dir, path))
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		sameTensors(t, got.Tensors, want.Tensors)
	}
	safe := index(".safetensors")
	const some = "vision_model.embeddings.class_embedding"
	copied := maps.Clone(parts[1])
	copied[some] = whole[some]
	lacking := maps.Clone(parts[0])
	delete(lacking, some)
	elsewhere := maps.Clone(safe)
	elsewhere["logit_scale"] = "../x.safetensors"
	twice := strings.Replace(list(safe), `"weight_map":{`, `"weight_map":{"`+some+`":"`+names(".safetensors")[1]+`",`, 1)
	for name, c := range map[string]struct {
		a, b  map[string]safetensors.Tensor
		index string
		want  string
	}{
		"a tensor in two parts":    {parts[0], copied, list(safe), some},
		"a tensor in no part":      {lacking, parts[1], list(safe), some},
		"a tensor listed twice":    {parts[0], parts[1], twice, "twice"},
		"a part of another folder": {parts[0], parts[1], list(elsewhere), "not a file in the folder"},
		"no object":                {parts[0], parts[1], `{"weight_map":[]}`, "weight_map"},
		"empty index":              {parts[0], parts[1], `{}`, "no tensors"},
	} {
		dir := write(t, map[string]any{names(".safetensors")[0]: c.a, names(".safetensors")[1]: c.b, "pytorch_model.safetensors.index.json": c.index})
		if _, err := readAll(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	delete(files, "pytorch_model.bin.index.json")
	if _, err := readAll(filepath.Join(write(t, files), names(".bin")[0])); err == nil || !strings.Contains(err.Error(), "part of a model") {
		t.Errorf("a part without index: error %v", err)
	}
}

// A configuration is read in the encodings that editors write, and the reason is given
// if it is not JSON.
func TestEncodingsOfJSON(t *testing.T) {
	const text = "{\n\"vision_config\":{\"hidden_size\":4,\"patch_size\":2,\"num_attention_heads\":2},\n\"text_config\":{\"hidden_size\":4,\"vocab_size\":6,\"eos_token_id\":2}}"
	utf16 := func(mark string, first int) string {
		out := []byte(mark)
		for _, c := range []byte(text) {
			pair := [2]byte{}
			pair[first] = c
			out = append(out, pair[:]...)
		}
		return string(out)
	}
	for name, content := range map[string]string{
		"BOM": "\ufeff" + text, "UTF-16 LE": utf16("\xff\xfe", 0), "UTF-16 BE": utf16("\xfe\xff", 1),
		"UTF-16 LE without mark": utf16("", 0), "UTF-16 BE without mark": utf16("", 1),
	} {
		w, err := readAll(write(t, map[string]any{"model.safetensors": tinyHF(), "config.json": content}))
		if err != nil || w.VisionHeads != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string][2]string{
		"NaN":       {strings.Replace(text, ":4", ":NaN", 1), "line 2: the value NaN"},
		"-Infinity": {strings.Replace(text, ":6", ":-Infinity", 1), "line 3: the value -Infinity"},
		"inf":       {strings.Replace(text, ":2}", ":inf}", 1), "line 2"},
		"cut off":   {text[:40], "line 2"},
	} {
		_, err := readAll(write(t, map[string]any{"model.safetensors": tinyHF(), "config.json": c[0]}))
		if err == nil || !strings.Contains(err.Error(), c[1]) || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("%s: error %v, want one with %q", name, err, c[1])
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(`{"weight_map":{"visual.conv1.weight":"a.safetensors"}}`)
	f.Add(`{"weight_map":{"a":"../x","a":"b"}}`)
	f.Add("\xff\xfe{\x00}\x00")
	f.Fuzz(func(t *testing.T, index string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
		if w, err := Open(dir); err == nil {
			w.Close()
			t.Errorf("an index without parts is a model: %+v", w)
		}
	})
}
