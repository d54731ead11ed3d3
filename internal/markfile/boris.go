package markfile

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// borisColumns are those of the aggregated events that BORIS exports.
var borisColumns = []string{"Observation id", "Subject", "Behavior", "Behavioral category", "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name", "Comment start", "Comment stop"}

// scoreComment starts the comment that holds the score of a segment.
const scoreComment = "score "

func writeBORIS(w io.Writer, rows []Row, _ Options) error {
	out := csv.NewWriter(w)
	out.Comma = '\t'
	out.Write(borisColumns)
	for _, r := range rows {
		video := text.Cell(r.Video)
		out.Write([]string{video, "No focal subject", text.Cell(r.Label), "", "STATE", number(r.Start), number(r.End), number(r.End - r.Start), video, scoreText(r), ""})
	}
	out.Flush()
	return out.Error()
}

// borisTable is an export of events, after the line of column names.
type borisTable struct {
	in     *csv.Reader
	at     map[string]int // column of a name in lower case
	fields []string       // of the current line
}

// borisLines is the number of lines about the observation that can precede the column names.
const borisLines = 200

// openBORIS finds the column names in a file separated by tabs or commas. It returns nil if
// there are none.
func openBORIS(data []byte) *borisTable {
	for _, comma := range "\t," {
		in := csv.NewReader(bytes.NewReader(data))
		in.Comma, in.LazyQuotes, in.FieldsPerRecord, in.ReuseRecord = comma, true, -1, true
		for range borisLines {
			fields, err := in.Read()
			if err != nil {
				break
			}
			at := map[string]int{}
			for i, name := range slices.Backward(fields) {
				at[strings.ToLower(strings.TrimSpace(name))] = i
			}
			t := &borisTable{in: in, at: at}
			if t.has("behavior") && (t.aggregated() || t.has("time") && t.has("behavior type", "status")) {
				return t
			}
		}
	}
	return nil
}

func isBORIS(data []byte) bool { return openBORIS(data) != nil }

func (t *borisTable) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := t.at[n]; return ok })
}

// Names of the columns in versions of BORIS.
var (
	borisStart = []string{"start (s)", "start (seconds)"}
	borisStop  = []string{"stop (s)", "stop (seconds)"}
	borisVideo = []string{"media file name", "media file path", "media file", "observation id"}
)

// aggregated reports whether a line is a whole event. Otherwise, it is the start or the end
// of one.
func (t *borisTable) aggregated() bool { return t.has(borisStart...) && t.has(borisStop...) }

// field returns the first of the columns that is not empty.
func (t *borisTable) field(names ...string) string {
	for _, n := range names {
		if i, ok := t.at[n]; ok && i < len(t.fields) && t.fields[i] != "" {
			return text.Uncell(strings.TrimSpace(t.fields[i]))
		}
	}
	return ""
}

func (t *borisTable) seconds(names ...string) (float64, error) {
	x, err := strconv.ParseFloat(t.field(names...), 64)
	if err != nil {
		line, _ := t.in.FieldPos(0)
		return 0, fmt.Errorf("line %d: %w", line, err)
	}
	return x, nil
}

// readBORIS reads the state events. The label is the behavior.
func readBORIS(data []byte, o Options) (rows []Row, err error) {
	t := openBORIS(data)
	if t == nil {
		return nil, errors.New("it has no line with the column names of BORIS's events")
	}
	open := map[string]Row{} // events that have started
	points := 0
	for {
		if t.fields, err = t.in.Read(); errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		kind := strings.ToUpper(t.field("behavior type", "status"))
		if kind == "POINT" {
			points++
			continue
		}
		r, done, err := t.event(kind, open)
		switch {
		case err != nil:
			return nil, err
		case done && len(rows) == maxRows:
			return nil, errRows
		case done:
			rows = append(rows, r)
		}
	}
	o.lost("point events", points)
	o.lost("state events without an end", len(open))
	return rows, nil
}

// event returns the event that the current line completes.
func (t *borisTable) event(kind string, open map[string]Row) (r Row, done bool, err error) {
	r = Row{Video: t.field(borisVideo...), Label: oneLine(t.field("behavior"))}
	if t.aggregated() {
		var errs [2]error
		r.Start, errs[0] = t.seconds(borisStart...)
		r.End, errs[1] = t.seconds(borisStop...)
		if s, ok := strings.CutPrefix(t.field("comment start"), scoreComment); ok {
			if score, err := strconv.ParseFloat(s, 64); err == nil {
				r.Score = &score
			}
		}
		return r, true, cmp.Or(errs[0], errs[1])
	}
	at, err := t.seconds("time")
	key := strings.Join([]string{t.field("observation id"), r.Video, t.field("subject"), r.Label}, "\x00")
	started, ok := open[key]
	switch {
	case err != nil:
		return r, false, err
	case kind == "START" && !ok:
		r.Start = at
		open[key] = r
		return r, false, nil
	case kind == "STOP" && ok:
		delete(open, key)
		started.End = at
		return started, true, nil
	}
	line, _ := t.in.FieldPos(0)
	return r, false, fmt.Errorf("line %d: %q of %q does not follow its counterpart", line, kind, r.Label)
}
