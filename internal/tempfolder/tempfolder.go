// Package tempfolder makes temporary folders that do not stay when a process is killed: a later
// process removes them.
package tempfolder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/filelock"
)

// Folder is a temporary folder of this process.
type Folder struct {
	Path string
	lock *os.File // held while the folder is used
}

// Make creates a folder below parent, whose name begins with a prefix, and removes those of killed
// processes.
func Make(parent, prefix string) (*Folder, error) {
	if err := RemoveLeftovers(parent, prefix); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: dir}
	if f.lock, err = os.Open(dir); err == nil {
		_, err = filelock.Try(f.lock)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close removes the folder.
func (f *Folder) Close() error {
	err := os.RemoveAll(f.Path)
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// RemoveLeftovers removes the folders with a prefix below parent whose processes were killed.
func RemoveLeftovers(parent, prefix string) error {
	// A folder that is being created is not locked yet. Without locks, one that has not changed for
	// a week counts as a leftover.
	age := time.Minute
	if !filelock.Supported {
		age = 7 * 24 * time.Hour
	}
	entries, err := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < age {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		if f, err := os.Open(dir); err == nil {
			if free, err := filelock.Try(f); free && err == nil {
				_ = os.RemoveAll(dir) // or the next process does it
			}
			f.Close()
		}
	}
	return err
}
