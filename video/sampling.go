package video

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Sampling says which frames of a video are wanted. The zero value is
// EveryFrame.
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

// EveryFrame wants each frame once.
func EveryFrame() Sampling { return Sampling{} }

// AtRate wants, for each time k/fps seconds after the first frame (or after
// Options.Start, where that is later), the frame that a player shows at that
// time: the latest with a time stamp ≤ that time. Above the video's own rate
// frames repeat. Where the time stamps begin anew, as they do where recordings were
// joined, a player's clock goes on; here and for Count a frame's Time is then by that
// clock, and not its time stamp.
func AtRate(fps float64) Sampling { return Sampling{rate, fps} }

// Count wants n frames: those that a player shows at the centers of n equal
// parts of the video (or of the window in Options). Where there are fewer
// frames than n they repeat. How long the video is comes from the time stamps
// of its packets, not from what its header declares.
func Count(n int) Sampling { return Sampling{count, float64(n)} }

// Rate returns the frames a second of AtRate, and false for another sampling.
func (s Sampling) Rate() (fps float64, ok bool) { return s.value, s.kind == rate }

// String describes the sampling, for provenance: "fps=2", "frames=16", "all".
func (s Sampling) String() string {
	switch s.kind {
	case rate:
		return fmt.Sprintf("fps=%v", s.value)
	case count:
		return fmt.Sprintf("frames=%v", s.value)
	}
	return "all"
}

// ParseSampling reads what [Sampling.String] writes: "fps=2", "frames=16" or
// "all".
func ParseSampling(text string) (Sampling, error) {
	if text == "all" {
		return EveryFrame(), nil
	}
	name, number, _ := strings.Cut(text, "=")
	kind, known := map[string]samplingKind{"fps": rate, "frames": count}[name]
	value, err := strconv.ParseFloat(number, 64)
	s := Sampling{kind, value}
	if !known || err != nil || s.Validate() != nil {
		return Sampling{}, fmt.Errorf("%q is no sampling: it is fps=RATE, frames=NUMBER or all", text)
	}
	return s, nil
}

// Validate returns an error for a rate or a count that cannot be.
func (s Sampling) Validate() error {
	switch {
	case s.kind == rate && !(s.value >= 1e-6 && s.value <= 1e6):
		return fmt.Errorf("%v frames a second is not a rate to sample at", s.value)
	case s.kind == count && !(s.value >= 1 && s.value <= 1e6 && s.value == math.Trunc(s.value)):
		return fmt.Errorf("%v is not a number of frames to sample", s.value)
	}
	return nil
}

// timeSpan is when a video is seen: from its first frame to the end of its
// last.
type timeSpan struct{ start, end float64 }

// A picker says how often each frame is wanted, frame by frame.
type picker struct {
	sampling   Sampling
	start, end float64 // bounds of what is wanted
	origin     float64 // wanted time k is origin + k·step, for k < n
	step       float64
	k, n       int
	done       bool // the window has ended
}

// picker starts at a first frame at time first; Count needs the span.
func (o Options) picker(first float64, span timeSpan) *picker {
	p := &picker{sampling: o.Sampling, start: o.Start, end: math.Inf(1)}
	if o.Start == 0 {
		p.start = first // which may be before 0
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

// slack absorbs what float arithmetic does to times that are equal: a
// microsecond, less than a tick of the clocks that videos use.
const slack = 1e-6

// shown returns how often the frame that is shown from time t until the next
// one is wanted. The last frame of a stream gets what is left of a Count.
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
