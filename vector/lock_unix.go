//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package vector

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncFolder flushes the names of the files in a folder to the disk.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // not every file system can
		return err
	}
	return nil
}
