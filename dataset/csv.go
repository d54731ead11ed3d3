package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// csvTable reads CSV with a header and returns its fields by column name.
type csvTable struct {
	r       *csv.Reader
	limit   *recordLimit
	count   rowCount
	name    string
	columns map[string]int
	record  []string
	line    int
}

// newCSVTable reads the header. A column that is not known, if known is not nil, and a
// missing one that is needed, are errors.
func newCSVTable(r io.Reader, name string, known, needed []string) (*csvTable, error) {
	limit := &recordLimit{r: r}
	in := bufio.NewReader(limit)
	start, _ := in.Peek(in.Size())
	t := &csvTable{r: csv.NewReader(in), limit: limit, name: name, columns: map[string]int{}}
	t.r.Comma = text.Separator(start)
	t.r.FieldsPerRecord = -1 // checked in next, with a message that has both numbers
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
		c = strings.ToLower(text.Key(c))
		if known != nil && !slices.Contains(known, c) {
			return nil, t.errorf("unknown column %.200q; %s", c, header)
		}
		if _, twice := t.columns[c]; twice {
			return nil, t.errorf("there are two columns %q", c)
		}
		t.columns[c] = i
	}
	for _, c := range needed {
		_, ok := t.columns[c]
		if _, video := t.columns["video"]; !ok && !(c == "path" && video) {
			return nil, t.errorf("column %q is missing; %s", c, header)
		}
	}
	return t, nil
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// next reads a record, and returns false at the end.
func (t *csvTable) next() (bool, error) {
	var err error
	t.limit.record = 0
	t.record, err = t.r.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
		t.line = syntax.StartLine
		return false, t.errorf("column %d: %w", syntax.Column, syntax.Err)
	}
	if err != nil {
		t.line++
		return false, t.errorf("%w", err)
	}
	t.line, _ = t.r.FieldPos(0)
	if err := t.count.add(t.r.InputOffset() - t.count.bytes); err != nil {
		return false, t.errorf("%w", err)
	}
	for _, f := range t.record {
		if err := checkText(f); err != nil {
			return false, t.errorf("%w", err)
		}
	}
	if n := len(t.columns); n > 0 && len(t.record) != n {
		return false, t.errorf("%d fields where the header has %d; a field with a %q needs double quotes", len(t.record), n, t.r.Comma)
	}
	return true, nil
}

// field returns the trimmed field of a column, or "" if there is no such column.
func (t *csvTable) field(column string) string {
	if i, ok := t.columns[column]; ok {
		return strings.TrimSpace(t.record[i])
	}
	return ""
}

// cell is field for a column in which exported marks have an apostrophe before what spreadsheets would run.
func (t *csvTable) cell(column string) string { return text.Uncell(t.field(column)) }

// checkVideoColumn returns an error unless the table has one column of videos: video or path.
func (t *csvTable) checkVideoColumn() error {
	_, video := t.columns["video"]
	_, path := t.columns["path"]
	if video == path {
		return t.errorf("the first line must have one column video (or path)")
	}
	return nil
}

// negative reports whether a line is a mark of what does not show its label.
func (t *csvTable) negative() (bool, error) {
	field := t.field("negative")
	if field == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(field)
	if err != nil {
		return false, t.errorf("negative %q is neither true nor false", field)
	}
	return b, nil
}

// seconds returns the field of a column as a time. An empty field is 0.
func (t *csvTable) seconds(column string) (float64, error) {
	text := t.field(column)
	if text == "" {
		return 0, nil
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number of seconds", column, text)
	}
	return s, nil
}

func (t *csvTable) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", t.name, t.line, fmt.Errorf(format, args...))
}

// recordLimit fails when a record has more than maxLine bytes: a line of commas, or a
// quotation mark without its counterpart, would take many times its size as memory.
type recordLimit struct {
	r      io.Reader
	record int // bytes read since the record started, and up to a buffer before it
}

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.record > maxLine {
		return 0, fmt.Errorf("%w: a record of more than %d bytes", ErrNotAnnotations, maxLine)
	}
	n, err := l.r.Read(p)
	l.record += n
	return n, err
}
