package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// failuresFile is the file in the folder of a store that lists the videos that failed, one
// [Failure] as JSON per line. A run updates the entries of the videos that it finished. The
// other entries stay unless the video has been deleted. There is no file if there are no
// failures.
const failuresFile = "failures.jsonl"

// maxFailures is the limit of the file in bytes.
const maxFailures = 32 << 20

// writeFailures updates the file with the failures of a run. Done has the [text.Key] of the
// IDs of all videos that the run finished, failed or not.
func (s *Store) writeFailures(failed []Failure, done map[string]bool) error {
	return s.replaceFailures(failed, func(f Failure) bool { return done[text.Key(f.ID)] || deleted(f.Path) })
}

// updateFailures is writeFailures for videos of other machines, whose files this machine may not see.
func (s *Store) updateFailures(failed []Failure, done map[string]bool) error {
	return s.replaceFailures(failed, func(f Failure) bool { return done[text.Key(f.ID)] })
}

// replaceFailures removes entries and adds others.
func (s *Store) replaceFailures(failed []Failure, remove func(Failure) bool) error {
	defer lockFolder(s.dir)()
	old, err := s.failures()
	if err != nil {
		return err
	}
	had := len(old) > 0
	all := slices.Concat(slices.DeleteFunc(old, remove), failed)
	return s.in(func(root *os.Root) error {
		if len(all) > 0 {
			return atomicfile.MemberIn(root, failuresFile, func(w io.Writer) error { return encodeFailures(w, all) })
		}
		if !had { // so a file that no run wrote is kept
			return nil
		}
		if err := root.Remove(failuresFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

func encodeFailures(w io.Writer, all []Failure) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, f := range all {
		if err := lines.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// Failures returns the reasons for which videos failed to be extracted, by their IDs.
func (s *Store) Failures() (map[string]string, error) {
	failed, err := s.failures()
	reasons := make(map[string]string, len(failed))
	for _, f := range failed {
		reasons[f.ID] = f.Reason
	}
	return reasons, err
}

// deleted reports whether a file no longer exists. If its folder does not exist either, the
// path may be relative to the working directory of another run, and deleted returns false.
func deleted(path string) bool {
	_, err := os.Stat(path)
	_, there := os.Stat(filepath.Dir(path))
	return errors.Is(err, fs.ErrNotExist) && there == nil
}

// failures reads the file of failures, if it exists.
func (s *Store) failures() (failed []Failure, err error) {
	err = s.in(func(root *os.Root) error {
		data, err := input.ReadFileIn(root, failuresFile, maxFailures)
		failed = parseFailures(data)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return failed, err
}

// parseFailures returns the failures in a file. It skips invalid lines: the file is for
// people, and nothing depends on it.
func parseFailures(data []byte) (failed []Failure) {
	for line := range bytes.Lines(data) {
		var f Failure
		if json.Unmarshal(line, &f) == nil && f.ID != "" {
			failed = append(failed, f)
		}
	}
	return failed
}

// folderFailures returns the failures of folders that cannot be read.
func folderFailures(folders []*fs.PathError) (failed []Failure) {
	for _, e := range folders {
		failed = append(failed, NewFailure(e.Path, &video.Error{Path: e.Path, Kind: e.Err, Reason: "cannot read the folder"}))
	}
	return failed
}

// withFolders returns the report with folders that cannot be read as failures.
func (r Report) withFolders(folders []*fs.PathError) Report {
	r.Videos += len(folders)
	r.Failed = append(r.Failed, folderFailures(folders)...)
	return r
}
