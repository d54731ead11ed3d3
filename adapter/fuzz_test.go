package adapter

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// Whatever a model file says of itself, it is an adapter of its backbone or an error.
func FuzzDecode(f *testing.F) {
	m := tinyModel(f)
	c := residual
	c.Layout = LayoutContext // of which the tables do not tell the backbone's context
	a, err := New(m, c, 1)
	if err != nil {
		f.Fatal(err)
	}
	file := a.File()
	in := &safetensors.File{Tensors: map[string]safetensors.Tensor{}}
	for name, t := range file.Tensors {
		in.Tensors[name] = safetensors.FromFloat32s(t.Data, t.Shape...)
	}
	text, err := json.Marshal(file)
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "model.safetensors")
	read := func(text string) error {
		in.Metadata = map[string]string{metadataKey: text}
		if err := safetensors.Write(path, in); err != nil {
			return err
		}
		file, err := ReadFile(path)
		if err != nil {
			return err
		}
		a, err := file.Adapter(m)
		if err != nil {
			return err
		}
		_, err = a.EncodeClasses(context.Background(), []string{"a name"})
		return err
	}
	whole := string(text)
	if err := read(whole); err != nil {
		f.Error(err)
	}
	f.Add(whole)
	if err := read(strings.Replace(whole, `"context":48`, `"context":49`, 1)); err == nil {
		f.Error("a file of another backbone's sizes is taken")
	}
	f.Add(strings.Replace(whole, `"text_width":32`, `"text_width":16`, 1))
	f.Add(strings.Replace(whole, `"temporal_heads":1`, `"temporal_heads":-1`, 1))
	f.Add(strings.NewReplacer(`"prefix":2`, `"prefix":9223372036854775807`, `"postfix":1`, `"postfix":9223372036854775807`).Replace(whole))
	f.Fuzz(func(t *testing.T, text string) { _ = read(text) })
}

// Whatever files a folder has, opening it as a run gives a run or an error.
func FuzzRunFolder(f *testing.F) {
	a, err := New(tinyModel(f), residual, 1)
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "model.safetensors")
	file := a.File()
	file.Backbone.Path = "no such model" // loading one takes time
	if err := file.Write(path); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("best.safetensors", whole, "")
	f.Add("last.safetensors", whole[:len(whole)/2], "last")
	f.Add("episode-000", []byte{}, "best")
	f.Add("x", whole[:9], "../x")
	f.Fuzz(func(t *testing.T, name string, data []byte, checkpoint string) {
		dir := t.TempDir()
		if filepath.IsLocal(name) {
			_ = os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600)
		}
		run, err := OpenRun(t.Context(), dir, OpenOptions{Checkpoint: checkpoint})
		if err == nil && run.Backbone == nil {
			t.Error("a run without backbone")
		}
	})
}
