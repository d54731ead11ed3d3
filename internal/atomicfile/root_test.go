package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// MemberIn replaces no links, follows none out of the root, and writes nothing there.
func TestMemberIn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	dir, outside := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	err := errors.Join(os.WriteFile(victim, []byte("old"), 0o600), os.Symlink(victim, filepath.Join(dir, "link")),
		os.Symlink(outside, filepath.Join(dir, "folder")), os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	put := func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }
	for name, ok := range map[string]bool{"new": true, "sub/new": true, "link": false, "folder/victim": false, "folder/new": false, "../x": false, "sub": false, "none/x": false} {
		if err := MemberIn(root, name, put); (err == nil) != ok {
			t.Errorf("%s: error %v", name, err)
		} else if ok {
			if data, err := os.ReadFile(filepath.Join(dir, name)); string(data) != "new" {
				t.Errorf("%s: %q, error %v", name, data, err)
			}
		}
	}
	if err := MemberIn(root, "new", func(io.Writer) error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
	if data, _ := os.ReadFile(victim); string(data) != "old" {
		t.Errorf("a file outside of the root has %q", data)
	}
	for path, want := range map[string]int{dir: 4, outside: 1} { // link, folder, new, sub: no temporary files
		if left, err := os.ReadDir(path); err != nil || len(left) != want {
			t.Errorf("%s: %v, error %v", path, left, err)
		}
	}
}
