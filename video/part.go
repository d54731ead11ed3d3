package video

import (
	"context"
	"errors"
	"fmt"
)

// A long video can be decoded in parts, on several machines. Each part starts at a keyframe
// and is decoded from there. The packets' timestamps say which frames exist and which of
// them are sampled, so the parts need nothing from each other. Every decoded frame must be
// the one that the index has at its place, without any report of damage: otherwise only
// decoding the whole file shows what is wrong.
//
// That frames after a keyframe do not depend on those before it is a promise of the file.
// Each part therefore also decodes the first frames of the next one, and whoever puts the
// parts together compares them.

// Part is a part of a video that is decoded alone. Frames are numbered in display order.
// The zero value is the whole video.
type Part struct {
	First int `json:"first"` // the first frame, a keyframe
	Last  int `json:"last"`  // the first frame of the next part
	Lead  int `json:"lead"`  // the previous part yields the frames from First to this one, too
	Until int `json:"until"` // the part also yields the frames from Last to this one
}

// ErrIndivisible is the kind of failure of a [Part] that differs from what decoding the whole
// video would give, or may differ from it.
var ErrIndivisible = errors.New("cannot be decoded in parts")

// maxOverlap limits the number of frames that two parts have in common.
const maxOverlap = 300

// Divide divides a video into parts of at least the given length in seconds, for
// [Options.Part]. It returns none for a video that is hardly longer, for one of which few
// frames are wanted, and for one without exact timestamps and marked keyframes. Of the
// options, Part, AllowPartial and OnDamaged are not used. Errors are those of [Frames].
func Divide(ctx context.Context, path string, o Options, length float64) ([]Part, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	info := o.Info
	if info == nil {
		var err error
		if info, err = Probe(ctx, path, o); err != nil {
			return nil, err
		}
	}
	p := &player{path: path, o: o, info: info}
	if !info.seekable() || info.Duration < 1.5*length || truncated(path, info.Container) {
		return nil, nil
	}
	x, err := readIndex(ctx, path, info, o.timeout())
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil || !x.exact || p.maySeek() && p.runs(x, false) != nil {
		return nil, nil //nolint:nilerr // decoding the whole video reports what is wrong
	}
	return x.divide(p.samples(x), length), nil
}

// samples returns how often each frame of an exact index is wanted, as decoding the whole
// file would decide.
func (p *player) samples(x *packetIndex) []int32 {
	n := len(x.packets)
	times := make([]int32, n)
	now := p.info.seconds(x.packets[0].ticks)
	pick := p.o.picker(now, x.span())
	gap := 0.0
	for at := 0; at < n && !pick.done; at++ {
		last := at == n-1
		until := now + max(x.hold(x.packets[at].ticks, gap), 2*slack)
		if !last {
			until = p.info.seconds(x.packets[at+1].ticks)
			gap = max(0, until-now)
		}
		times[at] = int32(pick.shown(now, until, last))
		now = until
	}
	return times
}

// divide returns parts of at least the given length, each with a wanted frame, or nil if
// there would be only one.
func (x *packetIndex) divide(wanted []int32, length float64) []Part {
	n := len(x.packets)
	parts := []Part{{}}
	some := false // whether the part has a wanted frame
	for at, p := range x.packets {
		last := &parts[len(parts)-1]
		if p.key && some && x.time(at)-x.time(last.First) >= length {
			last.Last, some = at, false
			parts = append(parts, Part{First: at})
		}
		some = some || wanted[at] > 0
	}
	if k := len(parts) - 1; k > 0 && (!some || x.time(n-1)-x.time(parts[k].First) < length/2) {
		parts = parts[:k]
	}
	k := len(parts) - 1
	if k == 0 {
		return nil
	}
	parts[k].Last, parts[k].Until = n, n
	for i := range parts[:k] {
		parts[i].Until = x.overlap(wanted, parts[i].Last)
		parts[i+1].Lead = parts[i].Until
	}
	return parts
}

// overlap returns up to where a part is decoded whose next part starts at a frame: to the
// second keyframe of the next part, so that at least one wanted frame is decoded twice.
func (x *packetIndex) overlap(wanted []int32, start int) int {
	at := start
	for wanted[at] == 0 {
		at++
	}
	for at++; at < len(x.packets) && !x.packets[at].key && at-start < maxOverlap; at++ {
	}
	return at
}

// indivisible returns the error of a part.
func (p *player) indivisible(format string, values ...any) error {
	return &Error{Path: p.path, Kind: ErrIndivisible, Reason: fmt.Sprintf(format, values...)}
}

// playPart emits the wanted frames of the part.
func (p *player) playPart(ctx context.Context, x *packetIndex) error {
	part := p.o.Part
	if x == nil || !x.exact || !p.info.seekable() || truncated(p.path, p.info.Container) {
		return p.indivisible("no exact index")
	}
	n := len(x.packets)
	if part.First < 0 || part.First >= part.Last || part.Last > part.Until || part.Until > n || !x.packets[part.First].key {
		return p.indivisible("no part from frame %d to %d of %d", part.First, part.Until, n)
	}
	rule := p.selects(x)
	s, err := openStream(ctx, p.path, p.info, p.o.timeout(), x.partOf(part, rule))
	if err != nil {
		return err
	}
	defer s.stop()
	err = p.follow(s, x, rule)
	if err != nil || p.stopped {
		return err
	}
	if part.Until == n {
		if _, more := s.next(); more {
			return p.indivisible("more than %d frames", n)
		}
	} else {
		s.stop()
	}
	if err := s.finish(); err != nil {
		return p.endOf(ctx, err)
	}
	if s.log.reports > 0 {
		return p.indivisible("%s", s.log.reason)
	}
	return nil
}

// endOf returns the error of a decoder that ended: an interruption, a limit of time or
// memory, or else one that only decoding the whole file explains.
func (p *player) endOf(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrTooLarge):
		return err
	case err == nil:
		return p.indivisible("frames are missing")
	}
	return p.indivisible("%v", err)
}

// partOf returns where to start decoding a part, and which frames to convert: those that pass
// a rule, or all if it is nil.
func (x *packetIndex) partOf(p Part, rule *selection) *part {
	first, last := x.packets[p.First].ticks, x.packets[p.Until-1].ticks
	of := &part{pick: fmt.Sprintf("between(pts,%d,%d)", first, last)}
	if rule != nil {
		rule.first, rule.last = max(rule.first, first), min(rule.last, last)
		of = rule.part()
	}
	of.whole, of.from = p.First == 0, x.seekTime(p.First)
	return of
}

// follow emits the wanted frames of the part from a stream. Its frames must be those of the
// index, and alike.
func (p *player) follow(s *stream, x *packetIndex, rule *selection) error {
	part := p.o.Part
	wanted := p.samples(x)
	var changed changes
	for at := -1; at < part.Until-1; {
		now, ok := s.next()
		if !ok {
			s.stop()
			return p.endOf(s.ctx, s.finish())
		}
		if at < 0 {
			if at, ok = x.entry(now, part.First); !ok {
				return p.indivisible("decoding does not start at frame %d", part.First)
			}
			if at < 0 {
				continue // it may depend on frames that were not decoded
			}
		} else {
			at++
		}
		if x.packets[at].ticks != now.ticks || !now.timed {
			return p.indivisible("frame %d has another timestamp than its packet", at)
		}
		if now.interlaced && p.info.mergesFields() || hdr[now.color.transfer] != p.info.HDR {
			return p.indivisible("frame %d differs from the header", at)
		}
		if changed.add(now); len(changed.list) > 0 {
			return p.indivisible("%s", changed.list[0])
		}
		if !rule.passes(now) || at < part.First {
			if !s.pass() {
				return p.endOf(s.ctx, s.finish())
			}
			if at >= part.First && wanted[at] > 0 {
				return p.indivisible("frame %d was not converted", at)
			}
			continue
		}
		pix, ok := s.read()
		if !ok {
			s.stop()
			return p.endOf(s.ctx, s.finish())
		}
		if on, err := p.show(pix, at, now, int(wanted[at])); err != nil || !on && wanted[at] > 0 {
			return err
		}
	}
	return nil
}

// entry returns the number of a decoded frame if it is a keyframe at or before the given
// one, or -1 if it precedes the first decoded keyframe. It returns false if decoding started
// after the given frame.
func (x *packetIndex) entry(now stamp, first int) (at int, ok bool) {
	if !now.key {
		return -1, now.ticks < x.packets[first].ticks
	}
	for at = first; at >= 0 && x.packets[at].ticks != now.ticks; at-- {
	}
	return at, at >= 0 && x.packets[at].key
}
