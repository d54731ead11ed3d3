package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// errEmptyFolder is wrapped by the reason for which a missing video is not taken for a
// deleted one: nothing is left in the folder that had it, as in the mount point of a disk
// that is not mounted.
var errEmptyFolder = errors.New("nothing is in the folder; its disk may not be mounted")

// whyMissing returns nil if the file or folder that was at a path has been deleted: the
// folder that had it can be read, and does not have it. Otherwise it returns why that is
// not known. folders are those that the library was given; a path belongs to all that are
// above it, or else to its own folder.
func whyMissing(path string, folders []string) error {
	switch _, err := os.Lstat(path); {
	case err == nil: // it exists, so a link or an unreadable folder is in the way
		if _, err = os.Stat(path); err == nil {
			err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a video file")}
		}
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	dir := filepath.Dir(path)
	for {
		_, err := os.Lstat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return err
		}
		dir = filepath.Dir(dir)
	}
	empty, err := isEmpty(dir)
	if err != nil || !empty {
		return err
	}
	below := false
	for _, f := range folders {
		if below = below || within(path, f); within(path, f) && within(f, dir) {
			return fmt.Errorf("%s: %w", dir, errEmptyFolder)
		}
	}
	if !below {
		return fmt.Errorf("%s: %w", dir, errEmptyFolder)
	}
	return nil
}

// within reports whether a path is a folder or below it.
func within(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(folder, string(filepath.Separator)))
	return ok && (rest == "" || rest[0] == filepath.Separator)
}

// isEmpty reports whether nothing is in a folder. It fails if that cannot be read.
func isEmpty(dir string) (bool, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if _, err = f.Readdirnames(1); errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}
