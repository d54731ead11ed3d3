package markfile

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// srtTag matches what formats the text of a cue: tags in HTML's style, and those of SSA such as {\an8}.
var srtTag = regexp.MustCompile(`(?i)</?[ibus]>|<font(?:\s[^>]*)?>|</font>|\{\\[^}]*\}`)

func writeSRT(w io.Writer, rows []Row, o Options) error {
	b := bufio.NewWriter(w)
	tags := 0 // SRT cannot escape them
	for i, r := range rows {
		tags += len(srtTag.FindAllString(r.Label, -1))
		fmt.Fprintf(b, "%d\n%s --> %s\n%s\n\n", i+1, clock(r.Start, ","), clock(cueEnd(r), ","), oneLine(r.Label))
	}
	o.lost("the text of formatting tags", tags)
	return b.Flush()
}

func writeVTT(w io.Writer, rows []Row, _ Options) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "WEBVTT\n\n")
	for _, r := range rows {
		fmt.Fprintf(b, "%s --> %s\n%s\n\n", clock(r.Start, "."), clock(cueEnd(r), "."), vttEscapes.Replace(oneLine(r.Label)))
	}
	return b.Flush()
}

// vttEscapes are the characters that text in WebVTT cannot have: they start an entity and a
// tag, and are part of the arrow between two times.
var vttEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// readSRT reads cues, without their formatting.
func readSRT(data []byte, _ Options) ([]Row, error) {
	rows, err := readCues(data)
	for i := range rows {
		if label := rows[i].Label; srtTag.MatchString(label) {
			rows[i].Label = oneLine(srtTag.ReplaceAllString(label, ""))
		}
	}
	return rows, err
}

var vttTag = regexp.MustCompile(`<[^>]*>`)

func readVTT(data []byte, _ Options) ([]Row, error) {
	rows, err := readCues(data)
	for i := range rows {
		rows[i].Label = oneLine(html.UnescapeString(vttTag.ReplaceAllString(rows[i].Label, "")))
	}
	return rows, err
}

// cueEnd returns the end of a span, at least a millisecond after its start: players and
// readers refuse cues without a duration.
func cueEnd(r Row) float64 { return max(r.End, math.Round(r.Start*1000)/1000+0.001) }

// clock returns a time as hh:mm:ss.mmm.
func clock(seconds float64, comma string) string {
	ms := int64(math.Round(seconds * 1000))
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, comma, ms%1000)
}

var cueLine = regexp.MustCompile(`^\s*((?:\d+:)?\d+:\d+[.,]\d+)\s+-->\s+((?:\d+:)?\d+:\d+[.,]\d+)`)

// cueNumber matches the line of a cue's number.
var cueNumber = regexp.MustCompile(`^\d+$`)

// readCues reads SRT or VTT. The lines of a cue are one label. Blank lines between cues may be missing.
func readCues(data []byte) (rows []Row, err error) {
	var open *Row
	lines := append(strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"), "")
	for i, line := range lines[:len(lines)-1] {
		line = strings.TrimSpace(line)
		n := i + 1
		switch m := cueLine.FindStringSubmatch(line); {
		case m != nil:
			rows = append(rows, Row{Start: cueTime(m[1]), End: cueTime(m[2])})
			open = &rows[len(rows)-1]
		case line == "":
			open = nil
		case open == nil && strings.Contains(line, "-->"):
			return nil, fmt.Errorf("line %d: %q are not two times such as 00:01:02.500", n, line)
		case open == nil && strings.HasPrefix(line, "X-TIMESTAMP-MAP"):
			return nil, fmt.Errorf("line %d: times are those of an HLS stream (X-TIMESTAMP-MAP), not of a video", n)
		case open != nil && cueNumber.MatchString(line) && cueLine.MatchString(lines[n]):
			open = nil // the number of the next cue
		case open != nil:
			open.Label = strings.TrimSpace(open.Label + " " + line)
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("it has no cues")
	}
	return rows, nil
}

// cueTime parses a time that cueLine matched.
func cueTime(s string) (seconds float64) {
	for part := range strings.SplitSeq(strings.ReplaceAll(s, ",", "."), ":") {
		x, _ := strconv.ParseFloat(part, 64)
		seconds = seconds*60 + x
	}
	return math.Round(seconds*1000) / 1000
}

// ErrRate is wrapped by the error for a format that counts the frames of a video whose rate is unknown.
var ErrRate = errors.New("the format counts frames, and the frame rate is unknown")

// clock returns the frame rate and the timecodes of a video.
func (o Options) clock(video string) (rate float64, c Clock, err error) {
	if o.Clock != nil {
		if rate, c, err = o.Clock(cmp.Or(video, o.video)); c != nil || err != nil {
			return rate, c, err
		}
	}
	if !(o.Rate > 0) {
		return 0, nil, ErrRate
	}
	return o.Rate, plainClock(nominal(o.Rate)), nil
}

// writeEDL writes the spans of a video as events of CMX 3600. Source and record times are
// the same, so that the list shows the spans on the video's timeline. A track has no room for
// spans that overlap, so their list plays the spans one after the other.
func writeEDL(w io.Writer, rows []Row, o Options) error {
	rate, clock, err := o.clock(text.Unescape(rows[0].Video))
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TITLE: clipcue\nFCM: %s\n\n", countMode(clock))
	overlap := overlapping(rows, rate)
	at := int64(0) // end of the last event
	for i, r := range rows {
		first, next := frameRange(r, rate)
		if !overlap {
			at = first
		}
		fmt.Fprintf(b, "%03d  AX       V     C        %s %s %s %s\n* FROM CLIP NAME: %s\n* COMMENT: %s\n\n",
			i+1, clock.Label(first), clock.Label(next), clock.Label(at), clock.Label(at+next-first), oneLine(r.Video), oneLine(r.Label))
		at += next - first
	}
	return b.Flush()
}

// overlapping reports whether spans, sorted by their start, share frames.
func overlapping(rows []Row, rate float64) bool {
	last := int64(0)
	for _, r := range rows {
		from, to := frameRange(r, rate)
		if from < last {
			return true
		}
		last = to
	}
	return false
}

// afterMidnight returns the frame, less than 12 hours from the start of the video, whose
// timecode is that of the frame n before the start, or n if there is none.
func afterMidnight(n int64, clock Clock, rate float64) int64 {
	point := ":"
	if countMode(clock) == "DROP FRAME" {
		point = ";"
	}
	first, ok := clock.Frame("00:00:00" + point + "00")
	last, okay := clock.Frame(fmt.Sprintf("23:59:59%s%02d", point, nominal(rate)-1))
	if day := last + 1 - first; ok && okay && n+day < day/2 {
		return n + day
	}
	return n
}

// plainClock counts from 00:00:00:00, so many frames per second.
type plainClock int64

func (c plainClock) Label(n int64) string {
	rate := int64(c)
	return fmt.Sprintf("%02d:%02d:%02d:%02d", n/rate/3600, n/rate/60%60, n/rate%60, n%rate)
}

func (c plainClock) Frame(label string) (int64, bool) {
	var n [4]int64
	k, err := fmt.Sscanf(strings.ReplaceAll(label, ";", ":"), "%d:%d:%d:%d", &n[0], &n[1], &n[2], &n[3])
	ok := k == 4 && err == nil && n[1] < 60 && n[2] < 60 && n[3] < int64(c)
	return ((n[0]*60+n[1])*60+n[2])*int64(c) + n[3], ok
}

var eventLine = regexp.MustCompile(`^\d+\s+\S+\s+\S+\s+\S+.*?(\d+:\d+:\d+[:;]\d+)\s+(\d+:\d+:\d+[:;]\d+)\s+\d+:\d+:\d+[:;]\d+\s+\d+:\d+:\d+[:;]\d+`)

var eventStart = regexp.MustCompile(`^\d+\s+\S+\s+(V|A|B|NONE)\S*\s+(C|D|W\d+|K\S*)\s`)

// audioTracks matches the channel of an event without pictures, such as A, A2, AA.
var audioTracks = regexp.MustCompile(`(?i)^A[A\d/]*$`)

// readEDL reads the events of CMX 3600. An event's label is its first comment.
func readEDL(data []byte, o Options) (rows []Row, err error) {
	var times [][2]string // timecodes, by row
	var last *Row         // of the event; nil if it is left out
	sounds, further := 0, 0
	s := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if m := eventLine.FindStringSubmatch(line); m != nil {
			if audioTracks.MatchString(strings.Fields(line)[2]) {
				last = nil
				sounds++
				continue
			}
			rows, times = append(rows, Row{}), append(times, [2]string{m[1], m[2]})
			last = &rows[len(rows)-1]
		} else if eventStart.MatchString(line) {
			return nil, fmt.Errorf("line %d: the event does not have four timecodes such as 00:01:02:12", n)
		}
		if last == nil {
			continue
		}
		if label, ok := strings.CutPrefix(line, "* COMMENT:"); ok && last.Label != "" {
			further++
		} else if ok {
			last.Label = strings.TrimSpace(label)
		}
		if video, ok := strings.CutPrefix(line, "* FROM CLIP NAME:"); ok {
			last.Video = strings.TrimSpace(video)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if len(rows)+sounds == 0 {
		return nil, errors.New("it has no events")
	}
	o.lost("events on audio tracks", sounds)
	o.lost("comments after the first of an event", further)
	var rate float64
	var clock Clock
	for i := range rows {
		r := &rows[i]
		if i == 0 || r.Video != rows[i-1].Video { // a clock may read the video
			if rate, clock, err = o.clock(text.Unescape(r.Video)); err != nil {
				return nil, err
			}
		}
		from, ok := clock.Frame(times[i][0])
		to, okay := clock.Frame(times[i][1])
		if from < 0 {
			from = afterMidnight(from, clock, rate)
		}
		if to < 0 {
			to = afterMidnight(to, clock, rate)
		}
		if !ok || !okay || from < 0 {
			return nil, fmt.Errorf("event %d: %s to %s is not within the timecodes of %q, which start at %s", i+1, times[i][0], times[i][1], r.Video, clock.Label(0))
		}
		r.Start, r.End = float64(from)/rate, float64(to)/rate
	}
	return rows, nil
}
