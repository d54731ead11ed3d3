package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/video"
)

// A file whose tensors have the sizes of a published MobileCLIP is read as that model, and what the
// file does not say is listed.
func TestMobileCLIPsAreRecognized(t *testing.T) {
	bilinear, openAI := video.Fit{Bilinear: true}, [3]float32{}
	for _, c := range []struct {
		name        string
		width       int // of the first layer
		blocks      []int
		layers      int // of the text tower
		text, embed int
		side        int
		fit         video.Fit
		std         [3]float32 // zero is as in CLIP
		causal      bool
	}{
		{"MobileCLIP-S0", 64, []int{2, 6, 10, 2}, 4, 512, 512, 256, bilinear, [3]float32{1, 1, 1}, false},
		{"MobileCLIP2-S0", 64, []int{2, 6, 10, 2}, 12, 512, 512, 256, bilinear, [3]float32{1, 1, 1}, false},
		{"MobileCLIP-S1", 64, []int{4, 12, 20, 4}, 12, 512, 512, 256, bilinear, [3]float32{1, 1, 1}, false},
		{"MobileCLIP-S2", 80, []int{4, 12, 24, 4}, 12, 512, 512, 256, bilinear, [3]float32{1, 1, 1}, false},
		{"MobileCLIP2-S3", 96, []int{2, 12, 24, 4, 2}, 12, 768, 768, 256, bilinear, openAI, false},
		{"MobileCLIP2-S4", 128, []int{2, 12, 24, 4, 4}, 12, 768, 768, 256, bilinear, openAI, false},
		{"MobileCLIP-B", 768, []int{12}, 12, 512, 512, 224, bilinear, [3]float32{1, 1, 1}, true},
		{"MobileCLIP2-L-14", 1024, []int{24}, 12, 768, 768, 224, video.Fit{}, openAI, false},
	} {
		tensors := mobileShapes(c.width, c.blocks, c.layers, c.text, c.embed)
		w := &Weights{unconfigured: "a model", trunk: len(c.blocks) > 1, fiveStages: len(c.blocks) == 5}
		if err := w.configure("", tensors); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !strings.Contains(strings.Join(w.Assumed, "; "), c.name) || w.Fit != c.fit || w.Std != c.std || w.Text.Bidirectional == c.causal ||
			w.TextHeads != c.text/64 || w.Activation != "gelu" || w.trunk && w.ImageSize != c.side {
			t.Errorf("%s: %+v", c.name, w)
		}
		// Sizes of two models.
		tensors["text_projection"] = ofShape(c.text, c.embed/2)
		if err := w.configure("", tensors); err == nil || !strings.Contains(err.Error(), "its configuration") {
			t.Errorf("%s with another text tower: error %v", c.name, err)
		}
		tensors["text_projection"], tensors["positional_embedding"] = ofShape(c.text, c.embed), ofShape(32, c.text)
		if err := w.configure("", tensors); err == nil || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), "context") {
			t.Errorf("%s with another context: error %v", c.name, err)
		}
	}
}

// ofShape returns a tensor that cannot be read.
func ofShape(shape ...int) lazy {
	return lazy{"F32", shape, func() (safetensors.Tensor, error) { panic("it is read") }}
}

// mobileShapes returns the tensors by which a MobileCLIP is recognized, under OpenAI's names.
func mobileShapes(width int, blocks []int, layers, text, embed int) map[string]lazy {
	tensors := map[string]lazy{"text_projection": ofShape(text, embed), "positional_embedding": ofShape(77, text)}
	for i := range layers {
		tensors[fmt.Sprintf("transformer.resblocks.%d.ln_1.weight", i)] = ofShape(text)
	}
	first, name := trunkStem, trunk+"stages.S.blocks.B.mlp.conv.weight"
	switch width {
	case 768:
		first = stemLandmark
	case 1024:
		first = openAILandmark
	default:
		tensors[trunkLandmark] = ofShape(1)
	}
	if len(blocks) == 1 {
		name = "visual.transformer.resblocks.B.ln_1.weight"
	}
	tensors[first] = ofShape(width, 3, 14, 14)
	for stage, n := range blocks {
		for block := range n {
			tensors[strings.NewReplacer("S", strconv.Itoa(stage), "B", strconv.Itoa(block)).Replace(name)] = ofShape(width)
		}
	}
	return tensors
}

// appleModel returns the tensors of a fixture in Apple's layout, and its configuration.
func appleModel(t *testing.T, name string) (tensors map[string]safetensors.Tensor, config string) {
	t.Helper()
	dir := filepath.Join("../../testdata/zoo", name)
	f, err := openFile(filepath.Join(dir, "mobileclip.pt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	tensors = map[string]safetensors.Tensor{}
	for name, v := range f.tensors {
		if tensors[name], err = v.read(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "open_clip_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	return tensors, string(data)
}

// Apple's files are read in every data type of weights.
func TestAppleDataTypes(t *testing.T) {
	for _, name := range []string{"apple-s0", "apple-s1", "apple-s1-one", "apple-b"} {
		half, config := appleModel(t, name)
		float, brain := map[string]safetensors.Tensor{}, map[string]safetensors.Tensor{}
		for name, v := range half {
			data, err := v.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			var bytes []byte
			for i := range data { // of which bfloat16 has the upper half
				bits := math.Float32bits(data[i]) &^ 0xffff
				data[i] = math.Float32frombits(bits)
				bytes = binary.LittleEndian.AppendUint16(bytes, uint16(bits>>16))
			}
			float[name] = safetensors.FromFloat32s(data, v.Shape...)
			brain[name] = safetensors.Tensor{DType: "BF16", Shape: v.Shape, Data: bytes}
			if half[name], err = safetensors.HalfFromFloat32s(data, v.Shape...); err != nil {
				t.Fatal(err)
			}
		}
		read := func(tensors map[string]safetensors.Tensor, outer ...string) map[string]Tensor {
			w, err := readAll(write(t, map[string]any{"mobileclip.pt": torchFile(t, tensors, outer...), "open_clip_config.json": config}))
			if err != nil {
				t.Fatal(err)
			}
			if w.Format != appleFormat {
				t.Errorf("format %q", w.Format)
			}
			return w.Tensors
		}
		want := read(float)
		sameTensors(t, read(brain), want)
		sameTensors(t, read(rename(brain, func(name string) string { return "module." + name }), "state_dict"), want)
		for name := range half { // subnormal numbers
			if data, _ := float[name].Float32s(); slices.ContainsFunc(data, func(v float32) bool { return v != 0 && math.Abs(float64(v)) < 1e-4 }) {
				half[name] = float[name]
			}
		}
		sameTensors(t, read(half), want)
	}
}

// A file without one of its tensors is an error: here, or because a tensor of the model is missing.
func TestAppleFilesAreWhole(t *testing.T) {
	for _, name := range []string{"apple-s0", "apple-s1", "apple-s1-one", "apple-b"} {
		dir := filepath.Join("../../testdata/zoo", name)
		f, err := openFile(filepath.Join(dir, "mobileclip.pt"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		whole, err := f.weights(dir)
		if err != nil {
			t.Fatal(err)
		}
		all := f.tensors
		for missing := range all {
			if strings.HasSuffix(missing, ".num_batches_tracked") || missing == "logit_scale" {
				continue
			}
			f.tensors = maps.Clone(all)
			delete(f.tensors, missing)
			if w, err := f.weights(dir); err == nil && len(w.Tensors) == len(whole.Tensors) && w.NoText == "" {
				t.Errorf("%s: nothing is missing without %s", name, missing)
			}
		}
	}
}

func TestAppleFilesRefused(t *testing.T) {
	s1, config := appleModel(t, "apple-s1")
	b, configB := appleModel(t, "apple-b")
	mixed := maps.Clone(s1)
	for name, v := range b {
		if !strings.HasPrefix(name, "text_encoder.") {
			mixed[name] = v
		}
	}
	const proj, norm = "image_encoder.model.head.proj", "image_encoder.model.network.7.0.norm.running_mean"
	changed := func(name string, v safetensors.Tensor) map[string]safetensors.Tensor {
		m := maps.Clone(s1)
		m[name] = v
		return m
	}
	s0, configS0 := appleModel(t, "apple-s0")
	twice := maps.Clone(s0)
	for name, v := range s0 {
		twice[strings.Replace(name, "transformer.5.", "transformer.3.", 1)] = v
	}
	for name, c := range map[string]struct {
		tensors map[string]safetensors.Tensor
		config  string
		want    string
	}{
		"of other sizes":             {s1, "", "a MobileCLIP model of unknown sizes"},
		"a ViT of other sizes":       {b, "", "a MobileCLIP model of unknown sizes"},
		"another configuration":      {s1, configB, "belongs to another model"},
		"parts of two image towers":  {mixed, config, "visual.trunk.blocks.0"},
		"unknown layer":              {changed("image_encoder.model.network.9.0.x.weight", s1[proj]), config, "an unknown part"},
		"unknown part of a block":    {changed("image_encoder.model.network.0.0.x.weight", s1[proj]), config, "is not known"},
		"a projection of one number": {changed(proj, safetensors.FromFloat32s([]float32{1})), config, proj},
		"a norm of one channel":      {changed(norm, safetensors.FromFloat32s([]float32{1}, 1)), config, "running_mean"},
		"convolutions between":       {twice, configS0, "is there twice"},
		"half of S0's text tower": {rename(s0, func(name string) string {
			if strings.Contains(name, "text_encoder.transformer.0.") {
				return ""
			}
			return name
		}), configS0, "resblocks.5.convffn"},
	} {
		files := map[string]any{"mobileclip.pt": torchFile(t, c.tensors)}
		if c.config != "" {
			files["open_clip_config.json"] = c.config
		}
		if _, err := readAll(write(t, files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	data := torchFile(t, s1)
	for _, n := range []int{0, 1, 100, len(data) / 2, len(data) - 1} {
		if _, err := Decode(bytes.NewReader(data[:n]), int64(n)); err == nil {
			t.Errorf("the first %d of %d bytes are a model", n, len(data))
		}
	}
}
