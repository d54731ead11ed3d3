//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package feature

import (
	"errors"
	"os"
	"syscall"
)

// lockAlone locks a file for this opening of it alone, unless there is another
// lock on it.
func lockAlone(f *os.File) bool { return flock(f, syscall.LOCK_EX|syscall.LOCK_NB) == nil }

// lockShared waits until nobody has a file alone, and then holds a lock that
// others may have too. It takes the place of the lock that f has.
func lockShared(f *os.File) error { return flock(f, syscall.LOCK_SH) }

// lockFolder has a folder alone, or waits until it does, where that can be had.
func lockFolder(dir string) (unlock func()) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	_ = flock(f, syscall.LOCK_EX)
	return func() { f.Close() }
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
