//go:build unix

package adapter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/train"
)

// A run whose model is a pipe, a device or a folder is an error, not a wait.
func TestRunsOfOtherFiles(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o777) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, train.BestFile)
		if err := make(path); err != nil {
			t.Skip(err)
		}
		for _, run := range []string{dir, path} {
			_, err := OpenRun(t.Context(), run, OpenOptions{})
			if ok := errors.Is(err, input.ErrNotRegular) || name == "folder" && errors.Is(err, train.ErrNotRun); !ok || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		// So is a backbone.
		m := tinyModel(t)
		a, err := New(m, residual, 1)
		if err != nil {
			t.Fatal(err)
		}
		f := a.File()
		f.Backbone.Path = path
		model := filepath.Join(dir, "model.safetensors")
		if err := f.Write(model); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenRun(t.Context(), model, OpenOptions{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s as backbone: error %v", name, err)
		}
	}
}
