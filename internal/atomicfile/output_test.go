//go:build unix

package atomicfile

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func writeX(w io.Writer) error {
	_, err := io.WriteString(w, "new")
	return err
}

// Only regular files are replaced.
func TestOutputKeepsSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("target"), []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o666); err != nil {
		t.Skip(err)
	}
	for name, to := range map[string]string{"null": "/dev/null", "full": "/dev/full", "to-pipe": "pipe", "to-file": "target", "dangling": "none", "to-folder": ".", "loop": "loop"} {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, ok := range map[string]bool{"pipe": true, "to-pipe": true, "null": true, "full": false, "to-file": false, "dangling": false, "to-folder": false, "loop": false, ".": false, "target/": true} {
		got := make(chan string, 1)
		if name == "pipe" || name == "to-pipe" {
			go func() {
				b, _ := os.ReadFile(at("pipe"))
				got <- string(b)
			}()
		} else {
			got <- "new"
		}
		before, _ := os.Lstat(at(name))
		err := Output(dir+"/"+name, writeX)
		if (err == nil) != ok {
			t.Errorf("%s: got error %v", name, err)
		}
		if s := <-got; s != "new" {
			t.Errorf("%s: the reader got %q", name, s)
		}
		if after, err := os.Lstat(at(name)); err != nil || after.Mode().Type() != before.Mode().Type() {
			t.Errorf("%s was %v and is %v", name, before, after)
		}
	}
	if got := content(t, at("target")); got != "new" {
		t.Errorf("the target holds %q", got)
	}
	if err := Output(at("none"), writeX); err != nil || content(t, at("none")) != "new" {
		t.Error(err)
	}
}
