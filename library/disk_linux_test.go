package library_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mounted is a small disk of its own, where the system lets a test have one. It is
// given to do, which may mount it again with other options.
func mounted(t *testing.T, options string) (dir string, remount func(options string)) {
	t.Helper()
	dir = t.TempDir()
	mount := func(options string) error {
		out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "clipcue-test", dir).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	}
	if err := mount(options); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	return dir, func(options string) {
		t.Helper()
		if err := mount("remount," + options); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that fills up stops the run with one line; what was indexed is there, and
// when there is room the run goes on.
func TestFullDisk(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	dir, _ := mounted(t, "size=8m")
	w.lib = filepath.Join(dir, "lib")
	w.index(w.videos)
	for i, name := range []string{"blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4", "green_cross/001.mp4", "film.mp4"} {
		for n := range 2 {
			w.copy(name, fmt.Sprintf("more/%d-%d.mp4", i, n))
		}
	}
	w.o.Extract.Batch = 8
	filler := filepath.Join(dir, "filler")
	for _, free := range []int64{0, 70 << 10} {
		var disk unix.Statfs_t
		if err := unix.Statfs(dir, &disk); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filler, make([]byte, max(0, int64(disk.Bavail)*disk.Bsize-free)), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := w.try(w.videos)
		if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), w.lib) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d bytes free: %+v %v", free, r, err)
		}
		if info := w.whole(); info.Videos < 1 {
			t.Errorf("%d bytes free: %+v", free, info)
		}
		if found := w.search("a red circle", 1); !found.Matched {
			t.Errorf("%d bytes free: %+v", free, found)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.index(w.videos); r.LibraryVideos != 11 {
		t.Errorf("%+v", r)
	}
	w.whole()
}

// A library of somebody else, in a folder that only may be read, is searched.
func TestFolderOfAnother(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	w.whole() // who reads leaves files, too
	for _, left := range []string{"library.db-wal", "library.db-shm"} {
		if err := os.Remove(filepath.Join(w.lib, left)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	allow := func(folders, files os.FileMode) {
		t.Helper()
		err := filepath.WalkDir(w.lib, func(path string, d os.DirEntry, err error) error {
			if d != nil && d.IsDir() {
				return errors.Join(err, os.Chmod(path, folders))
			}
			return errors.Join(err, os.Chmod(path, files))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	allow(0o555, 0o444)
	defer allow(0o777, 0o666)
	if os.Getuid() == 0 { // who may do anything; this thread shall not
		for dir := filepath.Dir(w.lib); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer unix.Setfsuid(0)
	}
	if err := os.WriteFile(filepath.Join(w.lib, "probe"), nil, 0o666); err == nil {
		t.Skip("the folder can be written all the same")
	}
	if found := w.search("a red circle", 1); !found.Matched {
		t.Errorf("%+v", found)
	}
	w.whole()
}

// A library on a disk that cannot be written is searched, and not changed.
func TestReadOnlyDisk(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	dir, remount := mounted(t, "size=8m")
	w.lib = filepath.Join(dir, "lib")
	w.index(w.videos)
	remount("ro")
	if found := w.search("a red circle", 1); !found.Matched {
		t.Errorf("%+v", found)
	}
	w.whole()
	if _, err := w.try(w.videos); err == nil || !strings.Contains(err.Error(), "cannot be written") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
