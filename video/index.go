package video

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// packetIndex is what is known of a stream's packets without decoding them.
type packetIndex struct {
	packets []packet // those that are displayed, sorted by time
	exact   bool     // every packet has a time of its own, and the first is a keyframe
	seconds float64  // per tick

	untimed     int       // number of packets without a time, which are not in packets
	undecodable int       // number of packets before the first keyframe, which are not in packets
	firstKey    int64     // ticks of the first keyframe, if undecodable is above 0
	rate        float64   // frames per second at which untimed ones are displayed
	restarts    int       // how often the timestamps start again
	lastPlayed  float64   // the time of the last packet on a player's clock, if restarts > 0
	timeline    *timeline // if there are outliers among the timestamps
	held        float64   // how long the last frame is displayed, by its packet, in seconds; 0 = unknown
	encrypted   bool
	complaint   string // the first error that ffprobe printed
	end         string // its error about a truncated file
}

type packet struct {
	ticks    int64
	duration int64 // ticks; 0 = unknown
	key      bool
	timed    bool // it has a presentation or a decoding timestamp
	stamped  bool // it has a presentation timestamp
}

// discardedKey starts the flags of a keyframe that is decoded but not shown, as before the
// start of an edit list.
const discardedKey = "KD"

// inTime compares packets by their time.
func inTime(a, b packet) int { return cmp.Compare(a.ticks, b.ticks) }

// maxPackets limits the memory of an index: a hundred hours at 40 frames per second.
const maxPackets = 1 << 24

// readIndex reads the timestamps of all packets.
func readIndex(ctx context.Context, path string, info *Info, timeout time.Duration) (*packetIndex, error) {
	x := &packetIndex{exact: info.tickDen > 0, rate: info.FrameRate}
	if x.exact {
		x.seconds = float64(info.tickNum) / float64(info.tickDen)
	}
	clock := info.clock()
	fromKey := false // whether a keyframe that is not shown comes first
	complaints, err := info.list(ctx, path, timeout, func(l listed) bool {
		p, dts, ok := l.packet()
		switch {
		case !ok:
			fromKey = fromKey || len(x.packets) == 0 && strings.HasPrefix(l.Flags, discardedKey)
			return true
		case p.timed:
			x.packets = append(x.packets, p)
		default:
			x.untimed++
		}
		if dts != noTimestamp {
			clock.played(float64(dts) * x.seconds)
		}
		if p.timed && clock.restarts > 0 {
			x.lastPlayed = max(x.lastPlayed, float64(p.ticks)*x.seconds+clock.shift)
		}
		x.exact = x.exact && p.stamped
		x.encrypted = x.encrypted || l.encrypted
		return len(x.packets) < maxPackets
	})
	if err != nil {
		return nil, err
	}
	x.restarts = clock.restarts
	x.exact = x.exact && len(x.packets) < maxPackets
	if !fromKey && strings.Contains(interFrame, " "+info.Codec+" ") {
		x.dropUndecodable()
	}
	if err := x.findOutliers(ctx, path, info, timeout); err != nil {
		return nil, err
	}
	slices.SortStableFunc(x.packets, inTime)
	x.held = x.lastHeld(info)
	x.correctHeaders(info)
	for _, c := range complaints {
		x.complaint = cmp.Or(x.complaint, c)
		if x.end == "" && isEnd(c) {
			x.end = c
		}
	}
	x.exact = x.exact && x.restarts == 0 && x.complaint == "" && len(x.packets) > 0 && x.packets[0].key
	for i := 1; i < len(x.packets) && x.exact; i++ {
		x.exact = x.packets[i-1].ticks < x.packets[i].ticks
	}
	return x, nil
}

// dropUndecodable drops the packets that cannot be decoded because the stream starts
// between two keyframes, as broadcasts do: those before the first keyframe in the stream,
// and those displayed before it. The packets must still be in stream order.
func (x *packetIndex) dropUndecodable() {
	at := slices.IndexFunc(x.packets, func(p packet) bool { return p.key })
	if at <= 0 {
		return
	}
	n, key := len(x.packets), x.packets[at]
	x.packets = slices.DeleteFunc(x.packets[at:], func(p packet) bool { return p.stamped && p.ticks < key.ticks })
	x.undecodable, x.exact, x.firstKey = n-len(x.packets), false, key.ticks
}

// mergeFields decodes the first frames to find out whether a stream is interlaced if the
// headers do not say so, and merges the packets of the two fields of a frame if each
// field has its own. Only Check needs it; decoding finds out for itself.
func (x *packetIndex) mergeFields(ctx context.Context, path string, info *Info, timeout time.Duration) error {
	if !strings.Contains(" h264 mpeg2video mpeg4 vc1 wmv3 dvvideo mjpeg dnxhd prores utvideo ", " "+info.Codec+" ") {
		return nil
	}
	few := "%+#16"
	if info.Interlaced {
		few = "%+#128" // to pass the first keyframe
	}
	var shown []int64 // ticks
	_, _ = ffprobe(ctx, path, timeout, func(r io.Reader) error {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			for field := range strings.SplitSeq(strings.TrimSpace(lines.Text()), "|") {
				switch key, value, _ := strings.Cut(field, "="); key {
				case "best_effort_timestamp":
					if v, err := strconv.ParseInt(value, 10, 64); err == nil {
						shown = append(shown, v)
					}
				case "interlaced_frame":
					info.Interlaced = info.Interlaced || value == "1"
				}
			}
		}
		return nil
	}, "-select_streams", strconv.Itoa(info.index), "-read_intervals", few,
		"-show_entries", "frame=best_effort_timestamp,interlaced_frame", "-of", "compact=p=0")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if info.Codec != "h264" || !info.Interlaced {
		return nil
	}
	var apart int64 // ticks between frames
	for i := 1; i < len(shown); i++ {
		if d := shown[i] - shown[i-1]; d > 0 && (apart == 0 || d < apart) {
			apart = d
		}
	}
	if x.pair(apart) {
		info.Frames = 0 // the header counts fields
		if info.FrameRate*float64(apart)*x.seconds > 1.5 {
			info.FrameRate /= 2
		}
	}
	return nil
}

// pair drops the packets of second fields, given the ticks between frames, and reports
// whether there were any.
func (x *packetIndex) pair(apart int64) bool {
	if len(x.packets) == 0 {
		return false
	}
	kept := x.packets[:1]
	for _, p := range x.packets[1:] {
		if 4*(p.ticks-kept[len(kept)-1].ticks) >= 3*apart {
			kept = append(kept, p)
		}
	}
	paired := len(kept) < len(x.packets)
	x.packets = kept
	return paired
}

func (x *packetIndex) time(i int) float64 { return float64(x.packets[i].ticks) * x.seconds }

// lastHeld returns how long the packet of the last frame declares it to be displayed, or 0
// if the durations of the other packets are not the distances of their frames: some
// containers declare one duration for all frames. More than a jump must fit into the
// declared duration of the stream, up to a day.
func (x *packetIndex) lastHeld(info *Info) float64 {
	n, right := len(x.packets), 0
	if n == 0 || info.IsImage() { // the duration of an image is invented
		return 0
	}
	for i := range n - 1 {
		if x.same(float64(x.packets[i].duration)*x.seconds, x.time(i+1)-x.time(i)) {
			right++
		}
	}
	m := x.moment(x.packets[n-1])
	declared := info.Duration > 0 && m.time+m.held <= max(info.start, info.StartTime, x.time(0))+info.Duration+1
	if 2*right < n-1 || m.held > jump && (!declared || m.held > maxHolds || x.timeline != nil || x.restarts > 0) {
		return 0
	}
	return m.held
}

// same reports whether two durations in seconds are equal but for rounding.
func (x *packetIndex) same(a, b float64) bool { return math.Abs(a-b) <= max(2*x.seconds, 0.02*b) }

// hold returns how long the last frame of the stream is displayed, given the ticks of its
// timestamp and the seconds between it and the frame before it: as its packet declares, or
// else as long as the one before it. Differences of rounding do not count.
func (x *packetIndex) hold(ticks int64, before float64) float64 {
	if x == nil || x.held == 0 {
		return before
	}
	held := x.held
	if x.timeline == nil && x.restarts == 0 {
		// Each field of an interlaced frame may have a packet.
		if d := float64(x.packets[len(x.packets)-1].ticks-ticks) * x.seconds; d > 0 && d <= 1.5*x.held {
			held += d
		}
	}
	if x.same(held, before) {
		return before
	}
	return held
}

// span returns the time range of the stream. Without an index, or for an empty one, the
// range is empty, and the decoder reports what is wrong. A stream without timestamps is
// displayed at its frame rate.
func (x *packetIndex) span() timeSpan {
	switch {
	case x == nil:
		return timeSpan{}
	case len(x.packets) == 0 && x.rate > 0:
		return timeSpan{0, float64(x.untimed) / x.rate}
	case len(x.packets) == 0:
		return timeSpan{}
	}
	n := len(x.packets)
	last := x.packets[n-1].ticks
	before := last
	for i := n - 1; i >= 0 && before == last; i-- {
		before = x.packets[i].ticks
	}
	if x.timeline != nil {
		played := x.timeline.played
		gap := played[len(played)-1] - played[max(0, len(played)-2)]
		return timeSpan{played[0], slices.Max(played) + x.hold(last, max(0, gap))}
	}
	hold := x.hold(last, float64(max(0, last-before))*x.seconds)
	end := x.time(n - 1)
	if x.restarts > 0 {
		end = x.lastPlayed
	}
	return timeSpan{x.time(0), end + hold}
}
