//go:build unix

package input

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{pipe: "pipe", link: "pipe", "/dev/zero": "device", dir: "folder"}
	if l, err := net.Listen("unix", filepath.Join(dir, "socket")); err == nil {
		defer l.Close()
		paths[filepath.Join(dir, "socket")] = "" // the kernel refuses to open it
	}
	inherited := filepath.Join(dir, "inherited")
	if err := os.Symlink("/dev/fd/0", inherited); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stdin.Stat(); err == nil && !info.Mode().IsRegular() {
		paths[inherited] = "" // a link to it is no wish of the user
	}
	for path, want := range paths {
		_, err := ReadFile(path, 1<<20)
		if err == nil || want != "" && (!errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}

func TestReadFileLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, ok := range map[int64]bool{99: false, 100: true, 1 << 40: true} {
		data, err := ReadFile(path, limit)
		if ok && (err != nil || len(data) != 100) || !ok && !errors.Is(err, ErrTooLarge) {
			t.Errorf("limit %d: %d bytes, error %v", limit, len(data), err)
		}
	}
	// A sparse file of a terabyte is refused by its size, before it is read.
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	if _, err := ReadFile(path, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestLinksDoNotLeaveTheRoot(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if data, err := ReadFileIn(root, "link", 100); err == nil {
		t.Errorf("read %q", data)
	}
}

func TestOutputOfACommand(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("wave\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	if got, err := ReadText(path, 10); err != nil || string(got) != "wave\n" {
		t.Errorf("%q, error %v", got, err)
	}
}
