package markfile

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// ffmetadataEscapes are the characters with a meaning in ffmpeg's metadata files.
var ffmetadataEscapes = strings.NewReplacer(`\`, `\\`, "=", `\=`, ";", `\;`, "#", `\#`)

func writeFFMetadata(w io.Writer, rows []Row, _ Options) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, ";FFMETADATA1\n")
	for _, r := range rows {
		start := math.Round(r.Start * 1000)
		fmt.Fprintf(b, "[CHAPTER]\nTIMEBASE=1/1000\nSTART=%.0f\nEND=%.0f\ntitle=%s\n", start, max(start+1, math.Round(r.End*1000)), ffmetadataEscapes.Replace(oneLine(r.Label)))
	}
	return b.Flush()
}

// chapters is a file of Matroska chapters, as mkvmerge and mkvpropedit read it.
type chapters struct {
	XMLName xml.Name  `xml:"Chapters"`
	Atoms   []chapter `xml:"EditionEntry>ChapterAtom"`
}

type chapter struct {
	Start    string `xml:"ChapterTimeStart"`
	End      string `xml:"ChapterTimeEnd"`
	Title    string `xml:"ChapterDisplay>ChapterString"`
	Language string `xml:"ChapterDisplay>ChapterLanguage"`
}

func writeMatroska(w io.Writer, rows []Row, _ Options) error {
	var c chapters
	for _, r := range rows {
		c.Atoms = append(c.Atoms, chapter{nanoseconds(r.Start), nanoseconds(r.End), oneLine(r.Label), "und"})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	return out.Encode(c)
}

// nanoseconds returns a time as hh:mm:ss.nnnnnnnnn.
func nanoseconds(seconds float64) string {
	ns := int64(math.Round(seconds * 1e9))
	s := ns / 1e9
	return fmt.Sprintf("%02d:%02d:%02d.%09d", s/3600, s/60%60, s%60, ns%1e9)
}

// writeMPV writes an edit decision list of mpv, which plays the spans of all videos in a row.
func writeMPV(w io.Writer, rows []Row, _ Options) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "# mpv EDL v0\n")
	for _, r := range rows {
		fmt.Fprintf(b, "%s,%s,%s,title=%s\n", mpvQuote(text.Unescape(r.Video)), number(r.Start), number(r.End-r.Start), mpvQuote(oneLine(r.Label)))
	}
	return b.Flush()
}

// mpvQuote precedes a value by its number of bytes, so that it can hold any character.
func mpvQuote(s string) string { return fmt.Sprintf("%%%d%%%s", len(s), s) }
