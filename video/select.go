package video

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Converting a frame to RGB and passing it on costs more than decoding it, and at two frames
// per second 14 of 15 frames are not wanted. ffmpeg therefore converts only the frames that
// its filter select lets pass. The filter showinfo comes before it, so the log still has every
// frame, and all decisions are made from the log as if every frame had been converted: which
// frame is shown at which time, what repeats, what changes, what is damaged.
//
// Which frames are wanted is known only after decoding. The filter lets more pass: each
// frame that a sampled time follows within the distance of two frames of the stream, which the
// packets show. If a wanted frame is missing nevertheless, the file is decoded again. The
// filter's rule consists of whole numbers, so that ffmpeg, which computes in floating point,
// and [selection.passes] always agree.

// selection is a rule for which frames ffmpeg converts. Times are in units of 1/factor
// ticks: sampled times are period apart, and the first is at origin.
type selection struct {
	first, last            int64 // ticks of the stream; no frame before or after them passes
	factor, offset, period int64
	from                   int64   // a frame passes whose (ticks·factor + offset) mod period is at least this
	long                   []int64 // ticks of frames that pass anyway because they are displayed for long
}

const (
	maxTerms  = 64      // frames that pass anyway
	maxFactor = 20      // bits
	maxUnits  = 1 << 50 // beyond 2^53, floating point is not exact
)

// selects returns the rule for a file, or nil to convert every frame: if little is gained,
// or too little is known of the times of the frames.
func (p *player) selects(x *packetIndex) *selection {
	able := p.o.Sampling.kind != every && p.o.route != sequential && !p.all && !p.info.Interlaced &&
		x != nil && x.timeline == nil && x.restarts == 0 && x.untimed == 0 && x.undecodable == 0 && len(x.packets) > 1
	if !able {
		return nil
	}
	first, late := x.time(0), int64(0)
	if p.first != nil {
		first, late = *p.first, int64(math.Round((*p.first-first)/x.seconds))
	}
	pick := p.o.picker(first, x.span())
	s := x.selection(pick.origin, pick.step, late)
	if s != nil && p.o.route == cheaper && 3*(s.period-s.from) > 2*s.period {
		return nil
	}
	return s
}

// selection returns the rule for sampled times at origin + k·step seconds, given how many ticks
// the frames are later than their packets.
func (x *packetIndex) selection(origin, step float64, late int64) *selection {
	n := len(x.packets)
	first, last := x.packets[0].ticks+late, x.packets[n-1].ticks+late
	start, period := origin/x.seconds, step/x.seconds
	largest := max(math.Abs(float64(first)), math.Abs(float64(last)), math.Abs(start), period, 1) // NaN if the times are
	bits := maxFactor
	for bits >= 0 && !(largest*float64(int64(1)<<bits) < maxUnits) {
		bits--
	}
	if bits < 0 {
		return nil
	}
	gap, long := x.gaps(late)
	s := &selection{first: first, last: last, factor: 1 << bits, long: long}
	units := float64(s.factor) / x.seconds // per second
	s.period = int64(math.Round(step * units))
	if s.period < 1 {
		return nil
	}
	// Rounding the period moves the last sampled time by half a unit per period.
	margin := (float64(last)-start)/max(period, 1)/2 + 2
	before := int64(math.Ceil(slack*units + margin))
	reach := int64(math.Ceil((max(gap, 2*slack)-slack)*units+margin)) + before
	if reach >= s.period {
		return nil
	}
	s.from = s.period - reach
	s.offset = -int64(math.Round(origin*units)) - before - 1
	if low := first*s.factor + s.offset; low < 0 {
		s.offset += (-low/s.period + 1) * s.period
	}
	return s
}

// missed decodes the file again because a wanted frame did not pass: once with the time of the
// first frame, which the packets may not show, and then every frame. Frames emitted so far are
// right.
func (p *player) missed(ctx context.Context, x *packetIndex, first float64) error {
	p.all, p.first, p.skip = p.first != nil, &first, p.emitted
	return p.decode(ctx, x)
}

// gaps returns the longest time in seconds for which frames are displayed, except at most
// maxTerms frames that are displayed for longer, whose ticks it returns as well. Among them
// is the last frame of the stream, which gets all that remains of a Count.
func (x *packetIndex) gaps(late int64) (gap float64, long []int64) {
	n := len(x.packets)
	apart := make([]int64, n-1)
	for i := range apart {
		apart[i] = x.packets[i+1].ticks - x.packets[i].ticks
	}
	sorted := slices.Sorted(slices.Values(apart))
	most := sorted[max(0, n-1-maxTerms)]
	for i, d := range apart {
		if d > most {
			long = append(long, x.packets[i].ticks+late)
		}
	}
	return float64(most) * x.seconds, append(long, x.packets[n-1].ticks+late)
}

// passes reports whether ffmpeg converts a frame. A nil rule lets all pass.
func (s *selection) passes(now stamp) bool {
	switch t := now.ticks; {
	case s == nil:
		return true
	case !now.timed || t < s.first || t > s.last:
		return false
	default:
		return (t*s.factor+s.offset)%s.period >= s.from || slices.Contains(s.long, t)
	}
}

// part returns what to decode: the file from its start, of which ffmpeg converts the frames
// that pass. A nil rule returns nil.
func (s *selection) part() *part {
	if s == nil {
		return nil
	}
	var pick strings.Builder
	fmt.Fprintf(&pick, "between(pts,%d,%d)*(gte(mod(pts*%d+%d,%d),%d)", s.first, s.last, s.factor, s.offset, s.period, s.from)
	for _, t := range s.long {
		fmt.Fprintf(&pick, "+eq(pts,%d)", t)
	}
	return &part{whole: true, pick: pick.String() + ")"}
}
