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
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
)

// runFile is a hidden file in the folder of a store. The runs that write to the store hold
// a shared lock on it, and the first of them writes the recipe to it. The system releases
// the locks of a process that is killed.
const runFile = ".run"

// enter registers a run that writes sequences of a recipe, until it calls leave. A run with
// another recipe gets ErrBusy. The first run to enter deletes the leftovers of interrupted
// runs. If files cannot be locked, or the store cannot be written, all runs may enter, and
// only temporary files older than an hour are deleted. A file .run that no run wrote is an
// error, and unchanged.
func (s *Store) enter(made Provenance) (leave func(), err error) {
	note, err := json.Marshal([]string{made.Backbone, made.Preprocessing, made.Sampling})
	if err != nil {
		return nil, err
	}
	root, err := input.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	for range 50 {
		f, err := openRunFile(root)
		switch {
		case errors.Is(err, input.ErrNotRegular):
			root.Close()
			return nil, fmt.Errorf("%s: %w", filepath.Join(s.dir, runFile), err)
		case err != nil:
			root.Close()
			return func() {}, nil
		}
		same, err := s.join(root, f, note)
		switch {
		case errors.Is(err, errNoLocks):
			f.Close()
			s.clean(root, time.Hour)
			return func() { _ = root.Remove(runFile); root.Close() }, nil
		case err != nil:
			f.Close()
			root.Close()
			return nil, err
		case same:
			return func() {
				if lockAlone(f) { // this is the last run
					_ = root.Remove(runFile)
				}
				f.Close()
				root.Close()
			}, nil
		}
		f.Close() // it may belong to a run that is just ending
		time.Sleep(10 * time.Millisecond)
	}
	root.Close()
	return nil, fmt.Errorf("%s: %w", s.dir, ErrBusy)
}

// openRunFile opens or makes the runFile. The error is input.ErrNotRegular for a link, pipe
// or other file that someone put there.
func openRunFile(root *os.Root) (*os.File, error) {
	if info, err := root.Lstat(runFile); err == nil && !info.Mode().IsRegular() {
		return nil, input.ErrNotRegular
	}
	return root.OpenFile(runFile, os.O_RDWR|os.O_CREATE, 0o666)
}

// errNoLocks means that the system or the file system does not support locks.
var errNoLocks = errors.New("files cannot be locked")

// join locks an open runFile and reports whether the runs that hold a lock on it have the
// recipe in note.
func (s *Store) join(root *os.Root, f *os.File, note []byte) (same bool, err error) {
	if lockAlone(f) && isAt(root, f) {
		old, err := io.ReadAll(io.NewSectionReader(f, 0, maxNote+1))
		if err != nil {
			return false, err
		}
		if !isNote(old) { // for instance a hard link to another file
			return false, fmt.Errorf("%s: %w: it is not the file of a run", filepath.Join(s.dir, runFile), ErrForeignFile)
		}
		s.clean(root, 0)
		if err := rewrite(f, note); err != nil {
			return false, err
		}
	}
	// Between the two locks another run may have written its own recipe, or the last one
	// may have deleted the file.
	if lockShared(f) != nil {
		return false, errNoLocks
	}
	found, err := io.ReadAll(io.NewSectionReader(f, 0, maxNote))
	return isAt(root, f) && bytes.Equal(found, note), err
}

// maxNote is the limit of the runFile in bytes.
const maxNote = 1 << 16

// isNote reports whether data can be the content of a runFile. An interrupted run may have
// written only the start of it, and a power failure may have left zeros.
func isNote(data []byte) bool {
	start := bytes.TrimRight(data, "\x00")
	var note []string
	err := json.Unmarshal(start, &note)
	switch {
	case len(data) > maxNote:
		return false
	case err == nil:
		return len(note) == 3
	}
	return len(start) == 0 || start[0] == '[' && err.Error() == "unexpected end of JSON input"
}

// isAt reports whether the runFile of the store is the open file.
func isAt(root *os.Root, f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := root.Lstat(runFile)
	return err == nil && os.SameFile(opened, named)
}

func rewrite(f *os.File, data []byte) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(data, 0)
	return err
}

// clean deletes temporary files that are at least of the given age. One that cannot be
// deleted does no harm.
func (s *Store) clean(root *os.Root, age time.Duration) {
	_, _ = s.walk(func(rel string, d fs.DirEntry) {
		if !d.Type().IsRegular() || !atomicfile.IsLeftover(d.Name()) {
			return
		}
		if info, err := d.Info(); err == nil && time.Since(info.ModTime()) >= age {
			_ = root.Remove(rel)
		}
	})
}
