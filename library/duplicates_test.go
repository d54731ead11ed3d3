package library

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Links to a file are no copies of it: whoever deletes all but one path would delete the file.
func TestLinksAreNoCopies(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.WriteFile(at("file"), []byte("a"), 0o666), os.WriteFile(at("other"), []byte("a"), 0o666))
	if err := errors.Join(err, os.Symlink("file", at("a link")), os.Link(at("file"), at("hard link"))); err != nil {
		t.Skip(err)
	}
	got := distinctFiles([]string{at("a link"), at("file"), at("hard link"), at("missing"), at("missing too"), at("other")})
	if d := cmp.Diff([]string{at("file"), at("missing"), at("missing too"), at("other")}, got); d != "" {
		t.Error(d)
	}
}
