package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/filelock"
)

// tempFolder is the folder for the temporary files of all processes of fleets, below that
// for temporary files.
const tempFolder = "clipcue-fleet"

// newTemp creates a folder for the temporary files of this process, and deletes those of
// processes that were killed. Each process holds a lock on its folder.
func newTemp(parent string) (dir string, remove func(), err error) {
	if parent == "" {
		parent = os.TempDir()
	}
	base := filepath.Join(parent, tempFolder)
	if err := os.MkdirAll(base, 0o777); err != nil {
		return "", nil, err
	}
	unlock, err := lockSoon(base)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	entries, err := os.ReadDir(base)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "process-") {
			removeUnlocked(filepath.Join(base, e.Name()))
		}
	}
	if dir, err = os.MkdirTemp(base, "process-"); err != nil {
		return "", nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	if _, err := filelock.Try(f); err != nil {
		f.Close()
		return "", nil, err
	}
	return dir, func() {
		_ = os.RemoveAll(dir)
		f.Close()
	}, nil
}

// lockSoon locks a folder for a moment.
func lockSoon(dir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 5*time.Second, errors.New(dir+": another process does not release its lock"))
	defer cancel()
	return filelock.Folder(ctx, dir)
}

// removeUnlocked deletes a folder unless a process holds a lock on it. Windows has no such
// locks.
func removeUnlocked(dir string) {
	if runtime.GOOS == "windows" {
		return
	}
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	if ok, err := filelock.Try(f); ok && err == nil {
		_ = os.RemoveAll(dir)
	}
}
