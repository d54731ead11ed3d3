package hub

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPullTokenizer: the files of a tokenizer are fetched for models that do not use CLIP's.
func TestPullTokenizer(t *testing.T) {
	for text, want := range map[string][]string{
		`{"model_cfg":{"text_cfg":{"hf_tokenizer_name":"timm/ViT-B-16-SigLIP2"}}}`: {"tokenizer.json", "tokenizer_config.json"},
		`{"model_cfg":{"text_cfg":{"hf_tokenizer_name":null}}}`:                    nil,
	} {
		h := newHub(t)
		h.files[config] = []byte(text)
		h.files["tokenizer.json"], h.files["tokenizer_config.json"] = []byte(`{}`), []byte(`{}`)
		dir, err := h.pull(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range tokenizerFiles {
			if _, err := os.Stat(filepath.Join(dir, f.path)); err == nil {
				got = append(got, f.path)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: fetched %v, want %v", text, got, want)
		}
	}
}
