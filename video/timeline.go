package video

import (
	"context"
	"math"
	"slices"
	"time"
)

// A timestamp that its neighbors on both sides contradict is an outlier: one frame of a
// recording that is hours ahead, for example. A player's clock would wait for it and then
// start again. A timeline instead places the frame between its neighbors. Timestamps that
// start again and continue, as where recordings were joined, are no outliers.
//
// Which timestamps are neighbors is only known in display order, that is, after decoding.
// The packets, which are cheap to read, show whether there may be an outlier at all. Only
// then is a file decoded once more, without its pixels, to get the timestamps of its frames.

// timeline has the times of all frames of a stream in display order.
type timeline struct {
	own      []float64 // the timestamps, corrected
	played   []float64 // the times on the clock of a player
	outlier  []bool    // whose timestamp was corrected
	outliers int       // their number
	restarts int       // how often the timestamps start again
	waits    bool      // the clock of a player waits wherever timestamps jump ahead, as clock does
}

// moment is the timestamp of a frame, and how long its packet declares it to be displayed,
// or 0; both in seconds.
type moment struct{ time, held float64 }

const (
	maxOutliers = 3 // in a row
	jump        = 10.
	// maxHolds is how long, in seconds, all frames that are displayed for more than a jump
	// may be displayed together, apart from maxEach per frame. This bounds the number of
	// samples by the number of frames.
	maxHolds = 24 * 3600.
	maxEach  = 60.
	// maxHold is how long the first or the last frames may be apart from all others.
	maxHold = 3600.
)

// newTimeline returns the timeline of frames, given the clock at their start. Of packets in
// stream order, times may also go back by up to the tolerance without being outliers.
func newTimeline(frames []moment, c clock, tolerance float64) *timeline {
	l := &timeline{own: make([]float64, len(frames)), outlier: make([]bool, len(frames)), waits: true}
	for i, f := range frames {
		l.own[i] = f.time
	}
	step := l.step()
	for i := 1; i < len(frames); i++ {
		if l.own[i]-l.own[i-1] < -back {
			l.correct(i, step, tolerance)
		}
	}
	l.correctEnds(frames, step)
	l.play(c)
	return l
}

// step returns the median distance of two frames, in seconds.
func (l *timeline) step() float64 {
	var steps []float64
	for i := 1; i < len(l.own); i++ {
		if d := l.own[i] - l.own[i-1]; d > 0 {
			steps = append(steps, d)
		}
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// correct corrects the outliers around frame i, where time goes back: the fewest frames
// without which it does not.
func (l *timeline) correct(i int, step, tolerance float64) {
	n := len(l.own)
	for k := 1; k <= maxOutliers; k++ {
		for from := i - k; from <= i; from++ {
			to := from + k
			if from < 1 || to >= n {
				continue
			}
			if d := l.own[to] - l.own[from-1]; d >= -tolerance && d <= max(jump, float64(k+1)*2*step) {
				l.place(from, to, l.own[from-1], d/float64(k+1))
				return
			}
		}
	}
	l.correctOneSided(i, step)
}

// correctOneSided corrects the outliers around frame i if they are the first or the last
// frames, which have neighbors on one side only: there must be more frames on that side.
func (l *timeline) correctOneSided(i int, step float64) {
	n := len(l.own)
	for to := i; to <= maxOutliers; to++ {
		if !l.continues(to-1, to+1) && l.continues(to, to+max(4, 2*to+1)) {
			l.place(0, to, l.own[to]-float64(to+1)*step, step)
			return
		}
	}
	for from := max(1, n-maxOutliers); from <= i; from++ {
		if !l.continues(from-1, from+1) && l.continues(from-max(4, 2*(n-from)+1), from) {
			l.place(from, n, l.own[from-1], step)
			return
		}
	}
}

// continues reports whether the frames from ≤ i < to exist and follow each other without a
// jump.
func (l *timeline) continues(from, to int) bool {
	if from < 0 || to > len(l.own) {
		return false
	}
	for i := from + 1; i < to; i++ {
		if d := l.own[i] - l.own[i-1]; d < -back || d > jump {
			return false
		}
	}
	return true
}

// place places the frames from ≤ i < to after the time before, a step apart.
func (l *timeline) place(from, to int, before, step float64) {
	for i := from; i < to; i++ {
		l.own[i] = before + float64(i-from+1)*step
		if !l.outlier[i] {
			l.outlier[i] = true
			l.outliers++
		}
	}
}

// correctEnds corrects the first or the last frames if they are far from all others, though
// time does not go back: in a stream whose other frames are evenly spaced. A frame whose
// packet declares that it is displayed until then is no outlier.
func (l *timeline) correctEnds(frames []moment, step float64) {
	n, uneven := len(l.own), 0
	first, last := 0, len(l.own) // the frames that are not far from the others
	for i := 1; i < n; i++ {
		d := l.own[i] - l.own[i-1]
		far := d > max(jump, 3*step) && (d > maxHold || 2*frames[i-1].held < d)
		switch {
		case far && i <= maxOutliers:
			first = i
		case far && i >= n-maxOutliers:
			last = min(last, i)
		case d > max(1, 3*step):
			return // a jump in the middle
		case d > max(1.5*step, step+2e-3):
			uneven++
		}
	}
	if last-first < 10 || 10*uneven > n {
		return
	}
	l.place(0, first, l.own[first]-float64(first+1)*step, step)
	l.place(last, n, l.own[last-1], step)
}

// play computes the times on the clock of a player, for which a jump ahead is no wait if
// the timestamps return to where they were, or if all waits together are too long.
func (l *timeline) play(c clock) {
	returns := l.excursions()
	l.played = make([]float64, len(l.own))
	waited := 0.
	for i, t := range l.own {
		if d := t - c.last; c.begun && d > jump && d <= c.leap {
			if waited += d; returns[i] || waited > maxHolds+maxEach*float64(i) {
				waited -= d
				l.waits = false
				c.skip(t)
			}
		}
		l.played[i] = c.played(t)
	}
	l.restarts = c.restarts
}

// excursions returns the frames at which timestamps jump ahead as a part of an excursion:
// ahead and later back again, or back and later ahead again, to where they would be without.
func (l *timeline) excursions() map[int]bool {
	found := map[int]bool{}
	ahead, behind := 0, 0 // the latest jump ahead and back
	returned := func(from, to int) bool {
		d := l.own[to] - l.own[from-1]
		return from > 0 && d >= -back && d <= l.own[to-1]-l.own[from]+jump
	}
	for i := 1; i < len(l.own); i++ {
		switch d := l.own[i] - l.own[i-1]; {
		case d > jump:
			if behind > 0 && returned(behind, i) {
				found[i], behind = true, 0
			}
			ahead = i
		case d < -back:
			if ahead > 0 && returned(ahead, i) {
				found[ahead], ahead = true, 0
			}
			behind = i
		}
	}
	return found
}

// at returns the time of a frame by its number, from 0: its own, or that on the clock of a
// player.
func (l *timeline) at(number int, played bool) float64 {
	times := l.own
	if played {
		times = l.played
	}
	if last := len(times) - 1; number > last {
		return times[last] // the decoder returned more frames than before
	}
	return times[number]
}

// findOutliers corrects the times of the index if there are outliers among them. The
// packets must be in stream order.
func (x *packetIndex) findOutliers(ctx context.Context, path string, info *Info, timeout time.Duration) error {
	moments := make([]moment, len(x.packets))
	for i, p := range x.packets {
		moments[i] = x.moment(p)
	}
	l := newTimeline(moments, info.clock(), back)
	switch {
	case x.encrypted:
	case l.outliers > 0 || !l.waits || l.restarts > 0 && x.restarts == 0:
		stamps, err := readStamps(ctx, path, info, timeout)
		if err != nil || len(stamps) == 0 {
			return err
		}
		x.correct(l, stamps, info)
	case l.restarts == 0:
		x.restarts = 0 // only the decoding timestamps go back
	}
	return nil
}

func (x *packetIndex) moment(p packet) moment {
	return moment{float64(p.ticks) * x.seconds, float64(p.duration) * x.seconds}
}

// correct corrects the times of the index, given the timeline of the packets in stream
// order and the stamps of the frames in display order. If the frames show no outlier, the
// index stays as it is.
func (x *packetIndex) correct(stream *timeline, stamps []stamp, info *Info) {
	held := map[int64]int64{}
	for _, p := range x.packets {
		held[p.ticks] = p.duration
	}
	moments, ticks := make([]moment, len(stamps)), make([]int64, len(stamps))
	for i, st := range stamps {
		moments[i] = moment{st.time, float64(held[st.ticks]) * x.seconds}
		ticks[i] = st.ticks
	}
	l := newTimeline(moments, info.clock(), 0)
	if stream.outliers > 0 && x.differ(ticks) {
		// After an outlier, ffmpeg may take decoding timestamps for those of the frames.
		l = x.inDisplayOrder(stream, ticks, info)
	}
	if l.outliers == 0 && l.waits {
		return
	}
	right := map[int64]int64{} // the ticks of outliers to those that they get
	for i, to := range l.settle(x.seconds) {
		right[ticks[i]] = to
		l.own[i] = info.seconds(to)
	}
	for i, p := range x.packets {
		if ticks, ok := right[p.ticks]; ok {
			x.packets[i].ticks = ticks
		}
	}
	l.play(info.clock())
	x.timeline, x.restarts, x.exact = l, l.restarts, false
	info.Outliers = l.outliers
}

// correctHeaders corrects the start and the duration that the headers of a file with
// outliers declare, if they follow from the outliers, and the duration of a file whose
// timestamps start again. The streams of a file, its sound included, start and end within a
// few seconds of each other.
func (x *packetIndex) correctHeaders(info *Info) {
	if span := x.span(); x.restarts > 0 {
		info.Duration = max(info.Duration, span.end-span.start)
	}
	if x.timeline == nil || info.Outliers == 0 {
		return
	}
	span := x.span()
	if math.Abs(info.StartTime-span.start) > jump {
		info.StartTime, info.start = span.start, span.start
	}
	if length := span.end - info.StartTime; info.Duration > length+jump {
		info.Duration = length
	}
}

// differ reports whether each packet has a timestamp and a frame, but not all frames have
// the timestamp of a packet.
func (x *packetIndex) differ(frames []int64) bool {
	if x.untimed > 0 || len(frames) != len(x.packets) {
		return false
	}
	ticks := make([]int64, len(x.packets))
	for i, p := range x.packets {
		if ticks[i] = p.ticks; !p.stamped {
			return false
		}
	}
	slices.Sort(ticks)
	return !slices.Equal(ticks, slices.Sorted(slices.Values(frames)))
}

// inDisplayOrder returns the timeline of the packets in display order, given that in stream
// order, and sets the ticks of the frames to those of their packets. An outlier is where
// the frame with its timestamp is.
func (x *packetIndex) inDisplayOrder(stream *timeline, ticks []int64, info *Info) *timeline {
	number := make(map[int64]int, len(ticks))
	for i, t := range ticks {
		number[t] = i
	}
	n := len(ticks)
	l := &timeline{own: make([]float64, n), outlier: make([]bool, n), waits: true}
	var rest []packet
	for i, p := range x.packets {
		if !stream.outlier[i] {
			rest = append(rest, p)
			continue
		}
		at, ok := number[p.ticks]
		if !ok || l.outlier[at] {
			at = i
		}
		for l.outlier[at] {
			at = (at + 1) % n
		}
		l.outlier[at], ticks[at] = true, p.ticks
		l.outliers++
	}
	if stream.restarts == 0 {
		slices.SortStableFunc(rest, inTime)
	}
	for i := range l.own {
		if !l.outlier[i] {
			l.own[i], ticks[i] = info.seconds(rest[0].ticks), rest[0].ticks
			rest = rest[1:]
		}
	}
	l.settle(x.seconds)
	return l
}

// settle places the outliers between their final neighbors and returns their times in
// ticks, given the seconds per tick.
func (l *timeline) settle(tick float64) map[int]int64 {
	step, n, ticks := l.step(), len(l.own), map[int]int64{}
	for from := 0; from < n; from++ {
		if !l.outlier[from] {
			continue
		}
		to := from + 1
		for to < n && l.outlier[to] {
			to++
		}
		switch {
		case from == 0 && to == n:
		case from == 0:
			l.place(0, to, l.own[to]-float64(to+1)*step, step)
		case to == n:
			l.place(from, n, l.own[from-1], step)
		default:
			l.place(from, to, l.own[from-1], (l.own[to]-l.own[from-1])/float64(to-from+1))
		}
		for ; from < to; from++ {
			ticks[from] = int64(math.Round(l.own[from] / tick))
		}
	}
	return ticks
}

// readStamps decodes a file and returns the stamps of its frames. Damage is reported by
// the run of the decoder that also returns the pixels.
func readStamps(ctx context.Context, path string, info *Info, timeout time.Duration) ([]stamp, error) {
	plain := *info // frames are only counted
	plain.Interlaced, plain.Alpha, plain.HDR = false, false, ""
	s, err := openStream(ctx, path, &plain, timeout, &part{whole: true, pick: "0"})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	var all []stamp
	for len(all) < maxPackets {
		st, ok := s.next()
		if !ok {
			break
		}
		all = append(all, st)
	}
	_ = s.finish()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return all, nil
}
