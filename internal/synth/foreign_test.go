package synth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/atomicfile"
)

// A folder without a dataset that has a file with the name of an output stays as it is, and so
// do foreign files and links in a folder with a dataset.
func TestGenerateKeepsForeignFiles(t *testing.T) {
	o := Options{Kind: KindPictures, Total: 2, Width: 16, Height: 16}
	names := []string{"labels.csv", "captions.jsonl", "pictures/000001.png"}
	for _, name := range names {
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("mine"), 0o666)); err != nil {
			t.Fatal(err)
		}
		if _, err := Generate(t.Context(), dir, o, nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", name, err)
		}
		if b, err := os.ReadFile(path); string(b) != "mine" {
			t.Errorf("%s: %q, error %v", name, b, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "synth.json")); err == nil {
			t.Errorf("%s: the folder was claimed", name)
		}
	}
	dir := t.TempDir()
	captions, picture := filepath.Join(dir, "captions.jsonl"), filepath.Join(dir, "pictures", "000001.png")
	if _, err := Generate(t.Context(), dir, o, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(captions, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(t.Context(), dir, o, nil); !errors.Is(err, atomicfile.ErrOtherKind) {
		t.Errorf("error %v", err)
	}
	if err := errors.Join(os.Remove(captions), os.Remove(picture), os.Symlink(filepath.Join(dir, "none"), picture)); err != nil {
		t.Skip(err)
	}
	if _, err := Generate(t.Context(), dir, o, nil); err == nil || !strings.Contains(err.Error(), picture) {
		t.Errorf("a link: error %v", err)
	}
}
