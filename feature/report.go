package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

// Report is the account of a run. Videos = Done + Skipped + len(Failed) +
// Remaining.
type Report struct {
	Videos    int       `json:"videos"`    // given
	Done      int       `json:"done"`      // decoded and encoded in this run
	Partial   []Failure `json:"partial"`   // of those that are done, the ones that could be decoded only in part, and why
	Skipped   int       `json:"skipped"`   // up to date in the store
	Failed    []Failure `json:"failed"`    // in the order in which the videos were given
	Remaining int       `json:"remaining"` // not finished because the run was stopped
	Frames    int       `json:"frames"`    // of the videos that are done
	Repeated  int       `json:"repeated"`  // of Frames, those not encoded: after resizing equal to the one before

	Seconds         float64 `json:"seconds"`
	FramesPerSecond float64 `json:"frames_per_second"` // Frames / Seconds
	// What the stages took. Videos are read (which is finding out whether they are
	// up to date, hashing and probing) and decoded (with resizing) several at a
	// time, so that the first two may be more than Seconds.
	ReadingSeconds  float64 `json:"reading_seconds"`
	DecodingSeconds float64 `json:"decoding_seconds"`
	EncodingSeconds float64 `json:"encoding_seconds"`
	SavingSeconds   float64 `json:"saving_seconds"`
	// EncoderBusy is Encoding / Seconds, and Slowest the stage that was busy the
	// most: the one that the others waited for.
	EncoderBusy float64 `json:"encoder_busy"`
	Slowest     string  `json:"slowest"`
}

// Failure is a video of which there are no features, and why.
type Failure struct {
	Path   string    `json:"path"`
	ID     string    `json:"id"`
	Reason string    `json:"reason"` // one line
	Time   time.Time `json:"time"`   // UTC

	at  int   // among the sources
	err error // nil if the failure was read from a file
}

// NewFailure returns the failure of a video or a folder, at the current time.
func NewFailure(id string, err *video.Error) Failure {
	return Failure{Path: err.Path, ID: id, Reason: reason(err), Time: time.Now().UTC().Truncate(time.Millisecond), err: err}
}

// Error returns the ID and the reason.
func (f Failure) Error() string { return ffmpeg.Printable(f.ID) + ": " + f.Reason }

// Unwrap returns the error that made the video fail, or nil if the failure was read
// from a file.
func (f Failure) Unwrap() error { return f.err }

// allFailed returns the error of a run in which every video failed.
func allFailed(failed []Failure) error {
	return fmt.Errorf("%w (%d); the first: %w", ErrAllFailed, len(failed), failed[0])
}

// String tells the account in a line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %.1f s: %d extracted", english.Plural(r.Videos, "video", ""), r.Seconds, r.Done)
	if r.Done > 0 && r.Seconds > 0 {
		fmt.Fprintf(&b, " (%s", english.Plural(r.Frames, "frame", ""))
		if r.Repeated > 0 {
			fmt.Fprintf(&b, ", %d of them repeated", r.Repeated)
		}
		fmt.Fprintf(&b, ", %.4g a second, encoder busy %.0f %%)", r.FramesPerSecond, 100*r.EncoderBusy)
	}
	if n := len(r.Partial); n > 0 {
		fmt.Fprintf(&b, ", %d of them in part", n)
	}
	fmt.Fprintf(&b, ", %d already present, %d failed", r.Skipped, len(r.Failed))
	if r.Remaining > 0 {
		fmt.Fprintf(&b, ", %d still to do", r.Remaining)
	}
	return b.String()
}

// failuresFile is the file in a store's folder that lists the videos which the
// store lacks because they failed, a [Failure] as JSON a line. A run rewrites what
// the file says of the videos that it finished; the failures of others, and of
// those that it did not come to, stay unless the video has been deleted. There is
// no file if there are no failures.
const failuresFile = "failures.jsonl"

// inJSON is an ID as it comes back from JSON, which has no bytes that are not UTF-8.
func inJSON(id string) string { return string([]rune(id)) }

// writeFailures enters the failures of a run into the file. Done tells which
// videos it finished, one way or the other, by their IDs in JSON.
func (s *Store) writeFailures(failed []Failure, done map[string]bool) error {
	defer lockFolder(s.dir)()
	path := filepath.Join(s.dir, failuresFile)
	old, err := readFailures(path)
	if err != nil {
		return err
	}
	old = slices.DeleteFunc(old, func(f Failure) bool { return done[f.ID] || deleted(f.Path) })
	all := slices.Concat(old, failed)
	if len(all) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for _, f := range all {
		if err := lines.Encode(f); err != nil {
			return err
		}
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}

// Failures returns why the store lacks videos, by their IDs, as far as that is
// known: see [failuresFile].
func (s *Store) Failures() (map[string]string, error) {
	failed, err := readFailures(filepath.Join(s.dir, failuresFile))
	reasons := make(map[string]string, len(failed))
	for _, f := range failed {
		reasons[f.ID] = f.Reason
	}
	return reasons, err
}

// deleted reports whether a file is not where it was. The path may be relative to
// another folder than this run's: then its own folder is missing, too.
func deleted(path string) bool {
	_, err := os.Stat(path)
	_, there := os.Stat(filepath.Dir(path))
	return errors.Is(err, fs.ErrNotExist) && there == nil
}

// readFailures reads a file of failures, if there is one. Lines that are
// something else are left out: the file is for people, and nothing depends on it.
func readFailures(path string) (failed []Failure, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for line := range bytes.Lines(data) {
		var f Failure
		if json.Unmarshal(line, &f) == nil && f.ID != "" {
			failed = append(failed, f)
		}
	}
	return failed, err
}

// reason is what is wrong with a video, without its path.
func reason(e *video.Error) string {
	bare := *e
	bare.Path = ""
	return strings.TrimPrefix(bare.Error(), ": ")
}
