package feature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// Report is the summary of a run. Videos = Done + Skipped + len(Failed) + Remaining.
type Report struct {
	Videos    int       `json:"videos"`              // number of videos given
	Done      int       `json:"done"`                // decoded and encoded in this run
	Partial   []Failure `json:"partial"`             // those of Done that were decoded only in part, and why
	Corrected []Failure `json:"corrected,omitempty"` // those of Done with wrong timestamps that were corrected
	Skipped   int       `json:"skipped"`             // up to date in the store
	Failed    []Failure `json:"failed"`              // in the order of the sources
	Remaining int       `json:"remaining"`           // not processed because the run ended early
	Frames    int       `json:"frames"`              // of the videos in Done
	Repeated  int       `json:"repeated"`            // those of Frames that were not encoded, because they equal the one before after resizing
	Reused    int       `json:"reused,omitempty"`    // those of Frames that were not encoded, because they nearly equal one before; see Options.Still

	Seconds         float64 `json:"seconds"`
	FramesPerSecond float64 `json:"frames_per_second"` // Frames / Seconds
	// Time of the stages. Reading is checking whether videos are up to date, hashing and
	// probing; decoding includes resizing. Both run for several videos at the same time, so
	// that they may exceed Seconds.
	ReadingSeconds  float64 `json:"reading_seconds"`
	DecodingSeconds float64 `json:"decoding_seconds"`
	EncodingSeconds float64 `json:"encoding_seconds"`
	SavingSeconds   float64 `json:"saving_seconds"`
	// EncoderBusy is EncodingSeconds / Seconds. Slowest is the stage that was busy the
	// longest, for which the others waited.
	EncoderBusy float64 `json:"encoder_busy"`
	Slowest     string  `json:"slowest"`
}

// Failure describes a video that failed. It is an error, and wraps the one that made the
// video fail.
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

// plainFailure is Failure without its methods.
type plainFailure Failure

// MarshalJSON returns f as JSON. Bytes of Path and ID that are not UTF-8 are written as
// \xHH.
func (f Failure) MarshalJSON() ([]byte, error) {
	f.Path, f.ID = text.Escape(f.Path), text.Escape(f.ID)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(plainFailure(f))
	return bytes.TrimSpace(b.Bytes()), err
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (f *Failure) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, (*plainFailure)(f)); err != nil {
		return err
	}
	f.Path, f.ID = text.Unescape(f.Path), text.Unescape(f.ID)
	return nil
}

// Error returns the ID and the reason.
func (f Failure) Error() string { return text.Quote(f.ID) + ": " + f.Reason }

// Unwrap returns the error that made the video fail, or nil if the failure was read
// from a file.
func (f Failure) Unwrap() error { return f.err }

// allFailed returns the error of a run in which every video failed.
func allFailed(failed []Failure) error {
	return fmt.Errorf("%w (%d); the first: %w", ErrAllFailed, len(failed), failed[0])
}

// String returns the summary as one line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %.1f s: %d extracted", english.Plural(r.Videos, "video", ""), r.Seconds, r.Done)
	if r.Done > 0 && r.Seconds > 0 {
		fmt.Fprintf(&b, " (%s", english.Plural(r.Frames, "frame", ""))
		if r.Repeated > 0 {
			fmt.Fprintf(&b, ", %d of them repeated", r.Repeated)
		}
		if r.Reused > 0 {
			fmt.Fprintf(&b, ", %d nearly repeated", r.Reused)
		}
		fmt.Fprintf(&b, ", %.4g per second, encoder busy %.0f %%)", r.FramesPerSecond, 100*r.EncoderBusy)
	}
	if n := len(r.Partial); n > 0 {
		fmt.Fprintf(&b, ", %d of them in part", n)
	}
	if n := len(r.Corrected); n > 0 {
		fmt.Fprintf(&b, ", %d of them with wrong timestamps", n)
	}
	fmt.Fprintf(&b, ", %d already present, %d failed", r.Skipped, len(r.Failed))
	if r.Remaining > 0 {
		fmt.Fprintf(&b, ", %d remaining", r.Remaining)
	}
	return b.String()
}

// reason returns the text of an error without the path.
func reason(e *video.Error) string {
	bare := *e
	bare.Path = ""
	return strings.TrimPrefix(bare.Error(), ": ")
}
