package markfile

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
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
	table
	video map[string]string // of an observation, if the file does not list its media
}

// borisLines is the number of lines about the observation that can precede the column names.
const borisLines = 200

// openBORIS finds the column names in a file separated by tabs or commas. It returns nil if
// there are none.
func openBORIS(data []byte) *borisTable {
	for _, comma := range "\t,;" {
		in := csv.NewReader(bytes.NewReader(data))
		in.Comma, in.LazyQuotes, in.FieldsPerRecord, in.ReuseRecord = comma, true, -1, true
		for range borisLines {
			fields, err := in.Read()
			if err != nil {
				break
			}
			t := &borisTable{newTable(in, fields), map[string]string{}}
			if t.has("behavior") && (t.aggregated() || t.has("time") && t.has("behavior type", "status")) {
				return t
			}
		}
	}
	return nil
}

// borisBeginning is where the line of column names ends, in bytes: a longer one may be a line of commas, which takes
// many times its size as memory.
const borisBeginning = 1 << 16

func isBORIS(data []byte) bool { return openBORIS(data[:min(len(data), borisBeginning)]) != nil }

// Names of the columns in versions of BORIS.
var (
	borisStart = []string{"start (s)", "start (seconds)"}
	borisStop  = []string{"stop (s)", "stop (seconds)"}
	borisVideo = []string{"media file name", "media file path", "media file", "observation id"}
)

// aggregated reports whether a line is a whole event. Otherwise, it is the start or the end
// of one.
func (t *borisTable) aggregated() bool { return t.has(borisStart...) && t.has(borisStop...) }

// readBORIS reads the state events. The label is the behavior.
func readBORIS(data []byte, o Options) (rows []Row, err error) {
	t := openBORIS(data)
	if t == nil {
		return nil, errors.New("it has no line with the column names of BORIS's events")
	}
	open := map[string]Row{} // events that have started
	points := 0
	for {
		if more, err := t.next(); err != nil {
			return nil, err
		} else if !more {
			break
		}
		kind := strings.ToUpper(t.field("behavior type", "status"))
		if kind == "POINT" {
			points++
			continue
		}
		r, done, err := t.event(kind, open)
		if err == nil && done {
			rows, err = t.place(rows, r)
		}
		if err != nil {
			return nil, t.located(err)
		}
		if len(rows) > maxRows {
			return nil, errRows
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
		r.Start, errs[0] = t.number(borisStart...)
		r.End, errs[1] = t.number(borisStop...)
		if s, ok := strings.CutPrefix(t.field("comment start"), scoreComment); ok {
			if score, err := strconv.ParseFloat(s, 64); err == nil {
				r.Score = &score
			}
		}
		return r, true, cmp.Or(errs[0], errs[1])
	}
	at, err := t.number("time")
	key := strings.Join([]string{cmp.Or(t.field("observation id"), r.Video), t.field("subject"), r.Label}, "\x00")
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
	return r, false, fmt.Errorf("%q of %q does not follow its counterpart", kind, r.Label)
}

// borisOffset is the column with the seconds that BORIS adds to the time of the media.
const borisOffset = "time offset (s)"

// place converts the times of an event to those of its medium, and adds it to the rows. The
// times of BORIS start at the offset of the observation, and run through all media that the
// first player plays one after the other. An event that runs into the next one becomes two.
func (t *borisTable) place(rows []Row, r Row) ([]Row, error) {
	offset := 0.0
	if s := t.field(borisOffset); s != "" && s != "NA" {
		var err error
		if offset, err = t.number(borisOffset); err != nil {
			return nil, err
		}
	}
	media, durations, err := t.queue()
	if err != nil {
		return nil, err
	}
	if len(media) == 0 {
		return append(rows, r.between(r.Start, r.End, offset)), t.oneMedium(r)
	}
	before := len(rows)
	for i, at := 0, offset; i < len(media); i++ {
		next := at + durations[i]
		from, to := max(r.Start, at), min(r.End, next)
		if i == len(media)-1 {
			to = r.End
		}
		if from < to {
			r.Video = media[i]
			rows = append(rows, r.between(from, to, at))
		}
		at = next
	}
	if len(rows) == before {
		return nil, fmt.Errorf("%g s to %g s are not within the media %s", r.Start, r.End, strings.Join(media, ", "))
	}
	return rows, nil
}

// between returns the row with the times from and to, as they are if they counted from zero.
func (r Row) between(from, to, zero float64) Row {
	micro := func(x float64) float64 { return math.Round((x-zero)*1e6) / 1e6 }
	if r.Start, r.End = from, to; zero != 0 {
		r.Start, r.End = micro(from), micro(to)
	}
	return r
}

var borisPlayer = regexp.MustCompile(`^player #\d+:`)

// queue returns the media that the first player plays one after the other, and their
// durations, or nothing if there is only one.
func (t *borisTable) queue() (media []string, durations []float64, err error) {
	first := func(s string) string { s, _, _ = strings.Cut(s, "|"); return s }
	player := borisPlayer.ReplaceAllString(first(t.field("source")), "")
	if media = strings.Split(player, ";"); len(media) < 2 || player == t.field(borisVideo...) {
		return nil, nil, nil
	}
	for s := range strings.SplitSeq(first(t.field("media duration (s)")), ";") {
		d, err := parseNumber(strings.TrimSpace(s))
		if err != nil || d <= 0 {
			return nil, nil, fmt.Errorf("the durations of the media %s are unknown", strings.Join(media, ", "))
		}
		durations = append(durations, d)
	}
	if len(durations) != len(media) {
		return nil, nil, fmt.Errorf("the observation has %d media and %d durations", len(media), len(durations))
	}
	return media, durations, nil
}

// oneMedium refuses an observation of several media in a file that does not list them: their
// times cannot be converted.
func (t *borisTable) oneMedium(r Row) error {
	id := t.field("observation id")
	if known, ok := t.video[id]; id != "" && ok && known != r.Video {
		return fmt.Errorf("observation %q has several media, and the file has no column \"Source\" with their order; export it with BORIS 8 or later", id)
	}
	t.video[id] = r.Video
	return nil
}
