package library

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// What is in a folder that cannot be read, or entered, is not known.
func TestWhyMissingInUnreadableFolder(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() == 0 { // this thread gives up its rights
		for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Skip(err)
		}
		defer unix.Setfsuid(0)
	}
	as := func(uid int) {
		if os.Getuid() == 0 {
			_ = unix.Setfsuid(uid)
		}
	}
	for name, mode := range map[string]os.FileMode{"closed": 0, "unlisted": 0o111, "unentered": 0o444} {
		folder := filepath.Join(dir, name)
		as(0)
		if err := errors.Join(os.Mkdir(folder, 0o777), os.WriteFile(filepath.Join(folder, "b.mp4"), nil, 0o666), os.Chmod(folder, mode)); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(folder, 0o777)
		as(65534)
		if _, err := os.Stat(filepath.Join(folder, "b.mp4")); err == nil && mode != 0o111 {
			t.Skip("the folder can be entered all the same")
		}
		for _, path := range []string{filepath.Join(folder, "a.mp4"), filepath.Join(folder, "sub", "a.mp4")} {
			if err := whyMissing(path, []string{dir}); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
