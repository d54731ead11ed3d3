//go:build unix

package input

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOpenInside(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(outside, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, path("link")), os.Symlink(outside+"x", path("dangling")), os.Symlink("file", path("inside")), syscall.Mkfifo(path("pipe"), 0o600)); err != nil {
		t.Skip(err)
	}
	f, err := OpenInside(path("file"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil || f.Name() != path("file") {
		t.Fatal(f, err)
	}
	f.Close()
	if f, err = OpenInside(path("inside"), os.O_RDONLY, 0); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	for _, name := range []string{"link", "dangling", "pipe", "."} {
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE, os.O_WRONLY | os.O_CREATE | os.O_TRUNC} {
			if f, err := OpenInside(path(name), flag, 0o666); err == nil {
				f.Close()
				t.Errorf("%s is opened by %x", name, flag)
			}
		}
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "kept" {
		t.Errorf("%q %v", data, err)
	}
	if _, err := os.Lstat(outside + "x"); err == nil {
		t.Error("a file was created outside")
	}
}
