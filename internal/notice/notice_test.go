package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// NOTICE has the license of everything that is linked or embedded.
func TestNotice(t *testing.T) {
	root := filepath.Join("..", "..")
	got, err := os.ReadFile(filepath.Join(root, "NOTICE"))
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(got) {
		t.Error("NOTICE is not UTF-8")
	}
	modules, err := linked(t.Context(), root)
	if err != nil {
		t.Skip(err) // the modules of other systems may not be downloaded
	}
	if _, err := os.Stat(filepath.Join(modules["Go"], "LICENSE")); err != nil {
		t.Skip(err) // some distributions of Go keep it elsewhere
	}
	for path := range modules {
		if !strings.Contains(string(got), "\n"+path+": ") {
			t.Errorf("%s is not in NOTICE", path)
		}
	}
	if want, err := notice(root); err != nil || string(got) != string(want) {
		t.Errorf("NOTICE is not that of the linked modules (%v): run go run ./internal/notice", err)
	}
}

// Embedded files are clipcue's own or have their license in NOTICE.
func TestEmbeddedFilesAreKnown(t *testing.T) {
	own := map[string]bool{"background.txt": true, "clipcue-tiny.safetensors": true, "page.html": true, "style.css": true, "requirements.txt": true}
	licensed := map[string]bool{"merges.gz": true, "dist": true} // in the list embedded
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for line := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "//go:embed "); ok && !own[name] && !licensed[name] {
				t.Errorf("%s embeds %s: state its license", path, name)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
