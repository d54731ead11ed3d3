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

	untimed     int     // number of packets without a time, which are not in packets
	undecodable int     // number of packets before the first keyframe, which are not in packets
	firstKey    int64   // ticks of the first keyframe, if undecodable is above 0
	rate        float64 // frames per second at which untimed ones are displayed
	restarts    int     // how often the timestamps start again
	lastPlayed  float64 // the time of the last packet on a player's clock, if restarts > 0
	encrypted   bool
	complaint   string // the first error that ffprobe printed
	end         string // its error about a truncated file
}

type packet struct {
	ticks   int64
	key     bool
	timed   bool // it has a presentation or a decoding timestamp
	stamped bool // it has a presentation timestamp
}

// maxPackets limits the memory of an index: a hundred hours at 40 frames per second.
const maxPackets = 1 << 24

// readIndex reads the timestamps of all packets.
func readIndex(ctx context.Context, path string, info *Info, timeout time.Duration) (*packetIndex, error) {
	x := &packetIndex{exact: info.tickDen > 0, rate: info.FrameRate}
	if x.exact {
		x.seconds = float64(info.tickNum) / float64(info.tickDen)
	}
	clock := info.clock()
	complaints, err := probeInput(ctx, path, timeout, info.input(path), func(r io.Reader) error {
		lines := bufio.NewScanner(r)
		for lines.Scan() && len(x.packets) < maxPackets {
			p, dts, ok := parsePacket(lines.Text())
			switch {
			case !ok:
				continue
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
			x.encrypted = x.encrypted || strings.Contains(lines.Text(), encryptedPacket)
		}
		x.restarts = clock.restarts
		x.exact = x.exact && len(x.packets) < maxPackets && x.restarts == 0
		return lines.Err()
	}, "-select_streams", strconv.Itoa(info.index), "-show_entries", "packet=pts,dts,flags:packet_side_data=side_data_type", "-of", "compact=p=0")
	if err != nil {
		return nil, err
	}
	if strings.Contains(interFrame, " "+info.Codec+" ") {
		x.dropUndecodable()
	}
	slices.SortStableFunc(x.packets, func(a, b packet) int { return int(min(max(a.ticks-b.ticks, -1), 1)) })
	for _, c := range complaints {
		x.complaint = cmp.Or(x.complaint, c)
		if x.end == "" && isEnd(c) {
			x.end = c
		}
	}
	x.exact = x.exact && x.complaint == "" && len(x.packets) > 0 && x.packets[0].key
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

// noTimestamp represents a missing timestamp.
const noTimestamp = math.MinInt64

// parsePacket parses a line such as "pts=512|dts=-512|flags=K_". It also returns the
// decoding timestamp. It returns false for a packet that is marked to be discarded.
func parsePacket(line string) (p packet, dts int64, ok bool) {
	pts, dts := int64(noTimestamp), int64(noTimestamp)
	for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "pts":
			pts = ticks(value)
		case "dts":
			dts = ticks(value)
		case "flags":
			ok = true
			p.key = strings.Contains(value, "K")
			if strings.Contains(value, "D") {
				return packet{}, noTimestamp, false
			}
		}
	}
	if !ok {
		return packet{}, noTimestamp, false
	}
	switch {
	case pts != noTimestamp:
		p.ticks, p.timed, p.stamped = pts, true, true
	case dts != noTimestamp:
		p.ticks, p.timed = dts, true
	}
	return p, dts, true
}

// ticks parses a timestamp. Beyond 2^62 the difference of two would overflow.
func ticks(s string) int64 {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil && v > -1<<62 && v < 1<<62 {
		return v
	}
	return noTimestamp
}

func (x *packetIndex) time(i int) float64 { return float64(x.packets[i].ticks) * x.seconds }

// span returns the time range of the stream. The last frame is displayed as long as the
// one before it; a stream without timestamps is displayed at its frame rate. Without an
// index, or for an empty one, the range is empty, and the decoder reports what is wrong.
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
	end := x.time(n - 1)
	if x.restarts > 0 {
		end = x.lastPlayed
	}
	return timeSpan{x.time(0), end + float64(max(0, last-before))*x.seconds}
}
