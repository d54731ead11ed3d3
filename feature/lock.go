package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// runFile is a hidden file in the folder of a store. The runs that write to the store hold
// a shared lock on it, and the first of them writes the recipe to it. The system releases
// the locks of a process that is killed.
const runFile = ".run"

// enter registers a run that writes sequences of a recipe, until it calls leave. A run with
// another recipe gets ErrBusy. The first run to enter deletes the leftovers of interrupted
// runs. If files cannot be locked, or the store cannot be written, all runs may enter, and
// only temporary files older than an hour are deleted.
func (s *Store) enter(made Provenance) (leave func(), err error) {
	note, err := json.Marshal([]string{made.Backbone, made.Preprocessing, made.Sampling})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, runFile)
	for range 50 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return func() {}, nil
		}
		same, err := s.join(f, note)
		switch {
		case errors.Is(err, errNoLocks):
			f.Close()
			s.clean(time.Hour)
			return func() { os.Remove(path) }, nil
		case err != nil:
			f.Close()
			return nil, err
		case same:
			return func() {
				if lockAlone(f) { // this is the last run
					os.Remove(path)
				}
				f.Close()
			}, nil
		}
		f.Close() // it may belong to a run that is just ending
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("%s: %w", s.dir, ErrBusy)
}

// errNoLocks means that the system or the file system does not support locks.
var errNoLocks = errors.New("files cannot be locked")

// join locks an open runFile and reports whether the runs that hold a lock on it have the
// recipe in note.
func (s *Store) join(f *os.File, note []byte) (same bool, err error) {
	if lockAlone(f) && isAt(f) {
		s.clean(0)
		if err := rewrite(f, note); err != nil {
			return false, err
		}
	}
	// Between the two locks another run may have written its own recipe, or the last one
	// may have deleted the file.
	if lockShared(f) != nil {
		return false, errNoLocks
	}
	found, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<16))
	return isAt(f) && bytes.Equal(found, note), err
}

// isAt reports whether the name of an open file still refers to it.
func isAt(f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(opened, named)
}

func rewrite(f *os.File, data []byte) error {
	_, err := f.WriteAt(data, 0)
	return errors.Join(err, f.Truncate(int64(len(data))))
}

// leftover matches the names of temporary files of internal/atomicfile.
var leftover = regexp.MustCompile(`^\..+\.[A-Z2-7]{8}\.tmp$`)

// clean deletes temporary files that are at least of the given age. One that cannot be
// deleted does no harm.
func (s *Store) clean(age time.Duration) {
	_ = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !leftover.MatchString(d.Name()) {
			return nil
		}
		if info, err := d.Info(); err == nil && time.Since(info.ModTime()) >= age {
			_ = os.Remove(path)
		}
		return nil
	})
}
