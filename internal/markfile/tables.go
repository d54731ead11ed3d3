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

var columns = []string{"video", "start", "end", "label", "negative", "author", "time"}

// required is the number of columns that every file has. Files of positive marks without
// authors and dates have only these, so that they can be used for training.
const required = 4

// plain reports whether the first columns say everything about rows.
func plain(rows []Row) bool {
	return !slices.ContainsFunc(rows, func(r Row) bool { return r.Negative })
}

func writeCSV(w io.Writer, rows []Row, _ Options) error {
	out := csv.NewWriter(w)
	n := len(columns)
	if plain(rows) {
		n = required
	}
	out.Write(columns[:n])
	for _, r := range rows {
		out.Write([]string{text.Cell(r.Video), number(r.Start), number(r.End), text.Cell(r.Label), strconv.FormatBool(r.Negative), text.Cell(r.Author), stamp(r.Time)}[:n])
	}
	out.Flush()
	return out.Error()
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// separator returns what separates the columns in the first line: a comma, or a semicolon or
// a tab if it has no comma.
func separator(data []byte) rune {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(line, c) {
			return c
		}
	}
	return ','
}

func readCSV(data []byte, _ Options) (rows []Row, err error) {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma = separator(data)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("it has no line of column names: %w", err)
	}
	at := map[string]int{}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("there are two columns %q", name)
		}
		at[name] = i
	}
	if _, ok := at["video"]; !ok {
		at["video"] = slices.Index(head, "path")
	}
	for _, name := range columns[:required] {
		if i, ok := at[name]; !ok || i < 0 {
			return nil, fmt.Errorf("the first line has no column %s; it has %s", name, strings.Join(head, ", "))
		}
	}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		field := func(name string) string {
			if i, ok := at[name]; ok {
				return text.Uncell(strings.TrimSpace(fields[i]))
			}
			return ""
		}
		seconds := func(name string) (float64, error) {
			x, err := parseNumber(field(name))
			if err != nil {
				err = fmt.Errorf("column %s: %w", name, err)
			}
			return x, err
		}
		r := Row{Video: field("video"), Label: field("label"), Author: field("author")}
		var errs [4]error
		r.Start, errs[0] = seconds("start")
		r.End, errs[1] = seconds("end")
		if s := field("negative"); s != "" {
			r.Negative, errs[2] = parseBool(s)
		}
		if s := field("time"); s != "" {
			if r.Time, err = time.Parse(time.RFC3339Nano, s); err != nil {
				errs[3] = fmt.Errorf("column time: %q is not a date such as 2026-01-31T12:00:00Z", s)
			}
		}
		if err := errors.Join(errs[:]...); err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		rows = append(rows, r)
	}
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
}

func writeJSONL(w io.Writer, rows []Row, _ Options) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	bare := plain(rows)
	for _, r := range rows {
		o := object{Video: r.Video, Start: &r.Start, End: &r.End, Label: r.Label}
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
		r := Row{Video: o.Video, Start: *o.Start, End: *o.End, Label: o.Label, Negative: o.Negative, Author: o.Author}
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
	Segment pair   `json:"segment"`
	Label   string `json:"label"`
}

func writeActivityNet(w io.Writer, rows []Row, _ Options) error {
	a := activityNet{Version: "clipcue", Database: map[string]*activityItem{}}
	for _, r := range rows {
		item := a.Database[r.Video]
		if item == nil {
			item = &activityItem{Subset: "training"}
			a.Database[r.Video] = item
		}
		item.Annotations = append(item.Annotations, activityLabel{newPair(r.Start, r.End), r.Label})
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
			rows = append(rows, Row{Video: video, Start: start, End: end, Label: x.Label})
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return strings.Compare(a.Video, b.Video) })
	return rows, nil
}

// task is a task of Label Studio.
type task struct {
	Data struct {
		Video string `json:"video"`
	} `json:"data"`
	Annotations []annotation `json:"annotations"`
}

type annotation struct {
	Skipped bool     `json:"was_cancelled,omitempty"` //nolint:misspell // Label Studio's key
	Result  []region `json:"result"`
}

// region is a span in seconds (type labels) or in frames from 1 on (type timelinelabels).
type region struct {
	From  string `json:"from_name"`
	To    string `json:"to_name"`
	Type  string `json:"type"`
	Value struct {
		Start    *float64 `json:"start,omitempty"`
		End      *float64 `json:"end,omitempty"`
		Labels   []string `json:"labels,omitempty"`
		Ranges   []frames `json:"ranges,omitempty"`
		Timeline []string `json:"timelinelabels,omitempty"`
	} `json:"value"`
}

type frames struct {
	Start *float64 `json:"start"`
	End   *float64 `json:"end"`
}

func writeLabelStudio(w io.Writer, rows []Row, _ Options) error {
	tasks := []*task{}
	for _, r := range rows {
		if n := len(tasks); n == 0 || tasks[n-1].Data.Video != r.Video {
			t := &task{Annotations: []annotation{{}}}
			t.Data.Video = r.Video
			tasks = append(tasks, t)
		}
		x := region{From: "label", To: "video", Type: "labels"}
		x.Value.Start, x.Value.End, x.Value.Labels = &r.Start, &r.End, []string{r.Label}
		results := &tasks[len(tasks)-1].Annotations[0].Result
		*results = append(*results, x)
	}
	return writeJSON(w, tasks)
}

func readLabelStudio(data []byte, o Options) (rows []Row, err error) {
	fps := o.Rate
	var tasks []task
	if err := json.Unmarshal(data, &tasks); err != nil {
		return nil, err
	}
	for i, t := range tasks {
		if t.Annotations == nil {
			return nil, fmt.Errorf("task %d has no \"annotations\"; export tasks from Label Studio as JSON, not as JSON-MIN", i+1)
		}
		for _, a := range t.Annotations {
			if a.Skipped {
				continue
			}
			for _, x := range a.Result {
				v := x.Value
				for _, label := range v.Labels {
					if v.Start == nil || v.End == nil {
						return nil, fmt.Errorf("a label of task %d has no start or no end", i+1)
					}
					rows = append(rows, Row{Video: t.Data.Video, Start: *v.Start, End: *v.End, Label: label})
				}
				if len(v.Timeline) > 0 && !(fps > 0) {
					return nil, fmt.Errorf("task %d counts frames, and the frame rate is unknown", i+1)
				}
				for _, label := range v.Timeline {
					for _, f := range v.Ranges {
						rows = append(rows, Row{Video: t.Data.Video, Start: max(0, needed(f.Start)-1) / fps, End: needed(f.End) / fps, Label: label})
					}
				}
			}
		}
	}
	return rows, nil
}

// writeJSON writes a file of one value.
func writeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	return out.Encode(v)
}

// hasKeys reports whether data are an object in JSON with all the keys.
func hasKeys(data []byte, keys ...string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(data, &object) == nil && !slices.ContainsFunc(keys, func(k string) bool { _, ok := object[k]; return !ok })
}
