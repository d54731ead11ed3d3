package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/markfile"
)

// docs/formats.md has a row for each format that the command prints.
func TestFormats(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := must(t, exitDone, "formats").stdout
	for _, f := range decode[[]markfile.Info](t, must(t, exitDone, "formats", "--json")) {
		file := map[bool]string{true: "one per video", false: "one"}[f.PerVideo]
		row := fmt.Sprintf("| `%s` | %s | `%s` | %s | %s | %s | %s |\n", f.Name, f.Program, strings.Join(f.Extensions, "`, `"), yes(f.Import), yes(f.Export), file, f.Loses)
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/formats.md has no %s", row)
		}
		if !strings.Contains(text, string(f.Name)) || !strings.Contains(text, f.Program) {
			t.Errorf("%s is not printed", f.Name)
		}
	}
}
