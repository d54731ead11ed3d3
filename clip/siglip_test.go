package clip_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/sentencepiece"
)

func TestSiglipProbability(t *testing.T) {
	m, err := clip.Load("../testdata/zoo/siglip2", clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bias, ok := m.LogitBias()
	if scale := float64(m.LogitScale()); !ok || bias != -4.25 || math.Abs(scale-math.Exp(2.5)) > 1e-4 {
		t.Errorf("scale %v, bias %v, %v; want e^2.5 and -4.25", scale, bias, ok)
	}
}

// siglipFolder copies a model's folder, with f applied to one of its files; nil removes it.
func siglipFolder(t *testing.T, model, file string, f func([]byte) []byte) string {
	t.Helper()
	dir, from := t.TempDir(), filepath.Join("../testdata/zoo", model)
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == file {
			data = f(data)
		}
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSiglipFilesThatDoNotBelongTogether(t *testing.T) {
	remove := func([]byte) []byte { return nil }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	replace := func(old, by string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !strings.Contains(string(b), old) {
				t.Fatalf("%q is not in the file", old)
			}
			return []byte(strings.Replace(string(b), old, by, 1))
		}
	}
	for _, c := range []struct {
		model, file string
		f           func([]byte) []byte
		want        string
	}{
		{"siglip", "tokenizer.json", remove, sentencepiece.ErrNone.Error()},
		{"siglip", "tokenizer.json", half, "tokenizer.json"},
		{"siglip", "tokenizer.json", replace(`"added_tokens": [`, `"added_tokens": [{"id": 300, "content": "<x>"},`), "another model"},
		{"siglip-hf", "spiece.model", remove, sentencepiece.ErrNone.Error()},
		{"siglip-hf", "spiece.model", half, "spiece.model"},
		{"siglip", "open_clip_config.json", remove, "its configuration"},
		{"siglip-hf", "config.json", remove, "its configuration"},
		{"siglip", "open_clip_config.json", replace("vit_base_patch16_siglip_224", "vit_base_patch16_siglip_gap_224"), "siglip_gap"},
		{"siglip", "open_clip_config.json", replace(`"map"`, `"avg"`), "timm_pool"},
		{"siglip", "open_clip_config.json", replace(`"none"`, `"linear"`), "timm_proj"},
		{"siglip-hf", "config.json", replace(`"model_type": "siglip"`, `"model_type": "siglip2"`), "NaFlex"},
		{"siglip-hf", "config.json", replace(`"vision_use_head": true`, `"vision_use_head": false`), "vision_use_head"},
		{"siglip-hf", "config.json", replace(`"num_attention_heads": 4`, `"num_attention_heads": 5`), "heads"},
	} {
		if _, err := clip.Load(siglipFolder(t, c.model, c.file, c.f), clip.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: %v, want %q", c.model, c.file, err, c.want)
		}
	}
	_, err := clip.Load(siglipFolder(t, "siglip", "tokenizer.json", remove), clip.Options{})
	if !errors.Is(err, sentencepiece.ErrNone) {
		t.Errorf("a folder without a tokenizer: %v", err)
	}
}

// TestSiglipTokenizerIsPartOfTheFingerprint: other tokens give other features.
func TestSiglipTokenizerIsPartOfTheFingerprint(t *testing.T) {
	whitespace := func(b []byte) []byte {
		return []byte(strings.Replace(string(b), "canonicalize", "whitespace", 1))
	}
	var sums []string
	for _, dir := range []string{"../testdata/zoo/siglip", siglipFolder(t, "siglip", "open_clip_config.json", whitespace)} {
		m, err := clip.Load(dir, clip.Options{Towers: clip.ImageTower})
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, m.Fingerprint())
	}
	if sums[0] == sums[1] {
		t.Errorf("both have the fingerprint %s", sums[0])
	}
}

// TestActivationOfTheFileChangesNothing: a run records the activation and gives it again.
func TestActivationOfTheFileChangesNothing(t *testing.T) {
	var sums []string
	for _, given := range []string{"", "gelu", "quick_gelu"} {
		m, err := clip.Load("../testdata/zoo/siglip2", clip.Options{Activation: given})
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, m.Fingerprint())
	}
	if sums[0] != sums[1] || sums[0] == sums[2] {
		t.Errorf("fingerprints without an activation, with the file's and with another: %v", sums)
	}
}

// TestEverySiglipOptionCounts changes one option of valid files at a time: the backbone becomes
// another, or it is an error.
func TestEverySiglipOptionCounts(t *testing.T) {
	const open, hf, processor, tokenizer = "open_clip_config.json", "config.json", "preprocessor_config.json", "tokenizer_config.json"
	for _, c := range []struct{ model, file, old, by string }{
		{"siglip", open, `"init_logit_bias": -10`, `"init_logit_bias": -10, "quick_gelu": true`},
		{"siglip", open, "vit_base_patch16_siglip_224", "vit_base_patch32_siglip_256"},
		{"siglip", open, `"image_size": 32`, `"image_size": 40`},
		{"siglip", open, `"context_length": 24`, `"context_length": 23`},
		{"siglip", open, `"heads": 2`, `"heads": 4`},
		{"siglip", open, `"no_causal_mask": true`, `"no_causal_mask": false`},
		{"siglip", open, `"proj_bias": true`, `"proj_bias": false`},
		{"siglip", open, `"pool_type": "last"`, `"pool_type": "first"`},
		{"siglip", open, `"eps": 1e-06`, `"eps": 1e-05`},
		{"siglip", open, `"clean": "canonicalize"`, `"clean": "lower"`},
		{"siglip", open, `"resize_mode": "squash"`, `"resize_mode": "shortest"`},
		{"siglip", open, `"interpolation": "bicubic"`, `"interpolation": "bilinear"`},
		{"siglip2", open, `"approximate": "tanh"`, `"approximate": "none"`},
		{"siglip2", tokenizer, `"pad_token": "<pad>"`, `"pad_token": "<eos>"`},
		{"siglip-hf", hf, `"projection_size": 24`, `"projection_size": 23`},
		{"siglip-hf", hf, `"hidden_act": "gelu_pytorch_tanh"`, `"hidden_act": "gelu"`},
		{"siglip-hf", hf, `"layer_norm_eps": 1e-06`, `"layer_norm_eps": 1e-05`},
		{"siglip-hf", hf, `"num_attention_heads": 4`, `"num_attention_heads": 2`},
		{"siglip-hf", hf, `"patch_size": 8`, `"patch_size": 16`},
		{"siglip-hf", processor, `"resample": 3`, `"resample": 2`},
		{"siglip-hf", processor, `0.5`, `0.4`},
		{"siglip-hf", processor, `"do_normalize": true`, `"do_normalize": false`},
		{"siglip-hf", processor, `"height": 32`, `"height": 33`},
		{"siglip-hf", tokenizer, `"SiglipTokenizer"`, `"T5Tokenizer"`},
	} {
		before, err := clip.Load(filepath.Join("../testdata/zoo", c.model), clip.Options{})
		if err != nil {
			t.Fatal(err)
		}
		changed := false
		dir := siglipFolder(t, c.model, c.file, func(b []byte) []byte {
			after := strings.Replace(string(b), c.old, c.by, 1)
			changed = after != string(b)
			return []byte(after)
		})
		if !changed {
			t.Errorf("%s/%s: %s is not in the file", c.model, c.file, c.old)
		} else if after, err := clip.Load(dir, clip.Options{}); err == nil && after.Fingerprint() == before.Fingerprint() {
			t.Errorf("%s/%s: %s instead of %s is ignored", c.model, c.file, c.by, c.old)
		}
	}
}
