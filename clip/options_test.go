package clip_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/bpe"
)

// folder writes a model's folder: the weights of a fixture, and JSON files.
func folder(t *testing.T, weights, as string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "clip", weights)) // of these sizes, whatever CLIPCUE_FIXTURES is
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{as: string(data)}
	maps.Copy(all, files)
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// result describes everything that features of images and texts depend on, or the error.
func result(t *testing.T, dir string) string {
	t.Helper()
	m, err := clip.Load(dir, clip.Options{})
	if err != nil {
		return "error: " + err.Error()
	}
	texts, err := m.EncodeTexts(t.Context(), []string{"two dogs, one cat"}, false)
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	pixels := make([]byte, 3*c.ImageSize*c.ImageSize)
	for i := range pixels {
		pixels[i] = byte(i * i / 7)
	}
	images, err := m.EncodeImages(t.Context(), pixels)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(texts, images, c.Fit)
}

// change returns a JSON object with the value at a path changed; null removes it.
func change(t *testing.T, text, path, value string) string {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	at := whole
	steps := strings.Split(path, ".")
	for _, step := range steps[:len(steps)-1] {
		inner, ok := at[step].(map[string]any)
		if !ok {
			inner = map[string]any{}
			at[step] = inner
		}
		at = inner
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatal(err)
	}
	at[steps[len(steps)-1]] = v
	out, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const (
	openCLIP = `{"model_cfg":{"embed_dim":64,"quick_gelu":true,"vision_cfg":{"image_size":32,"patch_size":16,"width":64,"layers":2,"head_width":64,"mlp_ratio":4},
		"text_cfg":{"context_length":77,"vocab_size":1014,"width":64,"layers":2,"heads":1}},
		"preprocess_cfg":{"mean":[0.48145466,0.4578275,0.40821073],"std":[0.26862954,0.26130258,0.27577711],"interpolation":"bicubic","resize_mode":"shortest"}}`
	huggingFace = `{"model_type":"clip","projection_dim":64,
		"vision_config":{"hidden_size":64,"intermediate_size":256,"num_hidden_layers":2,"num_attention_heads":1,"image_size":32,"patch_size":16},
		"text_config":{"hidden_size":64,"intermediate_size":256,"num_hidden_layers":2,"num_attention_heads":1,"vocab_size":1014,"max_position_embeddings":77,"eos_token_id":2}}`
	processor = `{"do_resize":true,"size":{"shortest_edge":32},"resample":3,"do_center_crop":true,"crop_size":{"height":32,"width":32},"do_rescale":true,
		"rescale_factor":0.00392156862745098,"do_normalize":true,"image_mean":[0.48145466,0.4578275,0.40821073],"image_std":[0.26862954,0.26130258,0.27577711],"do_convert_rgb":true}`
)

// Every option that changes what a model computes changes the features, or is an error: an
// option that is ignored gives wrong features.
func TestEveryOptionCounts(t *testing.T) {
	const weights, config, images = "model.safetensors", "config.json", "preprocessor_config.json"
	for file, options := range map[string]map[string][]string{
		"open_clip_config.json": {
			"model_cfg.quick_gelu": {"false", "1"}, "model_cfg.embed_dim": {"32"}, "model_cfg.init_logit_bias": {"-10"}, "model_cfg.multimodal_cfg": {"{}"},
			"model_cfg.vision_cfg.head_width": {"32"}, "model_cfg.vision_cfg.image_size": {"33", "48", "[32,48]", "null"}, "model_cfg.vision_cfg.patch_size": {"8"},
			"model_cfg.vision_cfg.layers": {"1"}, "model_cfg.vision_cfg.mlp_ratio": {"2"}, "model_cfg.vision_cfg.width": {"32"},
			"model_cfg.vision_cfg.ls_init_value": {"0.1"}, "model_cfg.vision_cfg.pool_type": {`"avg"`}, "model_cfg.vision_cfg.no_ln_pre": {"true"},
			"model_cfg.vision_cfg.attentional_pool": {"true"}, "model_cfg.vision_cfg.timm_model_name": {`"vit"`}, "model_cfg.vision_cfg.unheard_of": {"1"},
			"model_cfg.text_cfg.heads": {"2"}, "model_cfg.text_cfg.context_length": {"32", "64"}, "model_cfg.text_cfg.vocab_size": {"49408"},
			"model_cfg.text_cfg.no_causal_mask": {"true"}, "model_cfg.text_cfg.pool_type": {`"last"`}, "model_cfg.text_cfg.embed_cls": {"true"},
			"model_cfg.text_cfg.tokenizer_kwargs":  {`{"clean":"canonicalize"}`, `{"clean":"whitespace"}`, `{"reduction_mask":"simple"}`},
			"model_cfg.text_cfg.hf_tokenizer_name": {`"bert"`}, "model_cfg.text_cfg.proj_bias": {"true"},
			"preprocess_cfg.mean": {"[0,0,0]"}, "preprocess_cfg.interpolation": {`"bilinear"`, `"nearest"`}, "preprocess_cfg.resize_mode": {`"squash"`, `"longest"`},
			"preprocess_cfg.size": {"48"}, "preprocess_cfg.mode": {`"L"`},
		},
		config: {
			"vision_config.num_attention_heads": {"2"}, "vision_config.image_size": {"40", "48"}, "vision_config.intermediate_size": {"128"},
			"vision_config.num_hidden_layers": {"1"}, "vision_config.num_channels": {"1"}, "vision_config.patch_size": {"8"}, "projection_dim": {"32"},
			"text_config.max_position_embeddings": {"32"}, "text_config.vocab_size": {"500"}, "text_config.num_attention_heads": {"2"},
			"text_config.eos_token_id": {"5"}, "text_config.layer_norm_eps": {"0.001"}, "text_config.hidden_act": {`"gelu"`}, "model_type": {`"siglip"`},
			"vision_config_dict": {`{"hidden_size":64}`}, "quantization_config": {`{"load_in_8bit":true}`},
		},
		images: {
			"image_processor_type": {`"ViTImageProcessor"`, `"SiglipImageProcessor"`}, "do_resize": {"false", "null"}, "size": {"null", `{"shortest_edge":40}`, `{"height":32,"width":32}`, `{"height":32,"width":48}`, "64"}, "resample": {"2", "0", "null"},
			"do_center_crop": {"false"}, "crop_size": {"null", "24", `{"height":32,"width":24}`}, "do_rescale": {"false"}, "rescale_factor": {"0.01"},
			"do_normalize": {"false", "null"}, "image_mean": {"[0.5,0.5,0.5]"}, "image_std": {"[0.5,0.5,0.5]"}, "do_pad": {"true"}, "do_convert_rgb": {"false"},
		},
	} {
		for _, path := range slices.Sorted(maps.Keys(options)) {
			for _, value := range options[path] {
				t.Run(file+" "+path+" "+value, func(t *testing.T) {
					source, files := filepath.Join("hf", weights), map[string]string{config: huggingFace, images: processor}
					if file == "open_clip_config.json" {
						source, files = "openclip.safetensors", map[string]string{file: openCLIP}
					}
					before := result(t, folder(t, source, weights, files))
					if strings.HasPrefix(before, "error") {
						t.Fatal(before)
					}
					files[file] = change(t, files[file], path, value)
					if after := result(t, folder(t, source, weights, files)); after == before {
						t.Error("it is ignored")
					} else if strings.HasPrefix(after, "error") && !strings.Contains(after, file) {
						t.Errorf("%s: the file is not named", after)
					}
				})
			}
		}
	}
}

// The same for the options that only later models have.
func TestEveryOptionOfTheZooCounts(t *testing.T) {
	for name, options := range map[string]map[string][]string{
		"clipa": {
			"vision_cfg.no_ln_pre": {"false", "null", "1"}, "vision_cfg.pool_type": {`"tok"`, "null"}, "vision_cfg.final_ln_after_pool": {"false", "null"},
			"text_cfg.pool_type": {`"first"`, `"argmax"`, `"eos"`}, "text_cfg.no_causal_mask": {"false", "null"},
			"text_cfg.tokenizer_kwargs": {`{}`, `{"strip_sep_token":true,"clean":"canonicalize"}`}, "text_cfg.hf_tokenizer_name": {"null"},
			"vision_cfg.norm_kwargs": {`{"eps":0.001}`}, "text_cfg.norm_kwargs": {`{"eps":0.001}`}, "vision_cfg.act_kwargs": {`{"approximate":"tanh"}`, `{"x":1}`},
		},
		"coca": {
			"vision_cfg.attn_pooler_heads": {"4", "1"}, "vision_cfg.attentional_pool": {"false", `"parallel"`}, "text_cfg.embed_cls": {"false"},
			"text_cfg.no_causal_mask": {"true"}, "text_cfg.pad_id": {"1"}, "init_logit_bias": {"-10"}, "quick_gelu": {"true"},
		},
		"vit-mean": {
			"text_cfg.tokenizer_kwargs": {`{}`, `{"clean":"whitespace"}`},
			"text_cfg.context_length":   {"null"}, "vision_cfg.image_size": {"null"}, "vision_cfg.head_width": {"null", "64"}, "text_cfg.no_causal_mask": {"false"},
			"text_cfg.act_kwargs": {"null"}, "text_cfg.proj_bias": {"false"}, "text_cfg.proj_type": {`"none"`}, "text_cfg.embed_cls": {"true"},
			"vision_cfg.norm_kwargs": {"null"}, "vision_cfg.final_ln_after_pool": {"true"}, "vision_cfg.attentional_pool": {"true"},
		},
		"pe-core": {
			"vision_cfg.timm_model_name": {`"vit_pe_core_large_patch14_336"`, `"vit_pe_core_gigantic_patch14_448"`, `"eva02_base_patch16_clip_224"`, `"vit_base_patch16_224"`, "null"},
			"vision_cfg.timm_pool":       {`"token"`, "null"}, "vision_cfg.timm_proj": {`"linear"`}, "vision_cfg.image_size": {"56"}, "text_cfg.context_length": {"77"},
		},
		"mobileclip2-b":  {"vision_cfg.image_size": {"56", "64", "null"}},
		"mobileclip2-s0": {"vision_cfg.timm_model_name": {`"fastvit_mci3"`}, "vision_cfg.image_size": {"56"}},
		"mobileclip2-s3": {"vision_cfg.timm_model_name": {`"fastvit_mci0"`}},
		"eva02":          {"vision_cfg.timm_model_name": {`"vit_pe_core_base_patch16_224"`, `"eva_giant_patch14_224"`}, "vision_cfg.timm_pool": {`"map"`}},
	} {
		const config = "open_clip_config.json"
		files := map[string]string{}
		for _, path := range noErrors(filepath.Glob(filepath.Join("../testdata/zoo", name, "*.json"))) {
			files[filepath.Base(path)] = string(noErrors(os.ReadFile(path)))
		}
		data := files[config]
		weights := filepath.Join("..", "zoo", name, "open_clip_model.safetensors")
		load := func(text string) string {
			files[config] = text
			return result(t, folder(t, weights, "open_clip_model.safetensors", files))
		}
		before := load(data)
		if strings.HasPrefix(before, "error") {
			t.Fatal(before)
		}
		for _, path := range slices.Sorted(maps.Keys(options)) {
			for _, value := range options[path] {
				if load(change(t, data, "model_cfg."+path, value)) == before {
					t.Errorf("%s: %s %s is ignored", name, path, value)
				}
			}
		}
	}
}

// noErrors returns a value without its error.
func noErrors[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Transformers 5 writes the settings of the image processor into another file, which counts.
func TestProcessorConfig(t *testing.T) {
	files := map[string]string{"config.json": huggingFace, "preprocessor_config.json": processor}
	before := result(t, folder(t, filepath.Join("hf", "model.safetensors"), "model.safetensors", files))
	files["processor_config.json"] = `{"image_processor":` + change(t, processor, "size", `{"height":32,"width":32}`) + `}`
	if result(t, folder(t, filepath.Join("hf", "model.safetensors"), "model.safetensors", files)) == before {
		t.Error("processor_config.json is ignored")
	}
}

// A name in another case is another name, as in Python.
func TestNamesOfOptionsAreExact(t *testing.T) {
	load := func(config string) string {
		return result(t, folder(t, "openclip.safetensors", "model.safetensors", map[string]string{"open_clip_config.json": config}))
	}
	if before := load(change(t, openCLIP, "preprocess_cfg", "{}")); before != load(change(t, openCLIP, "preprocess_cfg", `{"MEAN":[0.1,0.2,0.3]}`)) {
		t.Error("MEAN counts as mean")
	}
	if got := load(change(t, openCLIP, "preprocess_cfg.MEAN", "[0.1,0.2,0.3]")); !strings.Contains(got, `the keys "mean" and "MEAN" of an object differ only in case`) {
		t.Error("MEAN besides mean is no error")
	}
}

// tokenizerJSON returns the tokenizer.json of the fixture's vocabulary, after a change.
func tokenizerJSON(t *testing.T, change func(file map[string]any)) string {
	t.Helper()
	const tokens = 1014
	tok, err := bpe.New(tokens)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary, merges := map[string]int{}, []string{}
	for id := range tokens {
		vocabulary[tok.Spell(id)] = id
	}
	for i := range tokens - 514 {
		left, right := tok.Rule(i)
		merges = append(merges, left+" "+right)
	}
	file := map[string]any{"model": map[string]any{"type": "BPE", "vocab": vocabulary, "merges": merges, "end_of_word_suffix": "</w>"},
		"added_tokens": []any{map[string]any{"id": tokens - 1, "content": "<|endoftext|>"}}}
	if change != nil {
		change(file)
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A folder of Transformers whose CLIPTokenizer recognizes other tokens than CLIP's two is an error that
// names them.
func TestTokensOfCLIPTokenizer(t *testing.T) {
	for _, c := range []struct{ file, content, want string }{
		{"tokenizer_config.json", `{"bos_token":{"content":"<|startoftext|>"},"eos_token":"<|endoftext|>","pad_token":"<pad>","unk_token":"<|endoftext|>","tokenizer_class":"CLIPTokenizerFast"}`, ""},
		{"tokenizer_config.json", `{"pad_token":"!"}`, `pad_token "!"`}, // texts with one would change
		{"tokenizer_config.json", `{"padding_side":"left"}`, "padding_side left"},
		{"tokenizer_config.json", `{"truncation_side":"left"}`, "truncation_side left"},
		{"tokenizer_config.json", `{"tokenizer_class":"T5Tokenizer"}`, `tokenizer_class "T5Tokenizer"`},
		{"tokenizer.json", tokenizerJSON(t, nil), ""},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { f["added_tokens"] = []any{map[string]any{"id": 320, "content": "dogs"}} }), `added token "dogs"`},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { f["model"].(map[string]any)["merges"] = []string{"t h"} }), "1 merge rules"},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { slices.Reverse(f["model"].(map[string]any)["merges"].([]string)) }), "merge rule 0"},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { f["model"].(map[string]any)["vocab"].(map[string]int)["a"] = 0 }), "token 64"},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { f["model"].(map[string]any)["dropout"] = 0.5 }), "dropout 0.5"},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { f["model"].(map[string]any)["end_of_word_suffix"] = "" }), "end_of_word_suffix"},
		{"tokenizer.json", tokenizerJSON(t, func(f map[string]any) { f["model"].(map[string]any)["ignore_merges"] = true }), "ignore_merges"},
		{"tokenizer.json", tokenizerJSON(t, nil)[:5000], "tokenizer.json"},
		{"tokenizer.json", `{}`, "0 tokens"},
		{"tokenizer_config.json", `{"eos_token":"</s>"}`, `eos_token "</s>"`},
		{"tokenizer_config.json", `{"added_tokens_decoder":{"1000":{"content":"dog"}}}`, `"dog"`},
		{"special_tokens_map.json", `{"additional_special_tokens":["dog"]}`, `additional_special_tokens "dog"`},
		{"added_tokens.json", `{"dog":1000}`, `added_tokens.json: the added token "dog"`},
	} {
		got := result(t, folder(t, filepath.Join("hf", "model.safetensors"), "model.safetensors", map[string]string{"config.json": huggingFace, c.file: c.content}))
		if strings.HasPrefix(got, "error") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %.300s, want %q", c.file, c.content, got, c.want)
		}
	}
}

// What weights alone cannot say is listed.
func TestAssumptions(t *testing.T) {
	load := func(files map[string]string) []string {
		m, err := clip.Load(folder(t, "openclip.safetensors", "model.safetensors", files), clip.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m.Assumed()
	}
	if got := strings.Join(load(nil), "; "); !strings.Contains(got, "activation") || !strings.Contains(got, "heads") || !strings.Contains(got, "resized") {
		t.Errorf("assumed without a configuration: %s", got)
	}
	if got := load(map[string]string{"open_clip_config.json": openCLIP}); len(got) != 1 || !strings.Contains(got[0], "1014 tokens") {
		t.Errorf("assumed with a configuration: %q", got)
	}
}
