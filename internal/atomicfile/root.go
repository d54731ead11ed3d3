package atomicfile

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// MemberIn is [Member] for a path relative to root. A link to a folder outside of root is an
// error, so nothing outside is ever written.
func MemberIn(root *os.Root, name string, write func(io.Writer) error) (err error) {
	if err := regularIn(root, name); err != nil {
		return err
	}
	old, mode, err := replaced(root.Lstat, name, 0o666)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(name)
	if len(base) > longest {
		base = strings.ToValidUTF8(base[:longest], "")
	}
	var f *os.File
	var temp string
	for f == nil {
		temp = dir + "." + base + "." + rand.Text()[:8] + ".tmp"
		f, err = root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			pe.Path = name // the user knows the file by the name that it will have
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close(), root.Remove(temp))
		}
	}()
	err = fill(f, old, mode, func(w io.Writer) error {
		result := &head{w: w}
		if err := write(result); err != nil {
			return err
		}
		return CheckIn(root, name, result.bytes)
	})
	if err != nil {
		return err
	}
	// Windows cannot rename an open file, so the close comes first.
	err, f = f.Close(), nil
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return syncDirIn(root, filepath.Clean(dir))
}

// CheckIn returns the error of [MemberIn] for a result with the given first bytes and an existing
// file that would be kept.
func CheckIn(root *os.Root, name string, result []byte) error {
	if err := regularIn(root, name); err != nil {
		return err
	}
	return sameKind(func() (*os.File, error) { return root.Open(name) }, name, form, result)
}

func regularIn(root *os.Root, name string) error {
	if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return &fs.PathError{Op: "write", Path: name, Err: ErrNotFile}
	}
	return nil
}

// syncDirIn is [SyncDir] for a folder relative to root.
func syncDirIn(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return nil // a folder may be writable without being readable
	}
	defer d.Close()
	if err := d.Sync(); errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}
