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
// Frames are as a person sees them: turned and flipped as the display matrix
// says, with square pixels (see [Info.SampleAspectRatio]), without the comb of an
// interlaced picture, and with HDR brought down to the range of a common screen
// (see [Info.Treatment]).
package video

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Frame is one picture of a video.
type Frame struct {
	Index         int     // of the decoded frame, from 0, in order of display
	Time          float64 // presentation time in seconds; but see AtRate
	Width, Height int
	Pix           []byte // RGB, rows from the top, 3·Width·Height bytes
}

// Options says which frames are wanted and how large.
type Options struct {
	Sampling Sampling // the zero value is EveryFrame

	// Start and End bound a window of seconds: Start ≤ time < End. The time
	// is the wanted one for AtRate and Count, the frame's own for EveryFrame.
	// A Start of zero is the first frame, an End of zero the end of the video.
	Start, End float64

	// Size, where above zero, makes every frame Size×Size: the shorter side is
	// resized to Size and the middle cut out, as [Resizer.Resize] does.
	Size int

	// Stream is the number of the video stream, from 1, as [Info.Streams] counts;
	// 0 is the default one: the first that the file marks as such, or the first.
	Stream int

	// AllowPartial takes what can be decoded of a damaged file for the whole: if
	// there is a frame, ErrDamaged is no error. Damaged, if set, is then told of it.
	AllowPartial bool
	OnDamaged    func(*Error)

	// Timeout ends a decoder that gives nothing for so long; 0 is DefaultTimeout.
	Timeout time.Duration

	// Info is what Probe said of the file, if it was asked with the same Stream
	// and Timeout; nil makes Frames ask. Frames sets Interlaced in it where only the
	// pictures tell.
	Info *Info

	route route // for tests
}

// DefaultTimeout is how long a decoder may give nothing.
const DefaultTimeout = time.Minute

// route is how a file is decoded.
type route int

const (
	cheaper    route = iota // by estimate
	sequential              // from the first frame
	seeking                 // from the keyframes before the wanted frames
)

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return DefaultTimeout
	}
	return o.Timeout
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
	case o.Stream < 0:
		return fmt.Errorf("%d is no video stream; they count from 1", o.Stream)
	case o.Timeout < 0:
		return fmt.Errorf("a timeout of %v is over before it begins", o.Timeout)
	case o.Size < 0 || o.Size > maxSide:
		return fmt.Errorf("frame size %d is not in 0..%d", o.Size, maxSide)
	}
	return nil
}

// DecoderVersion returns the decoder's name for provenance, such as
// "ffmpeg 5.1.9-0+deb12u1".
func DecoderVersion(ctx context.Context) (string, error) { return ffmpeg.Version(ctx) }

const (
	maxSide   = 1 << 14 // pixels on a side of a resized frame
	maxPixels = 1 << 27 // pixels of a picture that is read into memory
)

// Frames decodes a video stream of a file, or a single picture or a numbered
// sequence of them (see [Discover]), and yields its frames in order of display. A
// frame's Pix is valid until the next one is asked for. Where few frames of a
// long file are wanted it decodes around these alone; they are the same frames.
//
// An error comes last and alone, with a zero Frame. It is an [*Error] for
// everything that lies with the file, including no frame at all (ErrNoFrames)
// and a file that is broken off or damaged (ErrDamaged): the frames before it
// have been yielded; see Options.AllowPartial. A context that is done ends the decoder and yields the context's error.
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
	info := o.Info
	if info == nil {
		if info, err = Probe(ctx, path, o); err != nil {
			return false, err
		}
	}
	p := &player{path: path, o: o, info: info, emit: emit}
	err = p.play(ctx)
	if errors.Is(err, ErrNoFrames) || errors.Is(err, ErrDamaged) {
		if locked := encrypted(ctx, path, info, o.timeout()); locked != nil {
			err = locked
		}
	}
	if e, ok := errors.AsType[*Error](err); ok && o.AllowPartial && p.emitted > 0 && errors.Is(e, ErrDamaged) {
		err = nil
		if o.OnDamaged != nil {
			o.OnDamaged(e)
		}
	}
	return p.stopped, err
}

// player shows the wanted frames of one file.
type player struct {
	path string
	o    Options
	info *Info
	emit func(Frame) bool

	resizer Resizer
	emitted int // frames
	skip    int // of the wanted frames, those that are emitted already
	stopped bool
}

// play takes the cheaper route.
func (p *player) play(ctx context.Context) error {
	var index *packetIndex
	if p.o.Sampling.kind == count || p.maySeek() {
		var err error
		if index, err = readIndex(ctx, p.path, p.info, p.o.timeout()); err != nil {
			return err
		}
		if runs := p.plan(index); runs != nil {
			if err := p.seek(ctx, index, runs); !errors.Is(err, errInexact) {
				return err
			}
			// What was emitted was right; the rest comes the other way.
			p.skip = p.emitted
		}
	}
	return p.decode(ctx, index.span())
}

// show emits a frame n times. It answers whether to go on.
func (p *player) show(pix []byte, at int, now stamp, n int) (bool, error) {
	shape := shapeOf(now.width, now.height, now.aspect, p.o.Size)
	if err := shape.check(); err != nil {
		return false, &Error{Path: p.path, Kind: ErrTooLarge, Reason: err.Error()}
	}
	f := Frame{Index: at, Time: now.time, Width: shape.cropW, Height: shape.cropH}
	for ; n > 0; n-- {
		if p.skip > 0 {
			p.skip--
			continue
		}
		if f.Pix == nil {
			f.Pix = p.resizer.apply(pix, shape)
		}
		p.emitted++
		if !p.emit(f) {
			p.stopped = true
			return false, nil
		}
	}
	return true, nil
}

// decode goes through the file from its first frame.
func (p *player) decode(ctx context.Context, span timeSpan) error {
	s, err := openStream(ctx, p.path, p.info, p.o.timeout(), nil)
	if err != nil {
		return err
	}
	defer s.stop()
	now, ok := s.next()
	if !ok {
		return s.finish()
	}
	clock := p.info.clock()
	if p.o.Sampling.kind != every {
		now.time = clock.played(now.time)
	}
	pick := p.o.picker(now.time, span)
	hold := 0.0
	for index := 0; ; index++ {
		if now.combed && !p.info.Interlaced && p.info.weaves() {
			// The frames that were emitted had no combs; the rest comes without.
			p.info.Interlaced, p.skip = true, p.emitted
			s.stop()
			return p.decode(ctx, span)
		}
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
			if p.o.Sampling.kind != every {
				next.time = clock.played(next.time)
			}
			until = next.time
			hold = max(0, until-now.time)
		}
		if n := pick.shown(now.time, until, !more); n > 0 {
			if on, err := p.show(pix, index, now, n); !on {
				return err
			}
		}
		// Without a window, decoding goes on to the end although nothing more
		// may be wanted: whether the file is whole is known only there.
		if pick.done {
			s.end(now)
			break
		}
		if !more {
			break
		}
		now = next
	}
	if err := s.finish(); err != nil {
		return err
	}
	if p.emitted == 0 {
		return &Error{Path: p.path, Kind: ErrNoFrames, Frames: s.frames,
			Reason: fmt.Sprintf("none is shown in the window from %g s; the last one seen is at %.3f s", p.o.Start, now.time)}
	}
	return nil
}
