package localization

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// ByTime are detections in the order in which they are seen.
func ByTime(found []Detection) []Detection {
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b Detection) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), a.compare(b))
	})
	return found
}

// Subtitles returns what writes detections as subtitles in the format that a file's
// name asks for, SubRip (.srt) or WebVTT (.vtt).
func Subtitles(path string) (func(w io.Writer, found []Detection) error, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".srt":
		return writeSRT, nil
	case ".vtt":
		return writeVTT, nil
	}
	return nil, fmt.Errorf("%s: unknown subtitle format, want .srt or .vtt", path)
}

func writeSRT(w io.Writer, found []Detection) error {
	b := bufio.NewWriter(w)
	for i, d := range ByTime(found) {
		fmt.Fprintf(b, "%d\n%s\n%s\n\n", i+1, d.shown(","), d.cue(escapeSRT))
	}
	return b.Flush()
}

func writeVTT(w io.Writer, found []Detection) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "WEBVTT\n\n")
	for _, d := range ByTime(found) {
		fmt.Fprintf(b, "%s\n%s\n\n", d.shown("."), d.cue(escapeVTT))
	}
	return b.Flush()
}

// cue is the text of a subtitle, one line.
func (d Detection) cue(escape func(string) string) string {
	return fmt.Sprintf("%s (%.0f %%)", escape(text.Quote(d.Label)), 100*d.Score)
}

// escapeSRT returns a text without SubRip's arrow and the markup that players know; the
// format has no escapes.
func escapeSRT(s string) string {
	return srtMarkup.ReplaceAllString(strings.ReplaceAll(s, "-->", "→"), "‹$1")
}

var srtMarkup = regexp.MustCompile(`(?i)[<{](/?(?:b|i|u|s|font)\b|\\)`)

var escapeVTT = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// shown is when a subtitle is, for at least a millisecond: both formats ask that it
// ends after it starts.
func (d Detection) shown(point string) string {
	from := int64(math.Round(max(d.Start, 0) * 1000))
	to := max(int64(math.Round(d.End*1000)), from+1)
	return clock(from, point) + " --> " + clock(to, point)
}

// clock is a time as hours:minutes:seconds and milliseconds.
func clock(ms int64, point string) string {
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}

// WriteEDL writes the detections in a video as an edit decision list (CMX 3600),
// which video editors read: its parts, one after the other. rate is the video's
// frames a second.
func WriteEDL(w io.Writer, video string, rate float64, found []Detection) error {
	if !(rate > 0 && rate < 1000) {
		return fmt.Errorf("%s: an edit decision list needs a frame rate below 1000, got %v", video, rate)
	}
	if len(found) > 999 {
		return fmt.Errorf("%s: %d detections: %w", video, len(found), ErrTooManyDetections)
	}
	b := bufio.NewWriter(w)
	name := text.Quote(filepath.Base(video))
	fmt.Fprintf(b, "TITLE: %s\nFCM: NON-DROP FRAME\n\n", name)
	at := int64(0)
	for i, d := range ByTime(found) {
		from, to := int64(math.Round(d.Start*rate)), int64(math.Round(d.End*rate))
		to = max(to, from+1)
		fmt.Fprintf(b, "%03d  AX       V     C        %s %s %s %s\n* FROM CLIP NAME: %s\n* COMMENT: %s, %.0f %%\n",
			i+1, timecode(from, rate), timecode(to, rate), timecode(at, rate), timecode(at+to-from, rate), name, text.Quote(d.Label), 100*d.Score)
		at += to - from
	}
	return b.Flush()
}

// timecode is a frame's number as hours:minutes:seconds:frames.
func timecode(frame int64, rate float64) string {
	base := max(1, int64(math.Round(rate)))
	s := frame / base
	return fmt.Sprintf("%02d:%02d:%02d:%02d", s/3600, s/60%60, s%60, frame%base)
}
