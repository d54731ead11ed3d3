//go:build unix

package feature

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// A pipe in the place of a file is an error, and no one waits for it.
func TestPipesAreNoFiles(t *testing.T) {
	pipe := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o666); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		array(t, filepath.Join(dir, name), safetensors.FromFloat32s([]float32{1, 2}, 1, 2), `{"timestamps": [7]}`)
	}
	if err := os.Remove(filepath.Join(dir, "b.json")); err != nil {
		t.Fatal(err)
	}
	pipe(filepath.Join(dir, "b.json"))
	pipe(filepath.Join(dir, "pipe.npy"))
	s := create(t)
	r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1"})
	if err != nil || r.Done != 2 || len(r.Failed) != 2 || !strings.Contains(r.Failed[0].Reason, "not a ") || !strings.Contains(r.Failed[1].Reason, "not a ") {
		t.Errorf("%+v, error %v", r, err)
	}
	pipe(filepath.Join(s.Dir(), "pipe.safetensors"))
	if _, err := s.Get("pipe"); err == nil || !strings.Contains(err.Error(), "not a ") {
		t.Errorf("error %v", err)
	}
	if sum, err := s.Summary(); err != nil || sum.Sequences != 2 || len(sum.Damaged) != 1 {
		t.Errorf("%+v, error %v", sum, err)
	}
}
