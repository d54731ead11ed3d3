package adapter

import (
	"path/filepath"
	"strings"
	"testing"
)

// A model file comes from others: its class names reach subtitles and tables.
func TestClassNamesAreLines(t *testing.T) {
	m := tinyModel(t)
	a, err := New(m, residual, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"red circle": true, "動く": true,
		"a\nb": false, "a\rb": false, "\x1b[2Ja": false, "a\u2028b": false, "a\tb": false,
	} {
		f := a.File()
		f.AddClasses([]string{"first", name})
		f.Embeddings = make([]float32, 2*m.Config().Embed)
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := f.Write(path); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "class 2") {
			t.Errorf("%q: got error %v", name, err)
		}
	}
}
