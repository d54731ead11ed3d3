package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// WriteFile writes weights to one safetensors file under OpenAI's names, in half
// precision if half is set. The metadata has the settings that do not follow from the shapes,
// so that Load needs no other file; more, which may be nil, is added to it. Weights with a
// tokenizer of their own are refused, because the file has no place for it.
func WriteFile(path string, w *checkpoint.Weights, half bool, more map[string]string) error {
	c, err := configOf(w, w.Activation)
	if err != nil {
		return err
	}
	if !c.HasImage() {
		return ErrNoImage
	}
	if w.Tokenizer != nil {
		return errors.New("a model with another tokenizer than CLIP's cannot be written to one file")
	}
	whole := *w // with all defaults written out
	whole.VisionHeads, whole.TextHeads, whole.Eps, whole.Mean, whole.Std, whole.Fit = c.VisionHeads, c.TextHeads, c.Eps, c.Mean, c.Std, c.Fit
	if c.Trunk != (Trunk{}) {
		whole.ImageSize = c.ImageSize
	}
	description, err := whole.Describe()
	if err != nil {
		return err
	}
	f := &safetensors.File{Tensors: map[string]safetensors.Tensor{}, Metadata: map[string]string{checkpoint.ConfigKey: description}}
	for name, t := range w.Tensors {
		data, err := t.Read()
		if err != nil {
			return err
		}
		if !half {
			f.Tensors[name] = safetensors.FromFloat32s(data, t.Shape...)
		} else if f.Tensors[name], err = safetensors.HalfFromFloat32s(data, t.Shape...); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	maps.Copy(f.Metadata, more)
	return safetensors.Write(path, f)
}

// WriteFolder writes weights as OpenCLIP publishes them: a folder with
// open_clip_model.safetensors and open_clip_config.json. Load and OpenCLIP read it.
func WriteFolder(dir string, w *checkpoint.Weights) error {
	c, err := configOf(w, w.Activation)
	if err != nil {
		return err
	}
	if (c.Vision != checkpoint.Architecture{} || c.Text != checkpoint.Architecture{} || c.Trunk != Trunk{}) || c.towers() != ImageTower|TextTower {
		return errors.New("only models with both towers of OpenAI's CLIP can be written as OpenCLIP's")
	}
	if c.Fit.Resized != 0 {
		return fmt.Errorf("OpenCLIP cannot describe images that are resized to %d pixels and cropped to %d", c.Fit.Resized, c.ImageSize)
	}
	interpolation, resize := "bicubic", "shortest"
	if c.Fit.Bilinear {
		interpolation = "bilinear"
	}
	if c.Fit.Squash {
		resize = "squash"
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
				"layers": c.VisionLayers, "head_width": c.VisionWidth / c.VisionHeads, "mlp_ratio": ratio(c.VisionMLP, c.VisionWidth)},
			"text_cfg": object{"context_length": c.Context, "vocab_size": c.Vocab, "width": c.TextWidth,
				"layers": c.TextLayers, "heads": c.TextHeads, "mlp_ratio": ratio(c.TextMLP, c.TextWidth)},
		},
		"preprocess_cfg": object{"mean": c.Mean, "std": c.Std, "interpolation": interpolation, "resize_mode": resize},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.MemberBytes(filepath.Join(dir, "open_clip_config.json"), append(config, '\n')); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(dir, "open_clip_model.safetensors"), f)
}

// ratio returns mlp_ratio for an MLP of a width; OpenCLIP rounds the product down.
func ratio(mlp, width int) float64 {
	if mlp == 0 || width == 0 {
		return 4
	}
	return math.Nextafter(float64(mlp)/float64(width), math.Inf(1))
}
