package tempfolder

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/filelock"
)

// Folders of killed processes are removed; those in use, new ones and others stay.
func TestRemoveLeftovers(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	used, err := Make(parent, "a-")
	if err != nil {
		t.Fatal(err)
	}
	left, fresh, other := filepath.Join(parent, "a-left"), filepath.Join(parent, "a-new"), filepath.Join(parent, "b-left")
	for _, dir := range []string{left, fresh, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(left, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-8 * 24 * time.Hour)
	for _, dir := range []string{left, other, used.Path} {
		if dir == used.Path && !filelock.Supported {
			continue
		}
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveLeftovers(parent, "a-"); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{left: false, fresh: true, other: true, used.Path: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := used.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(used.Path); err == nil {
		t.Error("the folder is still there after Close")
	}
}
