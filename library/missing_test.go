package library

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file counts as deleted only if the folder that had it says so.
func TestWhyMissing(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, f := range []string{"root/sub", "root/emptied", "empty", "mounts/disk"} {
		if err := os.MkdirAll(path(f), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"root/a.mp4", "file"} {
		if err := os.WriteFile(path(f), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	folders := []string{path("root"), path("empty"), path("media/disk"), path("mounts/disk")}
	if err := errors.Join(os.Mkdir(path("media"), 0o777), os.Symlink(path("nowhere"), path("root/link.mp4")), os.Symlink(path("nowhere"), path("root/linked")), os.Symlink(path("root/loop"), path("root/loop"))); err != nil {
		t.Skip(err)
	}
	for name, c := range map[string]struct {
		path string
		want error // nil if it was deleted
	}{
		"deleted":                         {"root/b.mp4", nil},
		"deleted with its folder":         {"root/gone/deep/b.mp4", nil},
		"the last one of a subfolder":     {"root/emptied/b.mp4", nil},
		"the whole folder":                {"other/b.mp4", nil},
		"an empty mount":                  {"empty/b.mp4", errEmptyFolder},
		"below an empty mount":            {"empty/2026/b.mp4", errEmptyFolder},
		"an empty mount in a full folder": {"mounts/disk/2026/b.mp4", errEmptyFolder},
		"a removed mount point":           {"media/disk/b.mp4", errEmptyFolder},
		"a dangling link":                 {"root/link.mp4", fs.ErrNotExist},
		"below a dangling link":           {"root/linked/b.mp4", fs.ErrNotExist},
		"a loop of links":                 {"root/loop/b.mp4", syscall.ELOOP},
		"a folder that became a file":     {"file/b.mp4", syscall.ENOTDIR},
		"far below such a file":           {"file/2026/b.mp4", syscall.ENOTDIR},
		"it is there":                     {"root/a.mp4", errors.ErrUnsupported},
	} {
		err := whyMissing(filepath.Clean(path(c.path)), folders)
		if c.want == errors.ErrUnsupported && err != nil {
			continue // any reason
		}
		if (err == nil) != (c.want == nil) || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := whyMissing(path("empty"), folders); err == nil {
		t.Error("a folder that exists is missing")
	}
	if err := os.Remove(path("empty")); err != nil {
		t.Fatal(err)
	}
	if err := whyMissing(path("empty"), folders); err != nil {
		t.Errorf("a folder that was deleted: %v", err)
	}
	// The only video of a folder that the library was not given.
	if err := whyMissing(path("root/emptied/b.mp4"), nil); !errors.Is(err, errEmptyFolder) {
		t.Errorf("an empty folder: %v", err)
	}
}
