package video

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// The ways in which a file fails, for errors.Is. A file that is not there is
// fs.ErrNotExist.
var (
	ErrNoFFmpeg = ffmpeg.ErrMissing
	ErrFormat   = errors.New("not a video that can be read")
	ErrNoVideo  = errors.New("no video stream")
	ErrNoFrames = errors.New("no frames")
	ErrDamaged  = errors.New("damaged")

	ErrTimeout     = errors.New("the decoder made no progress and was stopped")
	ErrTooLarge    = errors.New("too large")
	ErrEncrypted   = errors.New("encrypted")
	ErrUnsupported = errors.New("not supported")
)

// Error is what is wrong with one file, as one line.
type Error struct {
	Path   string
	Kind   error  // one of the errors above, or one of package fs
	Reason string // in ffmpeg's words where it has some
	Frames int    // decoded before the failure
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", ffmpeg.Printable(e.Path), e.Kind)
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Frames > 0 {
		fmt.Fprintf(&b, " (after %d frames)", e.Frames)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Kind }
