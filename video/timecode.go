package video

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Timecode numbers the frames of a video as hours:minutes:seconds:frames, as video editors
// do. The zero value with a Rate starts at 00:00:00:00.
type Timecode struct {
	Rate  float64 // frames per second that it counts, such as 25 or 30000/1001
	First int64   // frames between 00:00:00:00 and the first frame of the video
	// Drop means drop-frame notation: two numbers of 30 are skipped at the start of each
	// minute, except every tenth, so that a rate of 29.97 stays close to the time of day.
	Drop bool
}

// ErrVariableRate is wrapped by the error of [FrameClock] for a video whose frames are not equally far apart, so
// that their numbers say nothing about their times.
var ErrVariableRate = errors.New("the frame rate varies")

// FrameClock returns the frame rate and the timecodes of a video, or a rate of 0 if they
// are unknown. The error is [ErrVariableRate].
func FrameClock(ctx context.Context, path string) (rate float64, clock Timecode, err error) {
	info, err := Probe(ctx, path, Options{})
	if err != nil || !(info.FrameRate > 0) {
		return 0, clock, nil
	}
	clock = info.Timecode
	if clock.Rate == 0 {
		clock.Rate = info.FrameRate
	}
	if x, err := readIndex(ctx, path, info, DefaultTimeout); err == nil && x.varies(info.FrameRate) {
		return 0, clock, fmt.Errorf("%s: %w, by its average from %.4g frames per second: frame numbers are no times", path, ErrVariableRate, info.FrameRate)
	}
	return clock.Rate, clock, nil
}

// varies reports whether a frame is farther than its duration from where a constant rate has it.
func (x *packetIndex) varies(rate float64) bool {
	for i := range x.packets {
		if math.Abs(x.time(i)-x.time(0)-float64(i)/rate) > 1/rate {
			return x.untimed == 0 && x.restarts == 0
		}
	}
	return false
}

// DurationOf returns the declared duration of a video in seconds, 0 if it cannot be read.
func DurationOf(ctx context.Context, path string) float64 {
	info, err := Probe(ctx, path, Options{})
	if err != nil {
		return 0
	}
	return info.Duration
}

// base returns the numbers per second.
func (t Timecode) base() int64 { return max(1, int64(math.Round(t.Rate))) }

// dropped returns how many numbers are skipped per minute: 2 of 30, 4 of 60.
func (t Timecode) dropped() int64 {
	if !t.Drop || t.base()%30 != 0 {
		return 0
	}
	return t.base() / 15
}

// Label returns the timecode of a frame, counted from the first frame of the video. After
// 24 hours it starts again.
func (t Timecode) Label(frame int64) string {
	base, drop, point := t.base(), t.dropped(), ":"
	n := t.First + frame
	if drop > 0 {
		point = ";"
		minute := 60*base - drop
		tens, rest := n/(10*minute+drop), n%(10*minute+drop)
		n += drop * (9*tens + max(0, rest-drop)/minute)
	}
	n %= 24 * 3600 * base
	s := n / base
	return fmt.Sprintf("%02d:%02d:%02d%s%02d", s/3600, s/60%60, s%60, point, n%base)
}

// Frame returns the frame with a timecode, counted from the first frame of the video;
// negative before it. ok is false if the text is not a timecode at this rate.
func (t Timecode) Frame(label string) (frame int64, ok bool) {
	at, ok := parseTimecode(label, t.Rate)
	return at.First - t.First, ok
}

// String returns the timecode of the first frame, or "" for the zero value.
func (t Timecode) String() string {
	if t.Rate == 0 {
		return ""
	}
	return t.Label(0)
}

// MarshalText returns String, for JSON.
func (t Timecode) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// parseTimecode parses a tag such as "14:09:42:00", or "14:09:42;00" in drop-frame notation.
func parseTimecode(text string, rate float64) (t Timecode, ok bool) {
	var n [4]int64
	plain := strings.Map(func(r rune) rune {
		if r == ';' || r == '.' {
			return ':'
		}
		return r
	}, text)
	if k, err := fmt.Sscanf(plain, "%d:%d:%d:%d", &n[0], &n[1], &n[2], &n[3]); k != 4 || err != nil || !(rate > 0 && rate < 1000) {
		return Timecode{}, false
	}
	t = Timecode{Rate: rate, Drop: plain != text}
	base, minutes := t.base(), 60*n[0]+n[1]
	if min(n[0], n[1], n[2], n[3]) < 0 || n[0] > 23 || n[1] > 59 || n[2] > 59 || n[3] >= base {
		return Timecode{}, false
	}
	t.Drop = t.dropped() > 0
	t.First = (60*minutes+n[2])*base + n[3] - t.dropped()*(minutes-minutes/10)
	return t, true
}
