//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package feature

import (
	"errors"
	"os"
	"syscall"
)

// lockAlone takes an exclusive lock on a file, and returns false if there is another lock.
func lockAlone(f *os.File) bool { return flock(f, syscall.LOCK_EX|syscall.LOCK_NB) == nil }

// lockShared waits for a shared lock on a file. It replaces the lock that f holds.
func lockShared(f *os.File) error { return flock(f, syscall.LOCK_SH) }

// lockFolder waits for an exclusive lock on a folder. It does nothing if folders cannot be
// locked.
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
