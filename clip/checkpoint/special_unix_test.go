//go:build unix

package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// A pipe or a device instead of any file of a model is an error, without waiting.
func TestSpecialFiles(t *testing.T) {
	const index = `{"weight_map":{"visual.conv1.weight":"a.safetensors"}}`
	for kind, make := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		for name, c := range map[string]struct {
			files map[string]any // regular ones
			open  string
		}{
			"model.safetensors":            {nil, "model.safetensors"},
			"pytorch_model.bin":            {nil, ""},
			"config.json":                  {map[string]any{"model.safetensors": tinyHF()}, ""},
			"open_clip_config.json":        {map[string]any{"open_clip_model.safetensors": tiny()}, ""},
			"preprocessor_config.json":     {map[string]any{"model.safetensors": tinyHF(), "config.json": `{"vision_config":{"hidden_size":4,"patch_size":2,"num_attention_heads":2},"text_config":{"hidden_size":4,"vocab_size":6,"eos_token_id":2}}`}, ""},
			"model.safetensors.index.json": {nil, ""},
			"a.safetensors":                {map[string]any{"model.safetensors.index.json": index}, ""},
		} {
			dir := write(t, c.files)
			if err := make(filepath.Join(dir, name)); err != nil {
				t.Skip(err)
			}
			if _, err := readAll(filepath.Join(dir, c.open)); !errors.Is(err, input.ErrNotRegular) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s as %s: error %v", kind, name, err)
			}
		}
	}
}

// Tensors in a sparse file are read only if they fit in the memory budget.
func TestSparseWeights(t *testing.T) {
	const rows = 1 << 20
	memory.SetLimit(64 << 20)
	t.Cleanup(func() { memory.SetLimit(0) })
	strided := archive(t, state("visual.proj", tensor("2", 4000, 0, tuple{2, 2}, tuple{100, 1})))
	if _, err := openBytes(t, strided); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	err := safetensors.Write(path, &safetensors.File{Tensors: map[string]safetensors.Tensor{"visual.conv1.weight": safetensors.FromFloat32s(make([]float32, 3), 1, 3, 1, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The same header with a size of 2^20 times as many rows.
	data = []byte(strings.NewReplacer(`[1,3,1,1]`, `[1048576,3,1,1]`, `[0,12]`, `[0,12582912]`).Replace(string(data)))
	data[0] = byte(len(data) - 12 - 8)
	for len(data) < int(data[0])+8 {
		data = append(data, ' ')
	}
	if err := os.WriteFile(path, data[:int(data[0])+8], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(data[0])+8+12*rows); err != nil {
		t.Skip(err)
	}
	if _, err := readAll(path); err != nil { // 12 MiB
		t.Error(err)
	}
	memory.SetLimit(1 << 20)
	if _, err := readAll(path); !errors.Is(err, memory.ErrBudget) || !strings.Contains(err.Error(), "visual.conv1.weight") {
		t.Errorf("error %v", err)
	}
}
