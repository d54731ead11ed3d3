package video

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Decoding a few frames of a long file from the keyframes before them is cheaper than
// decoding the file from its start. The packets' timestamps, which are cheap to read, say
// in advance which frames exist and which of them are wanted. Runs of ffmpeg then decode
// from a keyframe to the last frame that is wanted before the next run. Every decoded frame
// must be the one that the index has at its place. Otherwise the file is decoded from its
// start.
//
// If all wanted frames are keyframes, the runs decode only keyframes. A decoded frame is then
// used only if it depends on no other: the decoder calls it a keyframe, and it has no motion
// vectors and no film grain. The mark alone is not enough. A picture of H.264 may start with an
// intra slice, be marked as a recovery point, and refer to earlier pictures in its other slices.
// Film grain may be that of an earlier frame.
//
// Frames that no other refers to (-skip_frame noref) are decoded all the same, because ffprobe does
// not say which packets hold them. Where there are B frames, about half of all frames are of
// this kind, so some of the wanted ones nearly always are.

// errInexact means that the frames of the file differ from its index.
var errInexact = errors.New("seeking is not exact here")

// Costs in seconds: to start ffmpeg, and to decode a frame, per frame and per pixel. Only
// their ratio matters, and only roughly.
const (
	startCost     = 0.1
	frameOverhead = 1e-4
	pixelCost     = 2.5e-9
)

func (i *Info) frameCost() float64 { return frameOverhead + pixelCost*float64(i.pixels) }

// seekable reports, by the headers, whether decoding can start at any keyframe. That
// requires a container with an index and a codec whose keyframes are marked reliably. It is
// not possible for interlaced streams, where a frame depends on its neighbors.
func (i *Info) seekable() bool {
	return !i.Interlaced && i.tickDen > 0 &&
		(strings.Contains(i.Container, "mp4") || strings.Contains(i.Container, "matroska")) &&
		strings.Contains(" h264 hevc vp8 vp9 av1 mpeg4 mjpeg prores ", " "+i.Codec+" ")
}

// keyframeOptions make ffmpeg decode only the keyframes of a codec, and log on what else a frame
// may depend.
//
//   - The decoders of H.264 and HEVC skip the other frames, but read their parameter sets.
//   - Not every decoder of VP9 and AV1 can skip. Their keyframes reset everything, so the other
//     packets are discarded before decoding, which ffmpeg does only for MP4 files.
//   - A keyframe of VP8 may use the segment map of the frame before it.
//   - A packet of MPEG-4 may hold no frame, so only decoding all shows the numbers of the frames.
var keyframeOptions = map[string][]string{
	"h264": {"-skip_frame", "nokey", "-export_side_data", "mvs+film_grain"},
	"hevc": {"-skip_frame", "nokey", "-export_side_data", "mvs+film_grain"},
	"vp9":  {"-discard", "nokey"},
	"av1":  {"-discard", "nokey"},
}

// skipsToKeys reports whether only the keyframes of the stream can be decoded.
func (i *Info) skipsToKeys() bool {
	options := keyframeOptions[i.Codec]
	return i.seekable() && !i.Alpha && options != nil && (options[0] != "-discard" || strings.Contains(i.Container, "mp4"))
}

// maySeek reports, by the headers, whether seeking may be cheaper, so that it is worth
// reading an index.
func (p *player) maySeek() bool {
	i := p.info
	switch {
	case !i.seekable() || p.o.route == sequential:
		return false
	case p.o.route == seeking:
		return true
	case i.Duration <= 0 || i.FrameRate <= 0:
		return false
	}
	until := i.Duration
	if p.o.End > 0 {
		until = min(until, p.o.End-i.start)
	}
	from := max(0, p.o.Start-i.start)
	all, length := i.Duration*i.FrameRate, max(0, until-from)
	if p.o.End > 0 {
		all = max(0, until) * i.FrameRate
	}
	cost := startCost + length*i.FrameRate*i.frameCost() // one run over the selected part
	switch p.o.Sampling.kind {
	case rate:
		cost = min(cost, startCost*length*p.o.Sampling.value)
	case count:
		cost = min(cost, startCost*p.o.Sampling.value)
	}
	return cost < 0.5*all*i.frameCost()
}

// stretch is a part of the stream that one run of ffmpeg decodes.
type stretch struct {
	key, to int   // index of the first and the last frame
	wanted  []int // indices of the wanted frames
	times   []int // how often each is wanted
	keys    bool  // only keyframes are decoded
}

// plan returns the runs to decode, or nil to decode from the start.
func (p *player) plan(x *packetIndex) []stretch {
	if x == nil || !x.exact {
		return nil
	}
	if (p.o.route == cheaper || p.o.route == keyframes) && p.info.skipsToKeys() {
		if runs := p.runs(x, true); runs != nil {
			return runs
		}
	}
	if p.maySeek() {
		return p.runs(x, false)
	}
	return nil
}

// runs returns the runs that decode all frames, or only keyframes, up to the last that is wanted.
// It returns nil if decoding from the start is cheaper, or if a wanted frame is not a keyframe.
func (p *player) runs(x *packetIndex, keys bool) []stretch {
	pick := p.o.picker(x.time(0), x.span())
	c := p.info.frameCost()
	var runs []stretch
	key, gap, n := 0, 0.0, len(x.packets)
	// Costs of decoding: all runs; from the start until now, until the last
	// keyframe, and until the end of the last run.
	cost, all, toKey, toEnd := 0.0, 0.0, 0.0, 0.0
	at := 0
	for ; at < n && !pick.done; at++ {
		if x.packets[at].key {
			key, toKey = at, all
		}
		if all += c; keys && !x.packets[at].key {
			all += frameOverhead - c
		}
		now, last := x.time(at), at == n-1
		until := now + max(x.hold(x.packets[at].ticks, gap), 2*slack)
		if !last {
			until = x.time(at + 1)
			gap = max(0, until-now)
		}
		times := pick.shown(now, until, last)
		if times == 0 {
			continue
		}
		if keys && key != at {
			return nil
		}
		k := len(runs) - 1
		if k < 0 || key > runs[k].to && toKey-toEnd > startCost || keys && len(runs[k].wanted) == maxPicked {
			runs = append(runs, stretch{key: key, keys: keys})
			cost += startCost
			toEnd = toKey
		}
		r := &runs[len(runs)-1]
		cost += all - toEnd
		r.to, toEnd = at, all
		r.wanted, r.times = append(r.wanted, at), append(r.times, times)
	}
	if p.o.route == cheaper && cost > 0.7*(startCost+float64(at)*c) {
		return nil
	}
	return runs
}

// seek emits the frames of the runs. It returns errInexact if the file differs from the
// index; the frames emitted until then are right.
func (p *player) seek(ctx context.Context, x *packetIndex, runs []stretch) error {
	var changed changes
	for _, r := range runs {
		if on, err := p.run(ctx, x, r, &changed); !on {
			return err
		}
	}
	return nil
}

// run emits the frames of one run. It returns false to stop, with an error or because emit
// stopped. A run of keyframes must have the properties of earlier ones.
func (p *player) run(ctx context.Context, x *packetIndex, r stretch, changed *changes) (bool, error) {
	s, err := openStream(ctx, p.path, p.info, p.o.timeout(), x.part(r))
	if err != nil {
		return false, err
	}
	defer s.stop()
	at, next, seen := -1, 0, 0
	many := len(r.wanted) > maxPicked
	for next < len(r.wanted) {
		now, ok := s.next()
		if !ok {
			break
		}
		seen++
		if !p.fits(now, r, changed) {
			return false, errInexact
		}
		if at, err = x.locate(r, at, now); err != nil {
			return false, err
		}
		wanted := at == r.wanted[next]
		if !wanted && !(many && at > r.wanted[0]) {
			continue
		}
		pix, ok := s.read()
		if !ok {
			break
		}
		if wanted {
			if on, err := p.show(pix, at, now, r.times[next]); !on {
				return false, err
			}
			next++
		}
	}
	if next < len(r.wanted) {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		return false, errInexact // decoding from the start reports what is wrong
	}
	s.stop()
	err = s.finish()
	switch {
	case err != nil || s.log.reports == 0:
	case r.keys:
		err = errInexact // decoding everything decides
	default:
		err = verify(ctx, p.path, p.info, p.o.timeout(), x.part(r), seen, true)
	}
	return err == nil, err
}

// fits reports whether a frame is one that the header and the stretch describe.
func (p *player) fits(now stamp, r stretch, changed *changes) bool {
	if now.interlaced && p.info.mergesFields() || hdr[now.color.transfer] != p.info.HDR {
		return false
	}
	if !r.keys {
		return true
	}
	changed.add(now)
	return now.key && !now.derived && len(changed.list) == 0
}

// locate returns the index of a frame that comes after the one of index at. It is -1 before the
// first keyframe: such frames may depend on missing ones.
func (x *packetIndex) locate(r stretch, at int, now stamp) (int, error) {
	switch {
	case at >= 0:
		at = x.after(at, r.keys)
	case now.key:
		for at = r.key; at >= 0 && x.packets[at].ticks != now.ticks; at-- {
		}
		if at < 0 || !x.packets[at].key {
			return at, errInexact
		}
	case now.ticks >= x.packets[r.key].ticks:
		return at, errInexact
	default:
		return -1, nil
	}
	if at >= len(x.packets) || x.packets[at].ticks != now.ticks || math.Abs(x.time(at)-now.time) > slack {
		return at, errInexact
	}
	return at, nil
}

// maxPicked is the maximum number of frames of a run that are selected one by one. ffmpeg refuses
// an expression of more than 100 levels, and each term of a sum is one.
const maxPicked = 4 * maxTerms

// after returns the index of the frame after one, or of the next keyframe.
func (x *packetIndex) after(at int, key bool) int {
	for at++; key && at < len(x.packets) && !x.packets[at].key; at++ {
	}
	return at
}

// part returns where to seek for a run, and which of its frames to output.
func (x *packetIndex) part(r stretch) *part {
	from := x.seekTime(r.key)
	ticks := func(i int) int64 { return x.packets[r.wanted[i]].ticks }
	if last := len(r.wanted) - 1; last >= maxPicked {
		return &part{from: from, keys: r.keys, pick: fmt.Sprintf("between(pts,%d,%d)", ticks(0), ticks(last))}
	}
	terms := make([]string, len(r.wanted))
	for i := range terms {
		terms[i] = fmt.Sprintf("eq(pts,%d)", ticks(i))
	}
	var sums []string
	for some := range slices.Chunk(terms, maxTerms) {
		sums = append(sums, "("+strings.Join(some, "+")+")")
	}
	return &part{from: from, keys: r.keys, pick: strings.Join(sums, "+")}
}

// seekTime returns the time in seconds at which ffmpeg must be told to start so that it
// starts at a keyframe.
func (x *packetIndex) seekTime(key int) float64 {
	if key == 0 {
		return x.time(0)
	}
	// ffmpeg seeks to the keyframe before this time; in some formats, to the one before
	// a time 0.13 s earlier.
	from := x.time(key) + 0.131
	for i := key + 1; i < len(x.packets); i++ {
		if x.packets[i].key {
			return min(from, (x.time(key)+x.time(i))/2)
		}
		if x.time(i) > from {
			break
		}
	}
	return from
}
