package demo

import (
	"os"
	"path/filepath"
	"testing"
)

// A video is placed once, and no file of the user or link is replaced or taken for it.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{"from": "video", "copy": "video", "mine": "notes"} {
		if err := os.WriteFile(at(name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(at("from"), at("link")); err != nil {
		t.Skip(err)
	}
	for name, want := range map[string]string{"new/a": "video", "copy": "video", "mine": "", "link": ""} {
		for range 2 {
			if err := place(at("from"), at(name)); (err == nil) != (want != "") {
				t.Errorf("%s: error %v", name, err)
			}
		}
		if b, err := os.ReadFile(at(name)); want != "" && (err != nil || string(b) != want) {
			t.Errorf("%s: %q, error %v", name, b, err)
		}
	}
	if b, _ := os.ReadFile(at("mine")); string(b) != "notes" {
		t.Errorf("%q", b)
	}
}
