//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// names lists the files in dir.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	for _, want := range []string{"one", "", strings.Repeat("long", 1<<16)} {
		if err := WriteBytes(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want {
			t.Errorf("read back %d bytes, want %d", len(got), len(want))
		}
	}
	if got := names(t, dir); got != "a.txt" {
		t.Errorf("folder holds %q", got)
	}
}

func TestFailureLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	err := Write(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("half", 1<<16))
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("got error %v, want %v", err, stop)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("file holds %q", got)
	}
	if got := names(t, dir); got != "a.txt" {
		t.Errorf("folder holds %q", got)
	}
}

func TestPanicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() { _ = recover() }()
		_ = Write(filepath.Join(dir, "a.txt"), func(io.Writer) error { panic("write") })
	}()
	if got := names(t, dir); got != "" {
		t.Errorf("folder holds %q", got)
	}
}

func TestRenameFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(path, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if got := names(t, dir); got != "folder" {
		t.Errorf("folder holds %q", got)
	}
}

func TestMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "a.txt")
	err := WriteBytes(path, nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path+":") {
		t.Errorf("got error %v, want %v for %s", err, os.ErrNotExist, path)
	}
}

// Every valid file name can be written, although the temporary name is longer.
func TestLongNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 255), strings.Repeat("ü", 127), strings.Repeat("x", 199) + "ü" + strings.Repeat("x", 50)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Skip(err)
		}
		if err := WriteBytes(path, []byte("new")); err != nil {
			t.Error(err)
		}
		if got := content(t, path); got != "new" {
			t.Errorf("%q", got)
		}
	}
}

func TestOnlyFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{pipe, "/dev/null", dir} {
		if err := WriteBytes(path, []byte("x")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestOutputWritesToPipesAndDevices(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	write := func(w io.Writer) error { _, err := io.WriteString(w, "result"); return err }
	for _, path := range []string{pipe, link} {
		read := make(chan string)
		go func() {
			data, err := os.ReadFile(pipe)
			read <- string(data) + fmt.Sprint(err)
		}()
		if err := Output(path, write); err != nil {
			t.Fatal(err)
		}
		if got := <-read; got != "result<nil>" {
			t.Errorf("%s: the reader got %q", path, got)
		}
	}
	if err := Output("/dev/full", write); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("/dev/full: error %v", err)
	}
	if err := Output("/dev/null", write); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := Output(file, write); err != nil || content(t, file) != "result" {
		t.Errorf("file: error %v", err)
	}
	if err := Output(dir, write); err == nil {
		t.Error("a folder was written to")
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Error("the pipe was replaced")
	}
}

// A file keeps its permissions when it is replaced, whatever the umask is, and no link is.
func TestReplacingKeepsPermissions(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	put := func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }
	for name, write := range map[string]func(path string) error{
		"Write":    func(path string) error { return Write(path, put) },
		"Output":   func(path string) error { return Output(path, put) },
		"Member":   func(path string) error { return Member(path, put) },
		"MemberIn": func(path string) error { return MemberIn(root, filepath.Base(path), put) },
		"WriteRenamed": func(path string) error {
			temporary := filepath.Join(dir, "temporary")
			return errors.Join(os.WriteFile(temporary, []byte("new"), 0o666), Rename(temporary, path))
		},
		"WritePrivate": func(path string) error { return WritePrivate(path, []byte("new")) },
	} {
		for _, mode := range []os.FileMode{0o400, 0o600, 0o640, 0o666, 0o755} {
			_ = os.Remove(path)
			if err := errors.Join(os.WriteFile(path, []byte("new\n"), 0o600), os.Chmod(path, mode), write(path)); err != nil {
				t.Fatal(name, err)
			}
			if name == "WritePrivate" {
				mode = 0o600
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != mode {
				t.Errorf("%s: permissions %v, want %v, error %v", name, info.Mode(), mode, err)
			}
		}
		if err := write(link); (err == nil) != strings.HasPrefix(name, "Write") {
			t.Errorf("%s: error %v for a link", name, err)
		}
		_ = os.Remove(link)
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
	}
}
