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
	note, err := json.Marshal([]string{made.Backbone, made.Preprocess, made.Sampling})
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, runFile), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return func() {}, nil
	}
	leave = func() { f.Close() }
	for range 50 {
		if lockAlone(f) {
			s.clean(0)
			if err := rewrite(f, note); err != nil {
				leave()
				return nil, err
			}
		}
		// Between the two locks another run may have come and noted its own making.
		if err := lockShared(f); err != nil {
			s.clean(time.Hour)
			return leave, nil
		}
		found, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<16))
		if err != nil {
			leave()
			return nil, err
		}
		if bytes.Equal(found, note) {
			return leave, nil
		}
		unlock(f) // it may be the note of a run that has just ended
		time.Sleep(10 * time.Millisecond)
	}
	leave()
	return nil, fmt.Errorf("%s: another run is writing features of another backbone, preprocessing or sampling to this store; wait for its end, or choose another --out", s.dir)
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
