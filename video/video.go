// Package video turns a video file into timed RGB frames.
//
// Decoding is done by the ffmpeg and ffprobe programs, each call in a process
// of its own, so that a file which crashes a decoder harms nothing else. They
// are found on PATH or through CLIPCUE_FFMPEG and CLIPCUE_FFPROBE; ffmpeg 4.4
// and later will do.
//
// There is one clock: all times are seconds on the stream's own time line, its
// presentation time stamps as ffprobe prints them. Most files begin at 0; for
// one that does not, [Info.StartTime] is where players have their 0:00.
//
// Frames are as a person sees them: turned and mirrored as the display matrix
// says, and with square pixels (see [Info.SampleAspect]).
package video

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Frame is one picture of a video.
type Frame struct {
	Index         int     // of the decoded frame, from 0, in order of display
	Time          float64 // presentation time in seconds
	Width, Height int
	Pix           []byte // RGB, rows from the top, 3·Width·Height bytes
}

// Options says which frames are wanted and how large.
type Options struct {
	Sampling Sampling // the zero value is EveryFrame

	// Start and End bound a window of seconds: Start ≤ time < End. The time
	// is the wanted one for AtRate and Count, the frame's own for EveryFrame.
	// An End of zero is the end of the video.
	Start, End float64

	// Size, where above zero, makes every frame Size×Size: the shorter side is
	// resized to Size and the middle cut out, as [Resizer.Resize] does.
	Size int
}

// Validate returns an error where the options make no sense.
func (o Options) Validate() error {
	if err := o.Sampling.Validate(); err != nil {
		return err
	}
	switch {
	case !(o.Start >= 0) || math.IsInf(o.Start, 0):
		return fmt.Errorf("a window cannot start at %v s", o.Start)
	case o.End != 0 && !(o.End > o.Start):
		return fmt.Errorf("a window from %v s to %v s is empty", o.Start, o.End)
	case o.Size < 0 || o.Size > maxSide:
		return fmt.Errorf("frame size %d is not in 0..%d", o.Size, maxSide)
	}
	return nil
}

// Version returns the decoder's name for provenance, such as
// "ffmpeg 5.1.9-0+deb12u1".
func Version(ctx context.Context) (string, error) { return ffmpeg.Version(ctx) }

const (
	maxSide   = 1 << 14 // pixels on a side of a resized frame
	maxPixels = 1 << 27 // pixels of a picture that is read into memory
)

// Frames decodes the first video stream of a file and yields its frames in
// order of display. A frame's Pix is valid until the next one is asked for.
//
// An error comes last and alone, with a zero Frame. It is an [*Error] for
// everything that lies with the file, including no frame at all (ErrNoFrames)
// and a file that is broken off or damaged (ErrDamaged): the frames before it
// have been yielded, and whether they are of use is for the caller to say. A
// context that is done ends the decoder and yields the context's error.
func Frames(ctx context.Context, path string, o Options) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		stopped, err := frames(ctx, path, o, func(f Frame) bool { return yield(f, nil) })
		if err != nil && !stopped {
			yield(Frame{}, err)
		}
	}
}

// frames gives each wanted frame to emit, which answers whether to go on, and
// tells whether emit stopped it.
func frames(ctx context.Context, path string, o Options, emit func(Frame) bool) (stopped bool, err error) {
	if err := o.Validate(); err != nil {
		return false, err
	}
	if err := checkFile(path); err != nil {
		return false, err
	}
	var span timeSpan
	if o.Sampling.kind == count {
		if span, err = scanSpan(ctx, path); err != nil {
			return false, err
		}
	}
	s, err := openStream(ctx, path)
	if err != nil {
		return false, err
	}
	defer s.stop()

	now, ok := s.next()
	if !ok {
		return false, s.finish()
	}
	shape := shapeOf(now.width, now.height, now.aspect, o.Size)
	if err := shape.check(); err != nil {
		return false, &Error{Path: path, Kind: ErrFormat, Reason: err.Error()}
	}
	s.width, s.height = now.width, now.height
	pick := o.picker(now.time, span)
	var resizer Resizer
	hold := 0.0
	emitted := false
	for index := 0; ; index++ {
		pix, ok := s.read()
		if !ok {
			break
		}
		// The stamp of the next frame says until when this one is shown. A
		// stream does not tell how long its last frame stays: as long as the
		// one before it.
		next, more := s.next()
		until := now.time + max(hold, 2*slack)
		if more {
			until = next.time
			hold = max(0, until-now.time)
		}
		n := pick.shown(now.time, until, !more)
		if n > 0 {
			emitted = true
			f := Frame{Index: index, Time: now.time, Width: shape.cropW, Height: shape.cropH}
			f.Pix = resizer.apply(pix, shape)
			for ; n > 0; n-- {
				if !emit(f) {
					return true, nil
				}
			}
		}
		// Without a window, decoding goes on to the end although nothing more
		// may be wanted: whether the file is whole is known only there.
		if pick.done {
			s.stop()
			break
		}
		if !more {
			break
		}
		now = next
	}
	if err := s.finish(); err != nil {
		return false, err
	}
	if !emitted {
		return false, &Error{Path: path, Kind: ErrNoFrames, Frames: s.frames,
			Reason: fmt.Sprintf("none is shown in the window from %g s; the last one seen is at %.3f s", o.Start, now.time)}
	}
	return false, nil
}
