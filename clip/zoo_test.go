package clip_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// Every family of backbones, small and with random weights in its published layout, gives the
// features of its authors' library. scripts/zoo writes the fixtures.
func TestZoo(t *testing.T) {
	const zoo = "../testdata/zoo"
	entries, err := os.ReadDir(zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			want, err := safetensors.Read(filepath.Join(zoo, e.Name()+".safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			floats := func(name string) []float32 { // none without such a tower
				if _, ok := want.Tensors[name]; !ok {
					return nil
				}
				v, err := want.Tensors[name].Float32s()
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			var texts []string
			if err := json.Unmarshal([]byte(want.Metadata["texts"]), &texts); err != nil {
				t.Fatal(err)
			}
			encode := func(precision string) (images, words []float32) {
				m, err := clip.Load(filepath.Join(zoo, e.Name()), clip.Options{Precision: precision, Threads: 2})
				if err != nil {
					t.Fatal(err)
				}
				if m.Has(clip.ImageTower) {
					if images, err = m.EncodeImages(t.Context(), want.Tensors["rgb"].Data); err != nil {
						t.Fatal(err)
					}
				}
				if m.Has(clip.TextTower) {
					if words, err = m.EncodeTexts(t.Context(), texts, false); err != nil {
						t.Fatal(err)
					}
				}
				return images, words
			}
			images, words := encode("float32")
			near(t, "images", images, floats("image"), 2e-5)
			near(t, "texts", words, floats("text"), 2e-5)
			if m, err := clip.Load(rewritten(t, filepath.Join(zoo, e.Name())), clip.Options{}); err != nil {
				t.Errorf("written by clipcue: %v", err)
			} else if m != nil && m.Has(clip.ImageTower) {
				again, err := m.EncodeImages(t.Context(), want.Tensors["rgb"].Data)
				if err != nil {
					t.Fatal(err)
				}
				near(t, "images, written by clipcue", again, images, 0)
			}
			images8, words8 := encode("int8")
			if a, b := cosine(images8, images), cosine(words8, words); a < 0.997 || b < 0.997 {
				t.Errorf("int8: cosines %g of images and %g of texts", a, b)
			}
		})
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// rewritten returns a file of the model in a folder in clipcue's own format.
func rewritten(t *testing.T, folder string) string {
	w, err := checkpoint.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.NoImage != "" || w.Tokenizer != nil {
		return folder // clipcue writes neither text towers alone nor tokenizers
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := clip.WriteFile(path, w, false, nil); err != nil {
		t.Fatal(err)
	}
	return path
}
