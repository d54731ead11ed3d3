package proposal

import (
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// Any file gives a detector or an error.
func FuzzDecode(f *testing.F) {
	d, err := New(3, small(), 1)
	if err != nil {
		f.Fatal(err)
	}
	in := &safetensors.File{Tensors: map[string]safetensors.Tensor{}}
	for name, t := range d.Tensors() {
		in.Tensors[name] = safetensors.FromFloat32s(t.Data, t.Shape...)
	}
	whole := `{"task":"proposals","width":3,"config":{"width":16,"heads":2,"blocks":1,"levels":3,"window":4,"frames":32,"rate":8,"batch":8,"radius":1.5,"sigma":0.5,"max_proposals":5}}`
	path := filepath.Join(f.TempDir(), "detector.safetensors")
	read := func(text string) error {
		in.Metadata = map[string]string{metadataKey: text}
		if err := safetensors.Write(path, in); err != nil {
			return err
		}
		_, err := ReadFile(path)
		return err
	}
	if err := read(whole); err != nil {
		f.Error(err)
	}
	f.Add(whole)
	f.Add(`{"task":"proposals","width":9223372036854775807,"config":{"width":-1,"levels":64,"frames":1e9,"rate":1e308}}`)
	f.Add(`{"task":"recognition"}`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, text string) { _ = read(text) })
}
