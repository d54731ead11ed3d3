//go:build unix

package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/input"
)

// Pipes and devices, also behind links, are errors and not read.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, target := range []string{pipe, "/dev/zero"} {
		for name, read := range map[string]func(string) error{
			"x.csv":     func(p string) error { _, err := Load(p, Options{}); return err },
			"x.jsonl":   func(p string) error { _, err := Load(p, Options{}); return err },
			"x.txt":     func(p string) error { _, err := Load(p, Options{}); return err },
			"x.json":    func(p string) error { _, err := LoadSegments(p, ""); return err },
			"c.csv":     func(p string) error { _, err := LoadCaptions(p, CaptionOptions{}); return err },
			"classes":   func(p string) error { _, err := ReadClasses(p); return err },
			"names":     func(p string) error { _, err := readClassNames(p); return err },
			"sentences": func(p string) error { _, err := ReadSentences(p); return err },
		} {
			link := filepath.Join(t.TempDir(), name)
			if err := os.Symlink(target, link); err != nil {
				t.Skip(err)
			}
			if err := read(link); !errors.Is(err, input.ErrNotRegular) {
				t.Errorf("%s at %s: %v", name, target, err)
			}
		}
	}
}
