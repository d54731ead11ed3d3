package markfile

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// premiereColumns are those of the markers that Premiere Pro exports, separated by tabs.
var premiereColumns = []string{"Marker Name", "Description", "In", "Out", "Duration", "Marker Type"}

// writePremiere writes the spans of a video as markers of Premiere Pro.
func writePremiere(w io.Writer, rows []Row, o Options) error {
	rate, clock, err := o.clock(rows[0].Video)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.Comma = '\t'
	out.Write(premiereColumns)
	for _, r := range rows {
		from, to := frameRange(r, rate)
		out.Write([]string{text.Cell(r.Label), scoreText(r), clock.Label(from), clock.Label(to), plainClock(nominal(rate)).Label(to - from), "Comment"})
	}
	out.Flush()
	return out.Error()
}

// scoreText describes the score of a segment, if it has one.
func scoreText(r Row) string {
	if r.Score == nil {
		return ""
	}
	return scoreComment + number(*r.Score)
}

// writeResolve writes the spans of a video as an edit decision list of markers, which
// DaVinci Resolve imports into a timeline. A frame has one marker, so others move to the next frames.
func writeResolve(w io.Writer, rows []Row, o Options) error {
	rate, clock, err := o.clock(rows[0].Video)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TITLE: %s\nFCM: %s\n\n", oneLine(rows[0].Video), countMode(clock))
	free, moved := int64(0), 0
	for i, r := range rows {
		from, to := frameRange(r, rate)
		if from < free {
			from = free
			to = max(to, from+1)
			moved++
		}
		free = from + 1
		start, next := clock.Label(from), clock.Label(from+1)
		fmt.Fprintf(b, "%03d  001      V     C        %s %s %s %s  \n%s |C:ResolveColorBlue |M:%s |D:%d\n\n",
			i+1, start, next, start, next, scoreText(r), strings.ReplaceAll(oneLine(r.Label), "|", "/"), to-from)
	}
	o.lost("the start of markers in a frame that has one", moved)
	return b.Flush()
}

// countMode is how an edit decision list counts frames.
func countMode(c Clock) string {
	if strings.Contains(c.Label(0), ";") {
		return "DROP FRAME"
	}
	return "NON-DROP FRAME"
}
