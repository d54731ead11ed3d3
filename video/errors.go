package video

import (
	"errors"
	"fmt"
	"os"
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

// checkFile refuses by name what ffmpeg would refuse in words of its own.
func checkFile(path string) error {
	info, err := os.Stat(path)
	var pathErr *os.PathError
	switch {
	case errors.As(err, &pathErr):
		return &Error{Path: path, Kind: pathErr.Err}
	case err != nil:
		return &Error{Path: path, Kind: err}
	case info.IsDir():
		return &Error{Path: path, Kind: ErrFormat, Reason: "it is a folder"}
	case info.Mode().IsRegular() && info.Size() == 0:
		return &Error{Path: path, Kind: ErrFormat, Reason: "the file is empty"}
	}
	return nil
}
