package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/video"
)

// Report is the account of a run. Videos = Done + Skipped + len(Failed) +
// Remaining.
type Report struct {
	Videos    int       `json:"videos"`    // given
	Done      int       `json:"done"`      // decoded and encoded in this run
	Skipped   int       `json:"skipped"`   // up to date in the store
	Failed    []Failure `json:"failed"`    // in the order in which the videos were given
	Remaining int       `json:"remaining"` // not finished because the run was stopped
	Frames    int       `json:"frames"`    // of the videos that are done
	Seconds   float64   `json:"seconds"`
	Encoding  float64   `json:"encoding_seconds"` // of Seconds, those in the encoder
}

// Failure is a video of which there are no features, and why.
type Failure struct {
	Path   string `json:"path"`
	ID     string `json:"id"`
	Reason string `json:"reason"` // one line

	at int // among the sources
}

// String tells the account in a line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %.1f s: %d extracted", amount(r.Videos, "video"), r.Seconds, r.Done)
	if r.Done > 0 && r.Seconds > 0 {
		fmt.Fprintf(&b, " (%s, %.4g a second)", amount(r.Frames, "frame"), float64(r.Frames)/r.Seconds)
	}
	fmt.Fprintf(&b, ", %d already present, %d failed", r.Skipped, len(r.Failed))
	if r.Remaining > 0 {
		fmt.Fprintf(&b, ", %d still to do", r.Remaining)
	}
	return b.String()
}

func amount(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// FailuresFile is the file in a store's folder that lists the failures of the
// latest run, a JSON object a line. It is not there if that run had none.
const FailuresFile = "failures.jsonl"

func (s *Store) writeFailures(failed []Failure) error {
	path := filepath.Join(s.dir, FailuresFile)
	if len(failed) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for _, f := range failed {
		if err := lines.Encode(f); err != nil {
			return err
		}
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}

// reason is what is wrong with a video, without its path.
func reason(e *video.Error) string {
	bare := *e
	bare.Path = ""
	return strings.TrimPrefix(bare.Error(), ": ")
}
