package clip_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/fixture"
)

// The fixture is a model of OpenCLIP with layer scale, MLPs that are not four times as wide
// as the towers, and heads of 16 and 8, and its features of an image and of "a b c".
func TestLayerScaleAndMLPs(t *testing.T) {
	want := fixture.Load(t, "clip/layerscale/expected.safetensors")
	m, err := clip.Load(filepath.Join(fixture.Dir(t), "clip", "layerscale", "open_clip_model.safetensors"), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Config(); c.VisionMLP != 83 || c.TextMLP != 118 || !c.Fit.Squash {
		t.Errorf("configuration: %+v", c)
	}
	pixels := make([]byte, 3*24*24)
	for i := range pixels {
		pixels[i] = byte(i * 7 % 256)
	}
	images, err := m.EncodeImages(t.Context(), pixels)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := m.EncodeTexts(t.Context(), []string{"a b c"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]float32{"image": images, "text": texts} {
		expected, err := want.Tensors[name].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		largest, worst := 0., 0.
		for i, v := range expected {
			largest = max(largest, math.Abs(float64(v)))
			worst = max(worst, math.Abs(float64(v-got[i])))
		}
		if worst > 2e-5*largest {
			t.Errorf("%s: the largest difference is %g of %g", name, worst, largest)
		}
	}
}
