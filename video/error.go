package video

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/internal/text"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Kinds of failure of a video, for errors.Is. They are the Kind of an [*Error]; a file
// that does not exist has the kind fs.ErrNotExist.
var (
	ErrFormat      = errors.New("not a video that can be read")
	ErrNoVideo     = errors.New("no video stream")
	ErrNoFrames    = errors.New("no frames")
	ErrDamaged     = errors.New("damaged") // or truncated
	ErrTimeout     = errors.New("the decoder made no progress and was stopped")
	ErrTooLarge    = errors.New("too large")
	ErrEncrypted   = errors.New("encrypted")
	ErrUnsupported = errors.New("not supported")
)

// Errors that do not belong to a single video.
var (
	ErrNoFFmpeg    = ffmpeg.ErrMissing // ffmpeg or ffprobe is not installed
	ErrNoVideos    = errors.New("no videos")
	ErrDuplicateID = errors.New("two videos with the same ID")
)

// Error is the failure of one video. Its text is one line.
type Error struct {
	Path   string
	Kind   error  // one of the kinds above, or an error of package fs or syscall
	Reason string // in ffmpeg's words if it printed any
	Frames int    // frames decoded before the failure
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", text.Quote(e.Path), e.Kind)
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Frames > 0 {
		fmt.Fprintf(&b, " (after %d frames)", e.Frames)
	}
	return b.String()
}

// Unwrap returns e.Kind.
func (e *Error) Unwrap() error { return e.Kind }
