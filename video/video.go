package video

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Frame is one frame of a video, or one image.
type Frame struct {
	Index         int     // number of the decoded frame, from 0, in display order
	Time          float64 // presentation time in seconds; but see [AtRate]
	Width, Height int
	Pix           []byte // RGB, rows from the top, 3·Width·Height bytes
}

// Options select the frames of a video and their size. The zero value selects every
// frame at its own size.
type Options struct {
	Sampling Sampling // the zero value is EveryFrame

	// Start and End limit the frames to Start ≤ time < End, in seconds. The time is
	// the sampled one for AtRate and Count, and the frame's own for EveryFrame. A
	// Start of 0 means the first frame, an End of 0 the end of the video.
	Start, End float64

	// Size, if above 0, makes every frame Size×Size, in the way that Fit says.
	Size int
	Fit  Fit

	// Stream is the number of the video stream, from 1, as [Info.Streams] counts. 0
	// means the first stream that the file marks as default, or else the first.
	Stream int

	// Part limits the frames to a part of the video that [Divide] returned for the same
	// options. It fails with ErrIndivisible if the frames may not be those of the whole video.
	Part Part

	// AllowPartial accepts the frames before the damage in a damaged file: if there is
	// at least one, ErrDamaged is not returned. OnDamaged, if set, is called with it.
	AllowPartial bool
	OnDamaged    func(*Error)

	// Timeout stops a decoder that produces nothing for this long; 0 means
	// DefaultTimeout.
	Timeout time.Duration

	// Info is the result of Probe for the file with the same Stream and Timeout; if it
	// is nil, Frames calls Probe. Frames sets Info.Interlaced if only the decoded
	// frames show that the stream is interlaced.
	Info *Info

	route route        // for tests
	index *packetIndex // if it was read already
}

// DefaultTimeout is how long a decoder may produce nothing.
const DefaultTimeout = time.Minute

// route is how a file is decoded.
type route int

const (
	cheaper    route = iota // the cheaper one by estimate
	sequential              // from the first frame, and every frame is converted to RGB
	selecting               // from the first frame, and few others than the wanted frames are converted
	seeking                 // from the keyframes before the wanted frames
	keyframes               // only keyframes, if all wanted frames are some
)

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// Check returns an error if a value is out of range.
func (o Options) Check() error {
	if err := o.Sampling.Check(); err != nil {
		return err
	}
	switch {
	case !(o.Start >= 0) || math.IsInf(o.Start, 0):
		return fmt.Errorf("start must be at least 0 s, got %v", o.Start)
	case o.End != 0 && !(o.End > o.Start):
		return fmt.Errorf("end must be after the start at %v s, got %v", o.Start, o.End)
	case o.Stream < 0:
		return fmt.Errorf("video stream must not be negative, got %d", o.Stream)
	case o.Timeout < 0:
		return fmt.Errorf("timeout must be positive, got %v", o.Timeout)
	case o.Size != 0:
		return o.Fit.Check(o.Size)
	}
	return nil
}

// DecoderVersion returns the decoder's name for provenance, such as
// "ffmpeg 5.1.9-0+deb12u1".
func DecoderVersion(ctx context.Context) (string, error) { return ffmpeg.Version(ctx) }

const (
	maxSide   = 1 << 14 // pixels of the side of a resized frame
	maxPixels = 1 << 27 // pixels of a frame that is read into memory
)

// Frames decodes a video stream of a file, a single image or a numbered sequence of
// images (see [Discover]), and yields the selected frames in display order. The Pix of a
// frame is valid until the next iteration. If few frames of a long file are wanted, only
// the parts around them are decoded; the frames are the same.
//
// An error ends the iteration and comes with a zero Frame. It is an [*Error] for every
// failure of the file, including no selected frame (ErrNoFrames) and a truncated or
// damaged file (ErrDamaged); the frames before the damage have been yielded then. See
// [Options.AllowPartial]. If ctx is done, the decoder is stopped and the error is that of
// the context.
func Frames(ctx context.Context, path string, o Options) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		stopped, err := frames(ctx, path, o, func(f Frame) bool { return yield(f, nil) })
		if err != nil && !stopped {
			yield(Frame{}, err)
		}
	}
}

// frames calls emit with each wanted frame until emit returns false, and reports
// whether emit did so.
func frames(ctx context.Context, path string, o Options, emit func(Frame) bool) (stopped bool, err error) {
	if err := o.Check(); err != nil {
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
	if errors.Is(err, ErrNoFrames) || errors.Is(err, ErrDamaged) || err == nil && !p.stopped && info.hidesNoise() {
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

// player emits the wanted frames of one file.
type player struct {
	path string
	o    Options
	info *Info
	emit func(Frame) bool

	resizer Resizer
	emitted int // frames
	skip    int // wanted frames that have been emitted already, before decoding again
	stopped bool
	first   *float64 // the time of the first frame, if it was decoded
	all     bool     // ffmpeg converts every frame

	// Where HDR changes, the file is decoded again, and the frames from this one on are
	// processed as other says.
	other  *Info
	from   int
	looked int // number of such changes
}

// play decodes by the cheaper route.
func (p *player) play(ctx context.Context) error {
	if err := findTail(ctx, p.path, p.info, p.o.timeout()); err != nil {
		return err
	}
	index, err := p.index(ctx)
	if err != nil {
		return err
	}
	if p.o.Part != (Part{}) {
		return p.playPart(ctx, index)
	}
	if runs := p.plan(index); runs != nil {
		if err := p.seek(ctx, index, runs); !errors.Is(err, errInexact) {
			return err
		}
		// The frames emitted so far are right; decoding from the start emits the rest.
		p.skip = p.emitted
	}
	return p.decode(ctx, index)
}

// index reads the index of the packets. If a file has none, the decoder reports what is
// wrong with it, unless the sampling depends on the index.
func (p *player) index(ctx context.Context) (*packetIndex, error) {
	if p.o.index != nil {
		return p.o.index, nil
	}
	needed := p.o.Sampling.kind == count || p.maySeek() || p.o.Part != (Part{})
	if p.info.IsImage() && !needed {
		return nil, nil
	}
	x, err := readIndex(ctx, p.path, p.info, p.o.timeout())
	if err != nil && !needed && ctx.Err() == nil {
		return nil, nil
	}
	return x, err
}

// show emits a frame n times. It returns false if emit stopped.
func (p *player) show(pix []byte, at int, now stamp, n int) (bool, error) {
	shape := shapeOf(now.width, now.height, now.aspect, p.o.Size, p.o.Fit)
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

// decode decodes the file from its first frame.
func (p *player) decode(ctx context.Context, x *packetIndex) error {
	rule := p.selects(x)
	s, err := openStream(ctx, p.path, p.looks(), p.o.timeout(), rule.part())
	if err != nil {
		return err
	}
	defer s.stop()
	time := p.times(x)
	now, index, midway, ok := p.begin(s, x)
	if !ok {
		return s.finish()
	}
	now.time = time(now)
	first := now.time
	pick := p.o.picker(first, x.span())
	gap := 0.0
	var changed changes
	for ; ; index++ {
		changed.add(now)
		if again, err := p.again(changed.first, now, index); err != nil {
			return err
		} else if again {
			s.stop()
			return p.decode(ctx, x)
		}
		pix, converted := []byte(nil), rule.passes(now)
		if converted {
			pix, ok = s.read()
		} else {
			ok = s.pass()
		}
		if !ok {
			break
		}
		// A frame is shown until the timestamp of the next one.
		next, more := s.next()
		until := now.time + max(x.hold(now.ticks, gap), 2*slack)
		if more {
			next.time = time(next)
			until = next.time
			gap = max(0, until-now.time)
		}
		if n := pick.shown(now.time, until, !more); n > 0 {
			if !converted {
				s.stop()
				return p.missed(ctx, x, first)
			}
			if on, err := p.show(pix, index, now, n); !on {
				return err
			}
		}
		// Without an End, decoding continues to the end of the file even if no more
		// frames are wanted: only there is it known that the file is complete.
		if pick.done {
			s.stop()
			break
		}
		if !more {
			break
		}
		now = next
	}
	p.info.Changes = changed.list
	wanted := 0 // all
	if pick.done {
		wanted = index + 1
	}
	if err := p.conclude(ctx, s, wanted, midway); err != nil {
		return err
	}
	return p.someWanted(s.frames, now.time)
}

// begin returns the stamp and the number of the first frame that can be decoded, and
// whether the stream starts between keyframes.
func (p *player) begin(s *stream, x *packetIndex) (now stamp, index int, midway, ok bool) {
	now, ok = s.next()
	if midway = x != nil && x.undecodable > 0; !ok || !midway {
		return now, 0, midway, ok
	}
	p.info.Undecodable = x.undecodable
	if !now.key { // newer versions of ffmpeg leave out undecodable frames themselves
		now, index, ok = s.skipTo(now, x.firstKey)
	}
	return now, index, midway, ok
}

// again reports whether the file has to be decoded again for the frames from this one on,
// because they need other filters than those before.
func (p *player) again(first *stamp, now stamp, index int) (bool, error) {
	if now.interlaced && !p.info.Interlaced && p.info.mergesFields() {
		// The frames emitted so far were not interlaced. Emit the rest through bwdif.
		p.info.Interlaced, p.skip, p.other, p.from = true, p.emitted, nil, 0
		return true, nil
	}
	return p.turnsTo(first, now, index)
}

// conclude returns the error of a decoder that has ended or was stopped, or of the wanted
// frames, the first ones of the file; 0 means all. See [verify].
func (p *player) conclude(ctx context.Context, s *stream, wanted int, midway bool) error {
	if err := s.finish(); err != nil {
		return err
	}
	if s.log.reports == 0 {
		return nil
	}
	return verify(ctx, p.path, p.info, p.o.timeout(), nil, wanted, midway)
}

// someWanted returns an error if no frame was emitted, given the number of frames and the
// time of the last.
func (p *player) someWanted(frames int, last float64) error {
	if p.emitted > 0 {
		return nil
	}
	return &Error{Path: p.path, Kind: ErrNoFrames, Frames: frames,
		Reason: fmt.Sprintf("none at or after %g s; the last frame is at %.3f s", p.o.Start, last)}
}

// interFrame are the codecs whose frames depend on others, and whose keyframes ffprobe
// recognizes.
const interFrame = " h264 hevc mpeg1video mpeg2video mpeg4 vc1 "

// skipTo skips the frames before the first keyframe, as in a broadcast that is recorded from
// some moment on. Their packets cannot be decoded, and the frames shown before the keyframe
// cannot either: the decoder makes up what is missing. It returns the stamp and the number
// of the first frame at or after the ticks of the keyframe.
func (s *stream) skipTo(now stamp, key int64) (st stamp, skipped int, ok bool) {
	for ok = true; ok && now.ticks < key; skipped++ {
		if _, ok = s.read(); ok {
			now, ok = s.next()
		}
	}
	return now, skipped, ok
}

// times returns a function that returns the times of frames, to be called once for each in
// display order. Where the timestamps start again, the times continue.
func (p *player) times(x *packetIndex) func(stamp) float64 {
	clock := p.info.clock()
	if p.o.Sampling.kind != every {
		if x != nil && x.timeline != nil {
			return func(st stamp) float64 { return x.timeline.at(st.number, true) }
		}
		return func(st stamp) float64 { return clock.played(st.time) }
	}
	own := func(st stamp) float64 { return st.time }
	if x != nil && x.timeline != nil {
		own = func(st stamp) float64 { return x.timeline.at(st.number, false) }
	}
	// The frames have their own timestamps, but the times of a video never go back.
	clock.leap = math.Inf(1)
	last := math.Inf(-1)
	return func(st stamp) float64 {
		last = max(last, clock.played(own(st)))
		return last
	}
}

// hidesNoise reports whether encrypted packets of the stream could be decoded to noise
// without an error.
func (i *Info) hidesNoise() bool {
	return strings.Contains(i.Container, "mp4") && (i.Codec == "av1" || i.Codec == "vp9")
}
