package video

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Sampling selects frames of a video. The zero value is EveryFrame.
type Sampling struct {
	kind  samplingKind
	value float64
}

type samplingKind int

const (
	every samplingKind = iota
	rate
	count
)

// EveryFrame selects each frame once. Where timestamps start again, Frame.Time continues; it
// never goes back.
func EveryFrame() Sampling { return Sampling{} }

// AtRate selects fps frames per second: for each time k/fps seconds after the first frame
// (or after Options.Start, if that is later) the frame that a player shows at that time,
// which is the latest one with a timestamp ≤ that time. Above the video's own rate frames
// repeat.
//
// Where recordings were joined, timestamps start again or jump. Frame.Time is then the time
// on the clock of a player, which continues and does not wait, and not the timestamp.
func AtRate(fps float64) Sampling { return Sampling{rate, fps} }

// Count selects n frames: those that a player shows at the centers of n equal parts of
// the video (or of the part from Options.Start to Options.End). If there are fewer frames
// than n, frames repeat. The length of the video is taken from the timestamps of its
// packets, not from its header.
func Count(n int) Sampling { return Sampling{count, float64(n)} }

// Rate returns the frames per second of AtRate, and false for other samplings.
func (s Sampling) Rate() (fps float64, ok bool) { return s.value, s.kind == rate }

// String returns the form that provenance records: "fps=2", "frames=16" or "all".
func (s Sampling) String() string {
	switch s.kind {
	case rate:
		return fmt.Sprintf("fps=%v", s.value)
	case count:
		return fmt.Sprintf("frames=%v", s.value)
	}
	return "all"
}

// ParseSampling parses what [Sampling.String] returns.
func ParseSampling(text string) (Sampling, error) {
	if text == "all" {
		return EveryFrame(), nil
	}
	name, number, _ := strings.Cut(text, "=")
	kind, known := map[string]samplingKind{"fps": rate, "frames": count}[name]
	value, err := strconv.ParseFloat(number, 64)
	s := Sampling{kind, value}
	if !known || err != nil || s.Check() != nil {
		return Sampling{}, fmt.Errorf("sampling must be fps=RATE, frames=NUMBER or all, got %q", text)
	}
	return s, nil
}

// Check returns an error if the rate or the count is out of range.
func (s Sampling) Check() error {
	switch {
	case s.kind == rate && !(s.value >= 1e-6 && s.value <= 1e6):
		return fmt.Errorf("sampling rate must be 1e-6 to 1e6 frames per second, got %v", s.value)
	case s.kind == count && !(s.value >= 1 && s.value <= 1e6 && s.value == math.Trunc(s.value)):
		return fmt.Errorf("number of frames must be a whole number from 1 to 1e6, got %v", s.value)
	}
	return nil
}

// timeSpan is the time range of a video, from its first frame to the end of its last.
type timeSpan struct{ start, end float64 }

// picker decides how often each frame is wanted, frame by frame.
type picker struct {
	sampling   Sampling
	start, end float64 // of the selected part
	origin     float64 // wanted time k is origin + k·step, for k < n
	step       float64
	k, n       int
	done       bool // no more frames are wanted
}

// picker returns a picker for a video whose first frame is at time first. Only Count
// needs the span.
func (o Options) picker(first float64, span timeSpan) *picker {
	p := &picker{sampling: o.Sampling, start: o.Start, end: math.Inf(1)}
	if o.Start == 0 {
		p.start = first // may be negative
	}
	if o.End != 0 {
		p.end = o.End
	}
	from := max(p.start, first)
	switch o.Sampling.kind {
	case rate:
		p.n, p.origin, p.step = math.MaxInt, from, 1/o.Sampling.value
	case count:
		length := min(p.end, span.end) - from
		if length >= 0 {
			p.n = int(o.Sampling.value)
		}
		p.step = length / o.Sampling.value
		p.origin = from + p.step/2
	}
	return p
}

// slack is the tolerance for times that are equal but for rounding: a microsecond, less
// than a tick of the clocks that videos use.
const slack = 1e-6

// shown returns how often the frame displayed from time t until the next one is wanted.
// The last frame of a stream gets all that remains of a Count.
func (p *picker) shown(t, until float64, last bool) (times int) {
	if p.sampling.kind == every {
		p.done = t >= p.end-slack
		if p.done || t < p.start-slack {
			return 0
		}
		return 1
	}
	for ; p.k < p.n; p.k++ {
		want := p.origin + float64(p.k)*p.step
		if want >= p.end-slack || want >= until-slack && !(last && p.sampling.kind == count) {
			break
		}
		times++
	}
	p.done = until >= p.end
	return times
}
