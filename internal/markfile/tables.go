package markfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

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
		out.Write(cells([]string{text.Cell(r.Video), number(r.Start), number(r.End), text.Cell(r.Label), strconv.FormatBool(r.Negative), text.Cell(r.Author), stamp(r.Time), score(r)}))
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
	return number(*r.Score)
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
		if at, err := time.Parse(time.RFC3339Nano, s); err != nil {
			errs[3] = fmt.Errorf("column time: %q is not a date such as 2026-01-31T12:00:00Z", s)
		} else {
			r.Time = at
		}
	}
	if t.field(scoreColumn) != "" {
		var x float64
		x, errs[4] = t.number(scoreColumn)
		r.Score = &x
	}
	return r, errors.Join(errs[:]...)
}

// object is a line of JSONL.
type object struct {
	Video    string     `json:"video"`
	Start    *float64   `json:"start"`
	End      *float64   `json:"end"`
	Label    string     `json:"label"`
	Negative bool       `json:"negative,omitempty"`
	Author   string     `json:"author,omitempty"`
	Time     *time.Time `json:"time,omitempty"`
	Score    *float64   `json:"score,omitempty"`
}

func writeJSONL(w io.Writer, rows []Row, _ Options) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	bare := plain(rows)
	for _, r := range rows {
		o := object{Video: r.Video, Start: &r.Start, End: &r.End, Label: r.Label, Score: r.Score}
		if !bare {
			o.Negative, o.Author = r.Negative, r.Author
			if !r.Time.IsZero() {
				o.Time = &r.Time
			}
		}
		if err := out.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

func readJSONL(data []byte, _ Options) (rows []Row, err error) {
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	for {
		var o object
		switch err := in.Decode(&o); {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, fmt.Errorf("object %d: %w", len(rows)+1, readable(err))
		case o.Start == nil || o.End == nil:
			return nil, fmt.Errorf("object %d has no start or no end", len(rows)+1)
		}
		r := Row{Video: o.Video, Start: *o.Start, End: *o.End, Label: o.Label, Negative: o.Negative, Author: o.Author, Score: o.Score}
		if o.Time != nil {
			r.Time = *o.Time
		}
		rows = append(rows, r)
	}
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
	if err := json.Unmarshal(data, &a); err != nil {
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
