//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package vector

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock has a file alone as long as it is open, and reports whether it could. The
// system lets go of the locks of a process that is killed.
func lock(f *os.File) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK):
			return true, nil // a file system without locks
		default:
			return err == nil, err
		}
	}
}

// syncFolder makes durable which files there are in a folder.
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
