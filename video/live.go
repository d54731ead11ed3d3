package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Live is a source of video that is decoded while it is being recorded.
type Live struct {
	// Source is a growing file, the URL of a stream (rtsp, http, https, rtmp, srt, udp,
	// tcp), the device of a camera such as /dev/video0, or "-" for Stdin.
	Source string
	Stdin  io.Reader

	FPS  float64 // frames per second to yield
	Size int     // as in [Options], but above 0
	Fit  Fit

	Timeout     time.Duration // time without a frame after which the source fails; 0 means DefaultTimeout
	IdleTimeout time.Duration // time without growth after which a file is complete; 0 means 10 s
}

var scheme = regexp.MustCompile(`^(rtsps?|https?|rtmps?|srt|udp|tcp|rtp)://`)

// Kind returns what Source is: "url", "device", "pipe" or "file".
func (l Live) Kind() string {
	info, err := os.Stat(l.Source)
	switch {
	case l.Source == "-":
		return "pipe"
	case scheme.MatchString(l.Source):
		return "url"
	case err == nil && info.Mode()&os.ModeCharDevice != 0:
		return "device"
	}
	return "file"
}

// Frames connects to the source once and yields FPS frames per second until the source
// ends or ctx is done. Errors are those of the function [Frames]. Times are seconds on the
// source's clock. If the caller takes frames more slowly than they arrive, the source waits,
// or drops frames if it cannot wait.
func (l Live) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		stopped, err := l.frames(ctx, func(f Frame) bool { return yield(f, nil) })
		if err != nil && !stopped {
			yield(Frame{}, err)
		}
	}
}

func (l Live) validate() error {
	switch {
	case !(l.FPS >= 0.01 && l.FPS <= 1000):
		return fmt.Errorf("frame rate must be 0.01 to 1000 frames per second, got %v", l.FPS)
	case l.Timeout < 0 || l.IdleTimeout < 0:
		return fmt.Errorf("timeouts must not be negative, got %v and %v", l.Timeout, l.IdleTimeout)
	}
	return l.Fit.Check(l.Size)
}

// String returns the source without a password, for messages.
func (l Live) String() string {
	if u, err := url.Parse(l.Source); err == nil && l.Kind() == "url" {
		return u.Redacted()
	}
	return l.Source
}

func (l Live) frames(ctx context.Context, emit func(Frame) bool) (stopped bool, err error) {
	if err := l.validate(); err != nil {
		return false, err
	}
	defer func() {
		if e, ok := errors.AsType[*Error](err); ok { // in ffmpeg's words
			e.Reason = strings.ReplaceAll(e.Reason, l.Source, l.String())
		}
	}()
	s, err := l.open(ctx)
	if err != nil {
		return false, err
	}
	defer s.stop()
	var resizer Resizer
	for index := 0; ; index++ {
		now, ok := s.next()
		if !ok {
			return false, s.finish()
		}
		pix, ok := s.read()
		if !ok {
			return false, s.finish()
		}
		shape := shapeOf(now.width, now.height, now.aspect, l.Size, l.Fit)
		if err := shape.check(); err != nil {
			return false, &Error{Path: l.String(), Kind: ErrTooLarge, Reason: err.Error()}
		}
		if !emit(Frame{Index: index, Time: now.time, Width: shape.cropW, Height: shape.cropH, Pix: resizer.apply(pix, shape)}) {
			return true, nil
		}
	}
}

func (l Live) open(ctx context.Context) (*stream, error) {
	version, err := ffmpeg.Version(ctx)
	if err != nil {
		return nil, err
	}
	timeout := (Options{Timeout: l.Timeout}).timeout()
	args := []string{"-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-copyts"}
	args = append(args, limits...)
	var stdin io.Reader
	kind := l.Kind()
	if kind == "url" || kind == "device" {
		args = append([]string{"-nostdin"}, args...)
	}
	switch kind {
	case "url":
		// A playlist may name segments on the network, but never files.
		args = append(args, "-protocol_whitelist", "http,https,httpproxy,tcp,tls,udp,rtp,rtsp,rtsps,rtmp,rtmps,srt,crypto", "-i", l.Source)
	case "device":
		args = append(args, "-f", "v4l2", "-i", l.Source)
	case "pipe":
		stdin = l.Stdin
		args = append(args, "-protocol_whitelist", "pipe", "-format_whitelist", formats, "-i", "pipe:0")
	default:
		// An empty file has not started to grow.
		if info, err := os.Stat(l.Source); err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
			if err := checkFile(l.Source); err != nil {
				return nil, err
			}
		}
		f, err := os.Open(l.Source)
		if err != nil {
			return nil, err
		}
		idle := l.IdleTimeout
		if idle == 0 {
			idle = 10 * time.Second
		}
		timeout = max(timeout, 2*idle)
		stdin = &tail{f: f, idle: idle}
		args = append(args, "-protocol_whitelist", "pipe", "-format_whitelist", formats, "-i", "pipe:0")
	}
	s := newStream(ctx, l.String(), timeout)
	s.log.strict, s.log.waits, s.log.joined = true, true, true // there is no second pass
	if t, ok := stdin.(*tail); ok {
		t.ctx = s.guard.ctx
	}
	args = append(args, "-map", "0:V:0")
	filters := steady + "fps=" + strconv.FormatFloat(l.FPS, 'f', -1, 64) + ",showinfo=checksum=0"
	return s, s.start(append(args, rawOutput(version, filters)...), stdin)
}

// steady are filters that make the timestamps of a live source those of a player's clock. A
// live source cannot be read ahead: frames whose timestamps jump by more than 10 s or by 20
// times the usual distance, or go back by more than 1 s, are dropped until four of them
// follow each other. Where timestamps then start again, or are more than a day ahead, the
// clock continues. ld(0) counts these frames, ld(1) is the usual distance.
const steady = "select='if(isnan(prev_selected_t)+between(t-prev_selected_t,-1,max(10,20*ld(1)))," +
	"st(0,0);if(gt(t-prev_selected_t,0),st(1,t-prev_selected_t),0);1," +
	"st(0,if(lt(t-prev_t,-1),1,ld(0)+1));gte(ld(0),4))'," +
	"setpts='if(isnan(PREV_INPTS),PTS,PREV_OUTPTS+if(between(T-PREV_INT,-1,86400),PTS-PREV_INPTS,0.04/TB))',"

// tail reads a growing file until it has not grown for the idle time.
type tail struct {
	ctx  context.Context
	f    *os.File
	idle time.Duration
}

func (t *tail) Read(p []byte) (int, error) {
	for waited := time.Duration(0); ; waited += tailStep {
		n, err := t.f.Read(p)
		switch {
		case n > 0:
			return n, nil
		case err != nil && err != io.EOF || waited >= t.idle:
			t.f.Close()
			return 0, io.EOF
		}
		select {
		case <-t.ctx.Done():
			t.f.Close()
			return 0, t.ctx.Err()
		case <-time.After(tailStep):
		}
	}
}

const tailStep = 100 * time.Millisecond
