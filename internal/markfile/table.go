package markfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// table is a table in CSV, after the line of column names.
type table struct {
	in     *csv.Reader
	at     map[string]int // column of a name in lower case; the first of several
	fields []string       // of the current line
}

func newTable(in *csv.Reader, names []string) table {
	t := table{in: in, at: map[string]int{}}
	for i, name := range slices.Backward(names) {
		t.at[strings.ToLower(strings.TrimSpace(name))] = i
	}
	return t
}

// next reads a line, and returns false at the end.
func (t *table) next() (more bool, err error) {
	if t.fields, err = t.in.Read(); errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

func (t *table) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := t.at[n]; return ok })
}

// field returns the first of the columns that is not empty.
func (t *table) field(names ...string) string {
	for _, n := range names {
		if i, ok := t.at[n]; ok && i < len(t.fields) && t.fields[i] != "" {
			return text.Uncell(strings.TrimSpace(t.fields[i]))
		}
	}
	return ""
}

// number returns the number in the first of the columns that is not empty.
func (t *table) number(names ...string) (float64, error) {
	x, err := parseNumber(t.field(names...))
	if err != nil {
		err = fmt.Errorf("column %s: %w", names[0], err)
	}
	return x, err
}

// located adds the number of the current line to an error.
func (t *table) located(err error) error {
	line, _ := t.in.FieldPos(0)
	return fmt.Errorf("line %d: %w", line, err)
}
