package clip

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// WriteFolder writes weights as OpenCLIP publishes them: a folder with
// open_clip_model.safetensors and open_clip_config.json, which Load and OpenCLIP
// read.
func WriteFolder(dir string, w *checkpoint.Weights) error {
	c, err := configOf(w, w.Activation)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f := &safetensors.File{Tensors: map[string]safetensors.Tensor{}}
	for name, t := range w.Tensors {
		data, err := t.Read()
		if err != nil {
			return err
		}
		f.Tensors[name] = safetensors.FromFloat32s(data, t.Shape...)
	}
	type object = map[string]any
	config, err := json.MarshalIndent(object{
		"model_cfg": object{
			"embed_dim": c.Embed, "quick_gelu": c.Activation == "quick_gelu",
			"vision_cfg": object{"image_size": c.ImageSize, "patch_size": c.PatchSize, "width": c.VisionWidth,
				"layers": c.VisionLayers, "head_width": c.VisionWidth / c.VisionHeads},
			"text_cfg": object{"context_length": c.Context, "vocab_size": c.Vocab, "width": c.TextWidth,
				"layers": c.TextLayers, "heads": c.TextHeads},
		},
		"preprocess_cfg": object{"mean": c.Mean, "std": c.Std, "interpolation": "bicubic", "resize_mode": "shortest"},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, "open_clip_config.json"), append(config, '\n')); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(dir, "open_clip_model.safetensors"), f)
}
