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
	"github.com/clipcue/clipcue/video"
)

// ByTime returns detections sorted by start.
func ByTime(found []Detection) []Detection {
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b Detection) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), a.compare(b))
	})
	return found
}

// Subtitles returns a function that writes detections as subtitles, in the format of the
// file extension: SubRip (.srt) or WebVTT (.vtt).
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

// escapeSRT returns a text without SubRip's arrow and the markup that players interpret; the
// format has no escapes.
func escapeSRT(s string) string {
	return srtMarkup.ReplaceAllString(strings.ReplaceAll(s, "-->", "→"), "‹$1")
}

var srtMarkup = regexp.MustCompile(`(?i)[<{](/?(?:b|i|u|s|font)\b|\\)`)

var escapeVTT = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// shown returns the times of a subtitle. It lasts at least a millisecond, because both
// formats require an end after the start.
func (d Detection) shown(point string) string {
	from := int64(math.Round(max(d.Start, 0) * 1000))
	to := max(int64(math.Round(d.End*1000)), from+1)
	return clock(from, point) + " --> " + clock(to, point)
}

// clock formats a time as hours:minutes:seconds and milliseconds.
func clock(ms int64, point string) string {
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}

// WriteEDL writes the detections in a video as an edit decision list (CMX 3600) for video
// editors, one after the other. The source times are those of tc,
// the timecode of the video, in its notation; the record times start at 00:00:00:00.
func WriteEDL(w io.Writer, path string, tc video.Timecode, found []Detection) error {
	if !(tc.Rate > 0 && tc.Rate < 1000) {
		return fmt.Errorf("%s: an edit decision list needs a frame rate below 1000, got %v", path, tc.Rate)
	}
	if len(found) > 999 {
		return fmt.Errorf("%s: %d detections: %w", path, len(found), ErrTooManyDetections)
	}
	b := bufio.NewWriter(w)
	name := text.Quote(filepath.Base(path))
	mode := "NON-DROP FRAME"
	if tc.Drop {
		mode = "DROP FRAME"
	}
	fmt.Fprintf(b, "TITLE: %s\nFCM: %s\n\n", name, mode)
	record := video.Timecode{Rate: tc.Rate, Drop: tc.Drop}
	at := int64(0)
	for i, d := range ByTime(found) {
		from, to := int64(math.Round(max(d.Start, 0)*tc.Rate)), int64(math.Round(d.End*tc.Rate))
		to = max(to, from+1)
		fmt.Fprintf(b, "%03d  AX       V     C        %s %s %s %s\n* FROM CLIP NAME: %s\n* COMMENT: %s, %.0f %%\n",
			i+1, tc.Label(from), tc.Label(to), record.Label(at), record.Label(at+to-from), name, text.Quote(d.Label), 100*d.Score)
		at += to - from
	}
	return b.Flush()
}
