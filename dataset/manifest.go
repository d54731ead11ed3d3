package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// manifestKeys are the columns of a CSV manifest and the keys of a JSONL one.
var manifestKeys = []string{"path", "label", "split", "start", "end"}

func loadCSV(path string, _ Options) (parsed, error)   { return readFile(path, parseCSV) }
func loadJSONL(path string, _ Options) (parsed, error) { return readFile(path, parseJSONL) }

// csvTable reads CSV with a header and hands out its fields by column name.
type csvTable struct {
	r       *csv.Reader
	name    string
	columns map[string]int
	record  []string
	line    int
}

// newCSVTable reads the header. Columns other than those known are an error, and
// so is the lack of one that is needed.
func newCSVTable(r io.Reader, name string, known, needed []string) (*csvTable, error) {
	b := bufio.NewReader(r)
	if start, _ := b.Peek(len(byteOrderMark)); bytes.Equal(start, byteOrderMark) {
		b.Discard(len(byteOrderMark))
	}
	t := &csvTable{r: csv.NewReader(b), name: name, columns: map[string]int{}}
	t.r.FieldsPerRecord = -1 // checked here, with a message that helps
	t.r.ReuseRecord = true
	t.r.TrimLeadingSpace = true
	header := fmt.Sprintf("the first line has to name the columns %s", strings.Join(needed, ","))
	if more := without(known, needed); more != nil {
		header += fmt.Sprintf(" and may add %s", strings.Join(more, ","))
	}
	if ok, err := t.next(); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("%s: empty file; %s", name, header)
	}
	for i, c := range t.record {
		c = strings.ToLower(strings.TrimSpace(c))
		if !slices.Contains(known, c) {
			hint := ""
			if strings.ContainsAny(c, ";\t") {
				hint = " (separate columns with commas)"
			}
			return nil, t.errorf("unknown column %q%s; %s", c, hint, header)
		}
		if _, twice := t.columns[c]; twice {
			return nil, t.errorf("column %q stands twice", c)
		}
		t.columns[c] = i
	}
	for _, c := range needed {
		if _, ok := t.columns[c]; !ok {
			return nil, t.errorf("column %q is missing; %s", c, header)
		}
	}
	return t, nil
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// next reads a record; false at the end.
func (t *csvTable) next() (bool, error) {
	var err error
	t.record, err = t.r.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		t.line = syntax.StartLine
		return false, t.errorf("column %d: %w", syntax.Column, syntax.Err)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.name, err)
	}
	t.line, _ = t.r.FieldPos(0)
	for _, f := range t.record {
		if err := checkText(f); err != nil {
			return false, t.errorf("%w", err)
		}
	}
	if n := len(t.columns); n > 0 && len(t.record) != n {
		return false, t.errorf("%d fields where the header has %d; a field with a comma needs double quotes", len(t.record), n)
	}
	return true, nil
}

// field returns the trimmed field of a column, "" where there is no such column.
func (t *csvTable) field(column string) string {
	if i, ok := t.columns[column]; ok {
		return strings.TrimSpace(t.record[i])
	}
	return ""
}

func (t *csvTable) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", t.name, t.line, fmt.Errorf(format, args...))
}

func parseCSV(r io.Reader, name string) (parsed, error) {
	t, err := newCSVTable(r, name, manifestKeys, manifestKeys[:2])
	if err != nil {
		return parsed{}, err
	}
	var p parsed
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return p, err
		}
		s := Sample{Path: t.field("path"), Label: t.field("label"), Split: t.field("split")}
		if s.Start, err = seconds("start", t.field("start")); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		if s.End, err = seconds("end", t.field("end")); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		if err := s.check(); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		p.samples = append(p.samples, s)
	}
}

// seconds reads a time; an empty one is 0.
func seconds(key, text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	t, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number of seconds", key, text)
	}
	return t, nil
}

func parseJSONL(r io.Reader, name string) (parsed, error) {
	var p parsed
	err := eachLine(r, name, func(_ int, text string) error {
		var row struct {
			Path  string  `json:"path"`
			Label string  `json:"label"`
			Split string  `json:"split"`
			Start float64 `json:"start"`
			End   float64 `json:"end"`
		}
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&row); err != nil {
			var mistyped *json.UnmarshalTypeError
			if errors.As(err, &mistyped) && mistyped.Field != "" {
				return fmt.Errorf("%s cannot be a %s", mistyped.Field, mistyped.Value)
			}
			return fmt.Errorf("%w; a line has to be an object with the keys %s", err, strings.Join(manifestKeys, ", "))
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return errors.New("more than one object in a line")
		}
		s := Sample{
			Path: strings.TrimSpace(row.Path), Label: strings.TrimSpace(row.Label),
			Split: strings.TrimSpace(row.Split), Start: row.Start, End: row.End,
		}
		if err := s.check(); err != nil {
			return err
		}
		p.samples = append(p.samples, s)
		return nil
	})
	return p, err
}

// check refuses what a manifest may not say and gives the split its plain name.
func (s *Sample) check() error {
	if err := s.checkVideo(); err != nil {
		return err
	}
	if err := checkLabel(s.Label); err != nil {
		return fmt.Errorf("%q: %w", s.Path, err)
	}
	return nil
}

// checkVideo is check for all but the label.
func (s *Sample) checkVideo() error {
	if s.Path == "" {
		return errors.New("path is empty")
	}
	if strings.ContainsFunc(s.Path, unicode.IsControl) {
		return fmt.Errorf("path %q holds a control character", s.Path)
	}
	if s.Split != "" {
		split, ok := splitName(s.Split)
		if !ok {
			return fmt.Errorf("split %q is none of train, val, test", s.Split)
		}
		s.Split = split
	}
	for _, t := range []float64{s.Start, s.End} {
		if t < 0 || math.IsNaN(t) || math.IsInf(t, 0) {
			return fmt.Errorf("time %g of %q is not a number of seconds from 0", t, s.Path)
		}
	}
	if s.End != 0 && s.Start >= s.End {
		return fmt.Errorf("start %g of %q is not before its end %g", s.Start, s.Path, s.End)
	}
	return nil
}

// checkLabel refuses what cannot become a prompt or a line of a table.
func checkLabel(label string) error {
	if Canonical(label) == "" {
		return errors.New("label is empty")
	}
	if !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
		return fmt.Errorf("label %q is not plain text", label)
	}
	return nil
}

// detectCSV tells Kinetics lists from manifests by the header.
func detectCSV(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	header, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if strings.Contains(header, "youtube_id") {
		return "kinetics", nil
	}
	return "csv", nil
}
