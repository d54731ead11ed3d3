package video

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// stream is an ffmpeg process that decodes one file. Its standard output is the pixels of
// the frames. Its log has, from the showinfo filter, one line per frame with the timestamp
// and the size. The line of a frame is always written before its pixels, and both come in
// the same order, so reading a line and then a frame's pixels keeps them together. At the
// end the two counts must be equal.
type stream struct {
	path   string
	ctx    context.Context // of the caller
	guard  *guard
	cmd    *exec.Cmd
	out    io.Reader
	stamps chan stamp // closed when the log ends
	early  []stamp    // that were taken from stamps already

	codec   string // of the video, if it is known
	header  *Info  // whose orientation ffmpeg applies after showinfo; nil = none
	now     layout // of the frame whose stamp next returned last
	buf     []byte
	turned  []byte // a frame that is rotated by its own properties
	frames  int    // whose pixels were read
	broken  bool
	stopped bool
	cut     bool // the file is known to be truncated

	tooLarge string    // the frame size that was refused
	log      ffmpegLog // to be used after stamps is closed
}

// stamp is what the log contains about a frame.
type stamp struct {
	number        int // of the frame, from 0
	time          float64
	ticks         int64 // the time on the stream's own clock, if timed
	timed         bool  // the frame has a timestamp
	key           bool  // a keyframe
	interlaced    bool  // of two different fields, at a size that bwdif accepts
	damaged       bool  // the log reported damage before it
	derived       bool  // it has side data that it may owe to other frames
	width, height int
	aspect        float64 // width / height of a pixel
	angle         int     // of its display matrix, see [Info.angle]
	color         colorimetry
}

// colorimetry is how a frame represents colors, in ffmpeg's words; "" = unknown.
type colorimetry struct{ matrix, primaries, transfer, reach string }

// layout is the size of a frame as ffmpeg writes it, and how often it is then rotated
// clockwise by 90°.
type layout struct{ width, height, turns int }

// part is a part of a file: it starts at the keyframe before a time, and only some of its
// frames are output.
type part struct {
	from  float64 // seconds
	whole bool    // from the first frame instead
	keys  bool    // only keyframes are decoded
	pick  string  // an expression for ffmpeg's select
}

// openStream starts to decode a file, or a part of it if of is not nil.
func openStream(ctx context.Context, path string, info *Info, timeout time.Duration, of *part) (*stream, error) {
	version, err := ffmpeg.Version(ctx)
	if err != nil {
		return nil, err
	}
	filters, err := info.filters(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-copyts"}
	s := newStream(ctx, path, timeout)
	if of != nil {
		args = append(args, seekTo(of)...)
		if of.keys {
			args = append(args, keyframeOptions[info.Codec]...)
		}
		filters = ",select='" + of.pick + "'" + filters
	}
	if of == nil || of.whole {
		s.cut = truncated(path, info.Container)
	}
	// ffmpeg would rotate frames first. bwdif could then no longer separate their fields,
	// and rotation by an odd angle would cut off the corners.
	if info.Codec == "theora" || info.stored() > manyThreads {
		args = append(args, "-threads", "1") // with several, it cannot decode joined streams of Theora
	}
	if decoder := alphaDecoders[info.Codec]; info.Alpha && decoder != "" {
		if err := ffmpeg.NeedDecoder(ctx, decoder); err != nil {
			return nil, &Error{Path: path, Kind: ErrUnsupported, Reason: fmt.Sprintf("transparent frames: %v", err)}
		}
		args = append(args, "-c:v", decoder)
	}
	args = append(append(args, "-noautorotate"), info.input(path)...)
	args = append(args, "-map", fmt.Sprintf("0:%d", info.index))
	s.header, s.codec = info, info.Codec
	s.log.header, s.log.angle, s.log.merges = info.angle, info.angle, info.Interlaced
	return s, s.start(append(args, rawOutput(version, "showinfo=checksum=0"+filters+info.crop.filter()+info.orient())...), nil)
}

// seekTo returns the arguments that start a file at the keyframe of a part.
func seekTo(of *part) []string {
	if of == nil || of.whole {
		return nil
	}
	return []string{"-noaccurate_seek", "-seek_timestamp", "1", "-ss", strconv.FormatFloat(of.from, 'f', 6, 64)}
}

func newStream(ctx context.Context, path string, timeout time.Duration) *stream {
	return &stream{path: path, ctx: ctx, guard: newGuard(ctx, timeout), stamps: make(chan stamp, 1024)}
}

// rawOutput returns the arguments that make ffmpeg write the output of filters, one of
// which is showinfo. After showinfo has logged the timestamps, they are replaced by a
// count, so that nothing fails because timestamps repeat, go back or are missing. Each frame
// has its own size: ffmpeg would scale all to the size of the first, whatever their shape. With
// several threads, the encoder would keep a frame until the next one, which may come much later.
func rawOutput(version, filters string) []string {
	args := append([]string{"-vf", filters + ",setpts=N*100/TB", "-noautoscale"}, passthrough(version)...)
	return append(args, "-f", "rawvideo", "-c:v", "rawvideo", "-threads", "1", "-pix_fmt", "rgb24", "pipe:1")
}

// start starts the process and a goroutine that reads its log.
func (s *stream) start(args []string, stdin io.Reader) error {
	log, err := s.launch(args, stdin)
	if err != nil {
		s.guard.stop()
		return err
	}
	go func() {
		defer close(s.stamps)
		defer crash.Recover()
		s.log.read(log, func(st stamp) {
			select {
			case s.stamps <- st:
			case <-s.guard.ctx.Done():
			}
		})
	}()
	return nil
}

func (s *stream) launch(args []string, stdin io.Reader) (log io.Reader, err error) {
	if s.cmd, err = ffmpeg.Command(s.guard.ctx, "ffmpeg", args...); err != nil {
		return nil, err
	}
	s.cmd.Stdin = stdin
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	widen(out)
	s.out = s.guard.reader(out)
	if log, err = s.cmd.StderrPipe(); err != nil {
		return nil, err
	}
	if err := ffmpeg.Start(s.ctx, s.cmd); err != nil {
		return nil, err
	}
	s.guard.watch(s.cmd.Process.Pid)
	return log, nil
}

// passthrough returns the option that makes ffmpeg neither drop nor repeat frames.
func passthrough(version string) []string { return frameMode(version, "passthrough") }

// frameMode returns the option that says when ffmpeg drops or repeats frames. Version 5.1
// renamed it.
func frameMode(version, mode string) []string {
	var major, minor int
	_, number, _ := strings.Cut(version, " ")
	n, _ := fmt.Sscanf(strings.TrimPrefix(number, "n"), "%d.%d", &major, &minor)
	if n == 2 && (major < 5 || major == 5 && minor < 1) {
		return []string{"-vsync", mode}
	}
	return []string{"-fps_mode", mode}
}

// next waits for the stamp of the next frame. It returns false if there is none.
func (s *stream) next() (stamp, bool) {
	st, ok := s.take()
	if !ok {
		return stamp{}, false
	}
	turns := 0
	if s.header != nil {
		s.header.crop.apply(&st)
		if s.header.Rotation%180 != 0 {
			st.transpose()
		}
		turns = (s.header.angle - st.angle + 360) / 90 % 4
	}
	s.now = layout{st.width, st.height, turns}
	if turns%2 != 0 {
		st.transpose()
	}
	return st, true
}

func (s *stream) take() (st stamp, ok bool) {
	if len(s.early) > 0 {
		st, s.early = s.early[0], s.early[1:]
		return st, true
	}
	s.guard.arm()
	defer s.guard.disarm()
	st, ok = <-s.stamps
	return st, ok
}

// transpose swaps the sides of a frame.
func (s *stamp) transpose() {
	s.width, s.height, s.aspect = s.height, s.width, 1/s.aspect
}

// read returns the pixels of the frame whose stamp next returned last, valid until the next
// read. It returns false if they are missing.
func (s *stream) read() ([]byte, bool) {
	if !s.fits() {
		return nil, false
	}
	w, h := s.now.width, s.now.height
	s.buf = slices.Grow(s.buf[:0], 3*w*h)[:3*w*h]
	if err := s.fill(s.buf); err != nil {
		s.broken = true
		return nil, false
	}
	s.frames++
	if s.now.turns == 0 {
		return s.buf, true
	}
	s.turned = slices.Grow(s.turned[:0], len(s.buf))[:len(s.buf)]
	rotate(s.turned, s.buf, w, h, s.now.turns)
	return s.turned, true
}

// pass passes over the frame whose stamp next returned last, which ffmpeg did not convert.
func (s *stream) pass() bool {
	if !s.fits() {
		return false
	}
	s.frames++
	return true
}

// fits reports whether the current frame is within the limit of size. Otherwise it stops the
// process.
func (s *stream) fits() bool {
	w, h := s.now.width, s.now.height
	if w < 1 || h < 1 || w > maxFrame/h {
		s.tooLarge = fmt.Sprintf("frames of %dx%d pixels; the limit is %d million", w, h, maxFrame>>20)
		s.stop()
		return false
	}
	return true
}

// fill reads pixels. Meanwhile it takes stamps: where ffmpeg converts few frames, it may have
// to log many others before it can write the one that is read. Each of them is a sign of life.
func (s *stream) fill(buf []byte) error {
	defer s.guard.disarm()
	done := make(chan error, 1)
	go func() {
		defer crash.Recover()
		_, err := io.ReadFull(s.out, buf)
		done <- err
	}()
	stamps := s.stamps
	for {
		select {
		case err := <-done:
			return err
		case st, ok := <-stamps:
			if !ok {
				stamps = nil
				continue
			}
			s.early = append(s.early, st)
			s.guard.arm()
		}
	}
}

// stop stops the process if it is still running. It may be called more than once.
func (s *stream) stop() {
	if s.stopped {
		return
	}
	s.stopped = true
	s.guard.stop()
	for range s.stamps {
	}
	_ = s.cmd.Wait() // it was killed
}

// finish waits for a process that has returned all stamps or was stopped, and returns its
// error.
func (s *stream) finish() error {
	var exit error
	wasStopped := s.stopped
	if !wasStopped {
		// Anything left in the pipe would be pixels without a stamp.
		if n, _ := io.Copy(io.Discard, s.out); n > 0 {
			s.broken = true
		}
		s.guard.arm()
		for range s.stamps {
			s.broken = true
		}
		exit = s.cmd.Wait()
		s.stopped = true
		s.guard.disarm()
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if fault := s.guard.fault(s.path, s.frames); fault != nil {
		return fault
	}
	s.guard.stop()
	e := &Error{Path: s.path, Reason: plain(s.log.reason), Frames: s.frames}
	switch {
	case s.tooLarge != "":
		e.Kind, e.Reason = ErrTooLarge, s.tooLarge
	case strings.Contains(e.Reason, "matches no streams"):
		e.Kind, e.Reason = ErrNoVideo, ""
	case s.frames == 0 && exit != nil && s.codec != "" && ffmpeg.NeedDecoder(s.ctx, s.codec) != nil:
		e.Kind, e.Reason = ErrUnsupported, "this ffmpeg has no decoder for "+s.codec
	case !s.log.opened:
		e.Kind = ErrFormat
	case s.frames == 0 && !s.broken:
		e.Kind = ErrNoFrames
	case exit != nil || s.broken || s.log.strict && s.log.damage:
		e.Kind = ErrDamaged
	case !wasStopped && s.cut:
		e.Kind, e.Reason = ErrDamaged, endsEarly
	default:
		return nil
	}
	switch {
	case e.Reason != "" || e.Kind == ErrNoVideo:
	case exit != nil:
		e.Reason = "ffmpeg failed: " + exit.Error()
	case s.broken:
		e.Reason = "ffmpeg output frames and timestamps that differ in number"
	}
	return e
}

// ffmpegLog is the state of parsing ffmpeg's log.
type ffmpegLog struct {
	opened  bool   // the container was understood
	seen    bool   // a frame was logged
	reports int    // lines that may mean damage
	reason  string // the first of them

	// Of a decoder with one thread, see verify:
	strict     bool // decide whether there is damage
	joined     bool // of a container whose packet counters may start again
	waits      bool // for the first keyframe, before which nothing counts
	damage     bool
	structural bool // there was a report that only matters if a picture is missing
	excused    bool // the last report was such a report
	fromKey    int  // number of frames from the first keyframe on

	header  int     // angle of the header's display matrix
	angle   int     // of the last display matrix; a keyframe without one has that of the header
	merges  bool    // a second showinfo follows bwdif
	current *stamp  // the frame whose lines are being read
	inside  []stamp // frames that bwdif has not output yet

	color colorimetry // of the last frame

	num, den float64 // the time base
	rate     float64 // frames per second as declared; 0 = unknown
	frames   int     // that were logged
	last     float64 // the time of the last frame
	gap      float64 // between the last two
}

// read reads a log to its end and calls emit with the stamp of each frame. Lines
// longer than 4 KiB are cut.
func (l *ffmpegLog) read(r io.Reader, emit func(stamp)) {
	lines := bufio.NewReaderSize(r, 4096)
	for {
		line, more, err := lines.ReadLine()
		if err != nil {
			break
		}
		text := string(line)
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		l.line(text, emit)
	}
	l.complete(emit)
	for _, st := range l.inside {
		emit(st)
	}
}

func (l *ffmpegLog) line(text string, emit func(stamp)) {
	if strings.HasPrefix(text, "[Parsed_showinfo_") {
		l.frameLine(text, emit)
		return
	}
	l.complete(emit)
	if strings.HasPrefix(text, "[info] Input #0") {
		l.opened = true
		return
	}
	if message, ok := report(text); ok && !mentions(message, harmless) {
		l.report(message, message)
	}
}

// frameLine reads a line of showinfo. It writes some of its lines in several parts, and a
// decoder's thread may write a message, without its own prefix, between two of them.
func (l *ffmpegLog) frameLine(text string, emit func(stamp)) {
	message := within.FindString(text)
	if message != "" && !mentions(text, harmless) {
		l.report(message, text)
	}
	isFrame := strings.Contains(text, "] n:")
	switch {
	case l.merges && !strings.HasPrefix(text, "[Parsed_showinfo_0 "): // after bwdif
		if isFrame && len(l.inside) > 0 {
			emit(l.inside[0])
			l.inside = l.inside[1:]
		}
	case strings.Contains(text, " config in time_base: "):
		// When the size changes, ffmpeg replaces the filters, and bwdif loses a frame.
		l.complete(emit)
		l.inside = nil
		_, _ = fmt.Sscanf(after(text, " config in time_base: "), "%g/%g", &l.num, &l.den)
		l.rate = ratio(after(text, " frame_rate: "), "/")
	case isFrame:
		l.complete(emit)
		if st, ok := l.stamp(text); ok {
			l.seen = true
			l.waits = l.waits && !st.key
			if st.key || l.fromKey > 0 {
				l.fromKey++
			}
			l.current = &st
		}
	case l.current == nil:
	case strings.Contains(text, "displaymatrix: rotation of "):
		l.angle = quarter(seconds(after(text, "displaymatrix: rotation of ")))
		l.current.angle = l.angle
	case strings.Contains(text, "side data - ") && mentions(text, derived):
		l.current.derived = true
	case strings.Contains(text, "] color_range:"):
		if message == "" && wholeColors.MatchString(text) {
			l.color = colorimetry{known(after(text, " color_space:")), known(after(text, " color_primaries:")),
				known(after(text, " color_trc:")), known(after(text, " color_range:"))}
		}
		l.current.color = l.color
		l.complete(emit)
	}
}

// derived are side data that show, if they are exported, that a frame may depend on others. Older
// versions of ffmpeg have no names for some.
var derived = []string{"otion vectors", "ilm grain", "unknown side data type"}

// within finds a message about damage within a line of showinfo, perhaps without its first
// words, and wholeColors matches a line with all colors of a frame and no message.
var (
	within = regexp.MustCompile(`(?i:concealing |(packet )?corrupt|error|invalid|missing|partial file|` +
		`end(s|ed) prematurely|exceeds containing master element|first byte of an EBML number).*`)
	wholeColors = regexp.MustCompile(`\] color_range:\S+ color_space:\S+ color_primaries:\S+ color_trc:\S+( \w+:|\s*$)`)
)

// complete passes on the frame whose lines were read.
func (l *ffmpegLog) complete(emit func(stamp)) {
	switch st := l.current; {
	case st == nil:
		return
	case l.merges:
		l.inside = append(l.inside, *st)
	default:
		emit(*st)
	}
	l.current = nil
}

// report adds a message that may mean damage, and the text around it, which decides what it means.
func (l *ffmpegLog) report(message, text string) {
	joint := l.joined && strings.Contains(text, "orrupt") && strings.Contains(text, "acket")
	if joint {
		return // where parts of a transport stream are joined, its packet counters start again
	}
	l.reports++
	if !l.strict {
		l.reason = cmp.Or(l.reason, message)
		return
	}
	excused := mentions(text, structural) || l.excused && mentions(text, failures)
	switch {
	case l.damage:
	case isEnd(text):
		l.damage, l.reason = true, message
	case !l.opened && !l.seen || l.waits: // of the search for streams, or of frames that are not used
		l.reason = cmp.Or(l.reason, message)
	case excused:
		l.structural = true
	case strings.HasPrefix(message, concealing): // the frame is also reported as corrupt
	default:
		l.damage, l.reason = true, message
	}
	l.excused = excused
}

// isEnd reports whether an error means that the source is truncated or that its rest is
// skipped, wherever the error comes: a short source is read to its end before its first
// frame is decoded.
func isEnd(message string) bool {
	return slices.ContainsFunc([]string{"ends prematurely", "ended prematurely", "partial file", "Packet corrupt",
		"exceeds containing master element", "first byte of an EBML number"}, // of Matroska
		func(s string) bool { return strings.Contains(message, s) })
}

const endsEarly = "the file ends before the video does"

// report returns the message of a log line that may mean damage: an error, a warning about
// corrupt data, or an information that the decoder conceals errors, which for some decoders
// is the only sign.
func report(line string) (message string, ok bool) {
	if message, ok = ffmpeg.ErrorIn(line); ok {
		return message, true
	}
	if message, ok = ffmpeg.At("warning", line); ok {
		return message, strings.Contains(message, "Packet corrupt") || strings.Contains(message, "corrupt input packet") || strings.Contains(message, "corrupt decoded frame")
	}
	message, ok = ffmpeg.At("info", line)
	return message, ok && strings.HasPrefix(message, concealing)
}

const concealing = "concealing "

// harmless are errors about the structure of a stream that leave its frames intact. They
// are frequent in the output of cameras and in broadcasts.
var harmless = []string{"mmco: unref short failure", "co located POCs unavailable", "number of reference frames",
	// About the count that replaces timestamps, if a stream changes its size.
	"non monotonically increasing dts"}

// stamp parses a line such as
//
//	[Parsed_showinfo_0 @ 0x5] [info] n:   3 pts: 138012 pts_time:1.53347 fmt:yuv420p sar:1/1 s:1920x1080 i:T
func (l *ffmpegLog) stamp(text string) (st stamp, ok bool) {
	ticks := after(text, " pts:")
	if v, err := strconv.ParseInt(ticks, 10, 64); err == nil && l.den > 0 {
		st.time, st.ticks, st.timed = float64(v)*l.num/l.den, v, true
	} else if ticks == "NOPTS" {
		if st.time = l.last; l.seen {
			st.time += max(l.gap, 0)
			if l.gap <= 0 && l.rate > 0 {
				st.time += 1 / l.rate
			}
		}
	} else {
		return st, false
	}
	if n, _ := fmt.Sscanf(after(text, " s:"), "%dx%d", &st.width, &st.height); n != 2 {
		return st, false
	}
	st.key = after(text, " iskey:") == "1" && strings.HasPrefix(after(text, " type:"), "I")
	if st.key {
		l.angle = l.header
	}
	st.angle = l.angle
	fields := after(text, " i:")
	st.interlaced = (fields == "T" || fields == "B") && min(st.width, st.height) >= minInterlaced
	st.damaged = l.damage
	st.aspect = 1
	var num, den float64
	if n, _ := fmt.Sscanf(after(text, " sar:"), "%g/%g", &num, &den); n == 2 && num > 0 && den > 0 {
		st.aspect = num / den
	}
	if l.seen {
		l.gap = st.time - l.last
	}
	st.number = l.frames
	l.last = st.time
	l.frames++
	return st, true
}

// minInterlaced is the smallest side of a frame that bwdif accepts in any format.
const minInterlaced = 16

// after returns the word that follows key in a line.
func after(text, key string) string {
	_, rest, ok := strings.Cut(text, key)
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	return strings.TrimSuffix(word, ",")
}
