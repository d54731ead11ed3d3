// Package atomicfile writes files atomically: a file is complete, or it is unchanged.
package atomicfile

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Write replaces the content of path with what write sends to its writer.
//
// The bytes go to a hidden temporary file in path's own folder, which is
// flushed to the disk and then renamed to path. If write or another step fails, or
// write panics, the temporary file is removed and an existing file at path is
// unchanged. Other processes see either the old or the new file. The folder must
// exist.
//
// A file that is replaced keeps its permissions. Write refuses a path of a device, pipe or
// folder. A link at path is replaced.
func Write(path string, write func(io.Writer) error) error { return replace(path, 0o666, write) }

// WritePrivate writes data to path as [Write] does. Only the user can read the file.
func WritePrivate(path string, data []byte) error { return replace(path, 0o600, verbatim(data)) }

func replace(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	old, mode, err := replaced(os.Lstat, path, mode)
	if err != nil {
		return err
	}
	f, err := createTemp(path, mode)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()

	if err := fill(f, old, mode, write); err != nil {
		return err
	}
	// Windows cannot rename an open file, so the close comes first.
	done = true
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(path))
}

// replaced returns whether there is a file at path, and the permissions of the file that
// replaces it: its own, without those that mode lacks if mode is private. Anything but a file
// or link is an error.
func replaced(lstat func(string) (fs.FileInfo, error), path string, mode fs.FileMode) (old bool, _ fs.FileMode, err error) {
	info, err := lstat(path)
	switch {
	case err != nil: // also a folder that cannot be read; creating a file there has the error
		return false, mode, nil
	case info.Mode().IsRegular() && mode&0o077 != 0:
		return true, info.Mode().Perm(), nil
	case info.Mode().IsRegular(), info.Mode()&fs.ModeSymlink != 0:
		return false, mode, nil
	}
	return false, 0, &fs.PathError{Op: "write", Path: path, Err: ErrNotFile}
}

// fill writes a temporary file to the disk. The system has removed permissions that the umask
// excludes; a file that is replaced had them. File systems without permissions are no error.
func fill(f *os.File, old bool, mode fs.FileMode, write func(io.Writer) error) error {
	if old {
		_ = f.Chmod(mode)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	return errors.Join(w.Flush(), f.Sync())
}

// ErrNotFile reports a link, folder, pipe or device where a result would be written.
var ErrNotFile = errors.New("not a regular file")

// IsLeftover reports whether a file has the name of a temporary file, which a process that
// was killed may have left.
func IsLeftover(name string) bool { return leftover.MatchString(name) }

var leftover = regexp.MustCompile(`^\..+\.[A-Z2-7]{8}\.tmp$`)

// RemoveLeftovers removes the temporary files that killed processes left in a folder. No
// process may be writing there.
func RemoveLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && IsLeftover(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// SyncDir flushes a folder to the disk, so that a power failure does not undo the renames
// in it. Systems that cannot flush folders are no error.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // a folder may be writable without being readable
	}
	defer d.Close()
	if err := d.Sync(); errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// ErrOtherKind reports that a result would replace a file of another kind, such as a video.
var ErrOtherKind = errors.New("the existing file is of another kind, and is not replaced")

// Output writes to a path that a user named for a result. A regular file, or none, is
// written as by [Write]. A character device or pipe, also behind a link such as
// /dev/stdout, is written to directly. Everything else is an error: a link to a file,
// because the user may not know what it would replace, a folder, a disk. A file that is
// neither empty nor of the same kind as the result, by its first bytes, is kept, with an
// *fs.PathError around [ErrOtherKind].
func Output(path string, write func(io.Writer) error) error {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0 {
		return overOwn(path, kind, write)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	return errors.Join(err, w.Flush(), f.Close())
}

// Member writes a file that a command puts in a folder of results, under a name that the user did
// not choose. The rule is stricter than that of [Output]: JSON replaces only JSON with the same
// first key, other text only text with the same first line, and model files only those with the
// same first key. So a user's own file with such a name is kept.
func Member(path string, write func(io.Writer) error) error { return overOwn(path, form, write) }

// MemberBytes is [Member] for data.
func MemberBytes(path string, data []byte) error { return Member(path, verbatim(data)) }

// overOwn replaces only a file of the same kind.
func overOwn(path string, kind func(head []byte) string, write func(io.Writer) error) error {
	if err := CheckRegular(path); err != nil {
		return err
	}
	return Write(path, func(w io.Writer) error {
		result := &head{w: w}
		if err := write(result); err != nil {
			return err
		}
		return sameKind(func() (*os.File, error) { return os.Open(path) }, path, kind, result.bytes)
	})
}

// CheckRegular returns an error if there is anything but a regular file at path, such as a link.
func CheckRegular(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().IsRegular() {
		return nil //nolint:nilerr // writing has the error
	}
	reason := ErrNotFile
	if to, err := os.Readlink(path); err == nil {
		reason = fmt.Errorf("%w but a link to %q", ErrNotFile, to)
	}
	return &fs.PathError{Op: "write", Path: path, Err: reason}
}

// Rename gives a finished file the name of another one, which it replaces, and the permissions of that.
func Rename(from, to string) error {
	old, mode, err := replaced(os.Lstat, to, 0o666)
	if err != nil {
		return err
	}
	if old {
		_ = os.Chmod(from, mode) // file systems without permissions are no error
	}
	return os.Rename(from, to)
}

// WriteBytes writes data to path atomically; see Write.
func WriteBytes(path string, data []byte) error { return Write(path, verbatim(data)) }

func verbatim(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// longest is the number of bytes of a name that are used in the temporary name. With
// the added characters it stays below 255, the usual limit of file systems.
const longest = 200

// createTemp opens a new hidden file next to path. It does not use os.CreateTemp, because the
// files of that are private to the user, also after the rename.
func createTemp(path string, mode fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(path)
	if len(base) > longest { // so that the temporary name is valid
		base = strings.ToValidUTF8(base[:longest], "")
	}
	for {
		name := dir + "." + base + "." + rand.Text()[:8] + ".tmp"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		// The user knows the file by the name it will have.
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			pe.Path = path
		}
		return f, err
	}
}
