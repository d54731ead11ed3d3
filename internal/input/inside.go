package input

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OpenInside opens the regular file at path with os.OpenFile's flags, for reading or
// writing. A link is followed only inside the file's own folder; one that leaves it is an
// error, so nothing elsewhere is created or changed.
func OpenInside(path string, flag int, perm os.FileMode) (*os.File, error) {
	root, err := OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := regular(root.OpenFile(filepath.Base(path), flag|nonblocking, perm))
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = path
	}
	return f, err
}

// OpenRoot is os.OpenRoot, which would wait for a pipe.
func OpenRoot(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}
