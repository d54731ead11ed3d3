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

// runFile is a hidden file in a store's folder. The runs that write to the store
// hold a shared lock on it, and the first of them notes in it what they make.
// The system lets go of the locks of a process that is killed.
const runFile = ".run"

// enter registers a run that will write sequences of this making, until it calls
// leave. Runs of another making are refused. The first to enter removes what
// killed runs have left. Where files cannot be locked, and in a store that cannot
// be written, all may enter, and only old temporary files are removed.
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
				if lockAlone(f) { // the last one to leave
					os.Remove(path)
				}
				f.Close()
			}, nil
		}
		f.Close() // it may be what a run that has just ended leaves
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("%s: %w", s.dir, ErrBusy)
}

// errNoLocks means that the system, or the file system, has no locks.
var errNoLocks = errors.New("files cannot be locked here")

// join takes a lock on an opened runFile and reports whether the runs that hold
// one are of the making that note tells.
func (s *Store) join(f *os.File, note []byte) (same bool, err error) {
	if lockAlone(f) && isAt(f) {
		s.clean(0)
		if err := rewrite(f, note); err != nil {
			return false, err
		}
	}
	// Between the two locks another run may have come and noted its own making, or
	// the last one may have removed the file.
	if lockShared(f) != nil {
		return false, errNoLocks
	}
	found, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<16))
	return isAt(f) && bytes.Equal(found, note), err
}

// isAt reports whether an opened file is still the one of its name.
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

// leftover is the name of a temporary file of internal/atomicfile.
var leftover = regexp.MustCompile(`^\..+\.[A-Z2-7]{8}\.tmp$`)

// clean removes temporary files that are so old. One that cannot be removed harms
// nothing.
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
