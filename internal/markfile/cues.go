package markfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// writeCues writes subtitles in the format SRT or VTT.
func writeCues(w io.Writer, rows []Row, f Format) error {
	b := bufio.NewWriter(w)
	comma := "."
	if f == VTT {
		fmt.Fprint(b, "WEBVTT\n\n")
	} else {
		comma = ","
	}
	for i, r := range rows {
		if f == SRT {
			fmt.Fprintln(b, i+1)
		}
		fmt.Fprintf(b, "%s --> %s\n%s\n\n", clock(r.Start, comma), clock(r.End, comma), strings.Join(strings.Fields(r.Label), " "))
	}
	return b.Flush()
}

// clock returns a time as hh:mm:ss.mmm.
func clock(seconds float64, comma string) string {
	ms := int64(math.Round(seconds * 1000))
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, comma, ms%1000)
}

var cueLine = regexp.MustCompile(`^\s*((?:\d+:)?\d+:\d+[.,]\d+)\s+-->\s+((?:\d+:)?\d+:\d+[.,]\d+)`)

// readCues reads SRT and VTT. The lines of a cue are one label.
func readCues(data []byte, _ float64) (rows []Row, err error) {
	var open *Row
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\r\n", "\n") + "\n") {
		line = strings.TrimSpace(line)
		switch m := cueLine.FindStringSubmatch(line); {
		case m != nil:
			rows = append(rows, Row{Start: cueTime(m[1]), End: cueTime(m[2])})
			open = &rows[len(rows)-1]
		case line == "":
			open = nil
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

// writeEDL writes the spans of a video as events of CMX 3600. Source and record times are
// the same, so that the list shows the spans on the video's timeline.
func writeEDL(w io.Writer, rows []Row, fps float64) error {
	if !(fps > 0) {
		return errors.New("an edit decision list counts frames, and the frame rate is unknown")
	}
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "TITLE: clipcue\nFCM: NON-DROP FRAME\n\n")
	for i, r := range rows {
		from, to := timecode(r.Start, fps), timecode(r.End, fps)
		fmt.Fprintf(b, "%03d  AX       V     C        %s %s %s %s\n* FROM CLIP NAME: %s\n* COMMENT: %s\n\n",
			i+1, from, to, from, to, strings.Join(strings.Fields(r.Video), " "), strings.Join(strings.Fields(r.Label), " "))
	}
	return b.Flush()
}

// timecode returns hh:mm:ss:ff.
func timecode(seconds, fps float64) string {
	rate := int64(math.Round(fps))
	n := int64(math.Round(seconds * fps))
	return fmt.Sprintf("%02d:%02d:%02d:%02d", n/rate/3600, n/rate/60%60, n/rate%60, n%rate)
}

var eventLine = regexp.MustCompile(`^\d+\s+\S+\s+\S+\s+\S+.*?(\d+):(\d+):(\d+)[:;](\d+)\s+(\d+):(\d+):(\d+)[:;](\d+)\s+\d+:\d+:\d+[:;]\d+\s+\d+:\d+:\d+[:;]\d+`)

// readEDL reads the events of CMX 3600. An event's label is its comment.
func readEDL(data []byte, fps float64) (rows []Row, err error) {
	if !(fps > 0) {
		return nil, errors.New("an edit decision list counts frames, and the frame rate is unknown")
	}
	rate := math.Round(fps)
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if m := eventLine.FindStringSubmatch(line); m != nil {
			var n [8]float64
			for i := range n {
				n[i], _ = strconv.ParseFloat(m[i+1], 64)
			}
			rows = append(rows, Row{Start: (((n[0]*60+n[1])*60+n[2])*rate + n[3]) / fps, End: (((n[4]*60+n[5])*60+n[6])*rate + n[7]) / fps})
		}
		if len(rows) == 0 {
			continue
		}
		last := &rows[len(rows)-1]
		if label, ok := strings.CutPrefix(line, "* COMMENT:"); ok {
			last.Label = strings.TrimSpace(label)
		}
		if video, ok := strings.CutPrefix(line, "* FROM CLIP NAME:"); ok {
			last.Video = strings.TrimSpace(video)
		}
	}
	if len(rows) == 0 && s.Err() == nil {
		return nil, errors.New("it has no events")
	}
	return rows, s.Err()
}
