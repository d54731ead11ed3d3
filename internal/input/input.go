// Package input opens files that clipcue did not write. A path can name a pipe or a
// device, whose reader would wait forever, or a file far larger than its kind ever is.
package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
)

// ErrNotRegular reports a path that is a folder, pipe, socket or device.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge reports a file above the limit of its kind.
var ErrTooLarge = errors.New("file too large")

// Open opens the regular file at path for reading, through links, without waiting. Any
// other kind of file gives an *fs.PathError around ErrNotRegular, except a file that the
// process inherited and that path names as such (/dev/stdin, /dev/fd/3): that is how shells
// pass the output of a command, and the user asked for it.
func Open(path string) (*os.File, error) {
	if path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") {
		return os.Open(path)
	}
	return regular(os.OpenFile(path, os.O_RDONLY|nonblocking, 0))
}

// OpenSized is Open, and returns the size of the file.
func OpenSized(path string) (*os.File, int64, error) {
	f, err := Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// OpenIn is Open for a path relative to root. Links that leave root are an error.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	return regular(root.OpenFile(name, os.O_RDONLY|nonblocking, 0))
}

// ReadFile returns the content of the regular file at path, of at most limit bytes. A
// larger file gives an *fs.PathError around ErrTooLarge.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, limit)
}

// ReadFileIn is ReadFile for a path relative to root. Links that leave root are an error.
func ReadFileIn(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := OpenIn(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, limit)
}

func regular(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: fmt.Errorf("%w (%s)", ErrNotRegular, kind(info.Mode()))}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func read(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// The size is checked before memory is allocated, and again while reading, because
	// the file may grow.
	data := []byte(nil)
	if info.Size() <= limit {
		data, err = io.ReadAll(io.LimitReader(f, limit+1))
	}
	if err != nil {
		return nil, err
	}
	if max(info.Size(), int64(len(data))) > limit {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: fmt.Errorf("%w: more than %s", ErrTooLarge, humanize.IBytes(uint64(limit)))}
	}
	return data, nil
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
