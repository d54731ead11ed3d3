package markfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/jsonl"
	"github.com/clipcue/clipcue/internal/text"
)

var columns = []string{"video", "start", "end", "label", "negative", "author", "time", scoreColumn}

// scoreColumn is written if a row has a score.
const scoreColumn = "score"

// required is the number of columns that every file has. Files of positive marks without
// authors and dates have only these, so that they can be used for training.
const required = 4

// plain reports whether the first columns say everything about rows.
func plain(rows []Row) bool {
	return !slices.ContainsFunc(rows, func(r Row) bool { return r.Negative })
}

func writeCSV(w io.Writer, rows []Row, _ Options) error {
	out := csv.NewWriter(w)
	n := len(columns) - 1
	if plain(rows) {
		n = required
	}
	cells := func(all []string) []string { return all[:n] }
	if scored(rows) {
		cells = func(all []string) []string { return slices.Delete(all, n, len(columns)-1) }
	}
	out.Write(cells(slices.Clone(columns)))
	for _, r := range rows {
		out.Write(cells([]string{text.Cell(r.Video), decimal(r.Start), decimal(r.End), text.Cell(r.Label), strconv.FormatBool(r.Negative), text.Cell(r.Author), stamp(r.Time), score(r)}))
	}
	out.Flush()
	return out.Error()
}

// scored reports whether a row has a score.
func scored(rows []Row) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return r.Score != nil })
}

func score(r Row) string {
	if r.Score == nil {
		return ""
	}
	return decimal(*r.Score)
}

// decimal is a number that a reader which infers types from the first rows does not take for an integer.
func decimal(x float64) string {
	s := number(x)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func readCSV(data []byte, _ Options) (rows []Row, err error) {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma = text.Separator(data)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("it has no line of column names: %w", err)
	}
	t := newTable(in, head)
	if len(t.at) < len(head) {
		return nil, fmt.Errorf("it has two columns of the same name: %s", strings.Join(head, ", "))
	}
	if i, ok := t.at["path"]; ok && !t.has("video") {
		t.at["video"] = i
	}
	for _, name := range columns[:required] {
		if !t.has(name) {
			return nil, fmt.Errorf("the first line has no column %s; it has %s", name, strings.Join(head, ", "))
		}
	}
	for {
		more, err := t.next()
		if err != nil || !more {
			return rows, err
		}
		r, err := t.row()
		if err != nil {
			return nil, t.located(err)
		}
		rows = append(rows, r)
	}
}

// row returns the current line of a file that writeCSV could have written.
func (t *table) row() (Row, error) {
	r := Row{Video: t.field("video"), Label: t.field("label"), Author: t.field("author")}
	var errs [5]error
	r.Start, errs[0] = t.number("start")
	r.End, errs[1] = t.number("end")
	if s := t.field("negative"); s != "" {
		r.Negative, errs[2] = parseBool(s)
	}
	if s := t.field("time"); s != "" {
		if r.Time, errs[3] = parseDate(s); errs[3] != nil {
			errs[3] = fmt.Errorf("column time: %w", errs[3])
		}
	}
	if t.field(scoreColumn) != "" {
		var x float64
		x, errs[4] = t.number(scoreColumn)
		r.Score = &x
	}
	return r, errors.Join(errs[:]...)
}

// object is a line of JSONL. All lines of a file have the same keys, because some readers take the columns
// from the first lines.
type object struct {
	Video    string       `json:"video"`
	Start    *jsonl.Float `json:"start"`
	End      *jsonl.Float `json:"end"`
	Label    string       `json:"label"`
	Negative *bool        `json:"negative,omitempty"`
	Author   *string      `json:"author,omitempty"`
	Time     any          `json:"time,omitempty"` // a text, "" if it is unknown
	Score    *jsonl.Float `json:"score,omitempty"`
}

func writeJSONL(w io.Writer, rows []Row, _ Options) error {
	bare, scores := plain(rows), scored(rows)
	return jsonl.Write(w, func(yield func(object, error) bool) {
		for _, r := range rows {
			start, end := jsonl.Float(r.Start), jsonl.Float(r.End)
			o := object{Video: r.Video, Start: &start, End: &end, Label: r.Label}
			if !bare {
				o.Negative, o.Author, o.Time = &r.Negative, &r.Author, stamp(r.Time)
			}
			if scores {
				x := jsonl.Float(math.NaN())
				if r.Score != nil {
					x = jsonl.Float(*r.Score)
				}
				o.Score = &x
			}
			if !yield(o, nil) {
				return
			}
		}
	})
}

func readJSONL(data []byte, _ Options) (rows []Row, err error) {
	in := json.NewDecoder(bytes.NewReader(data))
	for {
		var line json.RawMessage
		err := in.Decode(&line)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		var o readObject
		if err == nil {
			err = exactjson.UnmarshalKnown(line, &o)
		}
		var r Row
		if err == nil {
			r, err = o.row()
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(rows)+1, readable(err))
		}
		rows = append(rows, r)
	}
}

// readObject is a line that is read.
type readObject struct {
	object
	Negative exactjson.Bool `json:"negative"`
}

func (o *readObject) row() (Row, error) {
	if o.Start == nil || o.End == nil {
		return Row{}, errors.New("it has no start or no end")
	}
	r := Row{Video: o.Video, Start: float64(*o.Start), End: float64(*o.End), Label: o.Label, Negative: bool(o.Negative), Score: (*float64)(o.Score)}
	if o.Author != nil {
		r.Author = *o.Author
	}
	if o.Time == nil || o.Time == "" {
		return r, nil
	}
	var err error
	r.Time, err = parseDate(fmt.Sprint(o.Time))
	return r, err
}

// activityNet is the file of ActivityNet's annotations.
type activityNet struct {
	Version  string                   `json:"version,omitempty"`
	Database map[string]*activityItem `json:"database"`
}

type activityItem struct {
	Subset      string          `json:"subset"`
	Annotations []activityLabel `json:"annotations"`
}

type activityLabel struct {
	Segment pair     `json:"segment"`
	Label   string   `json:"label"`
	Score   *float64 `json:"score,omitempty"`
}

func writeActivityNet(w io.Writer, rows []Row, _ Options) error {
	a := activityNet{Version: "clipcue", Database: map[string]*activityItem{}}
	for _, r := range rows {
		item := a.Database[r.Video]
		if item == nil {
			item = &activityItem{Subset: "training"}
			a.Database[r.Video] = item
		}
		item.Annotations = append(item.Annotations, activityLabel{newPair(r.Start, r.End), r.Label, r.Score})
	}
	return writeJSON(w, a)
}

func readActivityNet(data []byte, _ Options) (rows []Row, err error) {
	var a activityNet
	if err := exactjson.Unmarshal(data, &a); err != nil {
		return nil, err
	}
	if a.Database == nil {
		return nil, errors.New(`it has no "database"`)
	}
	for video, item := range a.Database {
		if item == nil {
			continue
		}
		for _, x := range item.Annotations {
			start, end := x.Segment.times()
			rows = append(rows, Row{Video: video, Start: start, End: end, Label: x.Label, Score: x.Score, Split: item.Subset})
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return strings.Compare(a.Video, b.Video) })
	return rows, nil
}

// writeJSON writes a file of one value.
func writeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	return out.Encode(v)
}

// hasKeys reports whether data are an object in JSON with all the keys. It only decodes what contains them.
func hasKeys(data []byte, keys ...string) bool {
	for _, k := range keys {
		if !bytes.Contains(data, []byte(`"`+k+`"`)) {
			return false
		}
	}
	var object map[string]json.RawMessage
	return json.Unmarshal(data, &object) == nil && !slices.ContainsFunc(keys, func(k string) bool { _, ok := object[k]; return !ok })
}
