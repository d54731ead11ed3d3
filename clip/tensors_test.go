package clip_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// withTensors copies a model's folder, with f applied to its tensors.
func withTensors(t *testing.T, model, file string, f func(map[string]safetensors.Tensor)) string {
	t.Helper()
	return siglipFolder(t, model, file, func(data []byte) []byte {
		weights, err := safetensors.Decode(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		f(weights.Tensors)
		var out bytes.Buffer
		if err := weights.Encode(&out); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	})
}

const openCLIPWeights = "open_clip_model.safetensors"

// Every tensor has to be a part of the model that the configuration describes.
func TestExtraTensorsAreErrors(t *testing.T) {
	for name, c := range map[string]struct{ model, want string }{
		"visual.transformer.resblocks.0.ls_1.gamma":  {"vit-mean", "layer scale"},
		"text.transformer.resblocks.1.ls_2.gamma":    {"vit-mean", "layer scale"},
		"visual.trunk.blocks.0.ls1.gamma":            {"siglip", "layer scale"},
		"logit_bias":                                 {"vit-mean", "init_logit_bias"},
		"visual.transformer.resblocks.7.ln_1.weight": {"vit-mean", "not part of such a model"},
		"visual.trunk.stages.0.blocks.9.norm.weight": {"mobileclip2-s0", "stages.0.blocks.9"},
	} {
		dir := withTensors(t, c.model, openCLIPWeights, func(all map[string]safetensors.Tensor) {
			all[name] = safetensors.FromFloat32s(slices.Repeat([]float32{0.5}, 32), 32)
		})
		if _, err := clip.Load(dir, clip.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// An embedding may have rows without a token, which fill it up.
func TestPaddedVocabulary(t *testing.T) {
	const name = "text_model.embeddings.token_embedding.weight"
	for rows, want := range map[int]string{9: "", 3000: "another model", -1: "another model"} {
		dir := withTensors(t, "siglip2-hf", "model.safetensors", func(all map[string]safetensors.Tensor) {
			e := all[name]
			data, err := e.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			n, width := e.Shape[0]+rows, e.Shape[1]
			data = append(data, make([]float32, max(0, rows)*width)...)[:n*width]
			all[name] = safetensors.FromFloat32s(data, n, width)
		})
		path := filepath.Join(dir, "config.json")
		config := change(t, string(noErrors(os.ReadFile(path))), "text_config.vocab_size", "null")
		if err := os.WriteFile(path, []byte(config), 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := clip.Load(dir, clip.Options{})
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d rows more: %v, want %q", rows, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{"a photo of a cat"}
		got := noErrors(m.EncodeTexts(t.Context(), texts, false))
		whole := noErrors(clip.Load(filepath.Join("../testdata/zoo", "siglip2-hf"), clip.Options{}))
		near(t, "texts", got, noErrors(whole.EncodeTexts(t.Context(), texts, false)), 0)
	}
}
