package feature

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/arrowfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/jsonl"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/parquetfile"
	"github.com/clipcue/clipcue/internal/text"
)

// frameRow is a frame in a Parquet, Arrow or JSONL file.
type frameRow struct {
	Video  string      `parquet:"video,dict" json:"video"` // ID of the sequence
	Time   jsonl.Float `parquet:"time" json:"time"`        // seconds
	Vector []float32   `parquet:"vector,list" json:"vector"`
}

// tableAbout describes a sequence in the metadata of a Parquet or Arrow file.
type tableAbout struct {
	Kind       string      `json:"kind"`
	Unit       string      `json:"unit"`
	Width      int         `json:"width"`
	Provenance *Provenance `json:"provenance,omitempty"`
}

const tableKind = "features"

func (q *Sequence) rows(yield func(frameRow, error) bool) {
	video := text.Escape(q.ID)
	for i, t := range q.Timestamps {
		if !yield(frameRow{video, jsonl.Float(t), q.Row(i)}, nil) {
			return
		}
	}
}

func (q *Sequence) about() tableAbout {
	return tableAbout{tableKind, parquetfile.Unit, q.Width, &q.Provenance}
}

// Names of the columns of tables from other programs.
var (
	vectorColumns = []string{"vector", "features", "feature", "embedding", "embeddings"}
	timeColumns   = [...]string{"time", "timestamp", "timestamps"}
)

// table is a file of columns. Its methods call do for each row, and stop at an error. A vector is
// valid until do returns.
type table interface {
	io.Closer
	About() string
	Columns() []string
	Rows() int64 // that the file declares
	EachText(column string, do func(row int, s string) error) error
	EachTime(column string, do func(row int, seconds float64) error) error
	EachVector(column string, do func(row int, v []float32) error) error
}

// tableReader returns a function that reads a file of columns with the frames of one video.
func tableReader(open func(r io.ReaderAt, size int64) (table, error)) func(path string) (arrays, error) {
	return func(path string) (out arrays, err error) {
		r, size, err := input.OpenSized(path)
		if err != nil {
			return out, err
		}
		defer r.Close()
		f, err := open(r, size)
		if err != nil {
			return out, err
		}
		defer f.Close()
		return readTable(f)
	}
}

func readTable(f table) (out arrays, err error) {
	columns, err := columnsOf(f.Columns())
	if err != nil {
		return out, err
	}
	var t frames
	release := func() {}
	defer func() { release() }()
	err = f.EachVector(columns.vector, func(row int, v []float32) error {
		if row == 0 {
			// They are in a batch of rows, too, and in the file that is written.
			bytes := min(3*4*float64(f.Rows())*float64(len(v)), 1<<62)
			if release, err = memory.Request(int64(bytes), fmt.Sprintf("%d frames of width %d", f.Rows(), len(v))); err != nil {
				return err
			}
			t.features = make([]float32, 0, f.Rows()*int64(len(v)))
		}
		return t.add(v)
	})
	if err == nil && columns.video != "" {
		err = f.EachText(columns.video, func(_ int, s string) error { return t.of(s) })
	}
	if err == nil {
		t.times, err = readTimes(f, columns.times)
	}
	if err != nil {
		return out, err
	}
	if out, err = t.arrays(); err != nil {
		return out, err
	}
	var about tableAbout
	err = parquetfile.CheckAbout(f.About(), tableKind, &about)
	out.provenance = about.Provenance
	return out, err
}

// readTimes returns the timestamps in the columns of a table, which must be equal; nil if it has none.
func readTimes(f table, columns [len(timeColumns)]string) (times []float64, err error) {
	first := ""
	for _, name := range columns {
		if name == "" {
			continue
		}
		var all []float64
		err := f.EachTime(name, func(_ int, seconds float64) error {
			all = append(all, seconds)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if first != "" && !slices.Equal(all, times) {
			return nil, differentTimes(first, name)
		}
		first, times = name, all
	}
	return times, nil
}

func differentTimes(a, b string) error {
	return fmt.Errorf("%q and %q have different times; remove one", a, b)
}

// frameColumns are the names of a table's columns, "" for those that it does not have.
type frameColumns struct {
	vector, video string
	times         [len(timeColumns)]string // must be equal
}

// columnsOf finds the columns among the names of a table.
func columnsOf(names []string) (c frameColumns, err error) {
	if c.vector, err = columnOf(names, vectorColumns); err != nil {
		return c, err
	}
	if c.vector == "" {
		return c, fmt.Errorf("it has no column %s; it has %s", vectorColumns[0], strings.Join(names, ", "))
	}
	for i, n := range timeColumns {
		if c.times[i], err = columnOf(names, []string{n}); err != nil {
			return c, err
		}
	}
	if c.times == (frameColumns{}).times {
		if err := checkTimeNames("column", names, timeColumns[0]); err != nil {
			return c, err
		}
	}
	c.video, err = columnOf(names, []string{"video"})
	return c, err
}

// columnOf returns the name that is among some. The first of those goes before the others, of which there must be
// one at most. Another name that differs from it only in case is an error.
func columnOf(names, some []string) (string, error) {
	var found []string
	for _, n := range names {
		if slices.Contains(some, n) {
			found = append(found, n)
		}
	}
	first := func(n string) bool { return n == some[0] }
	if n := len(found); n > 1 && slices.ContainsFunc(found, first) {
		found = slices.DeleteFunc(found, func(n string) bool { return !first(n) })
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		for _, n := range names {
			if n != found[0] && strings.EqualFold(n, found[0]) {
				return "", fmt.Errorf("its columns %s and %.200q differ only in case; remove one", found[0], n)
			}
		}
		return found[0], nil
	}
	return "", fmt.Errorf("it has the columns %s; name the right one %s", strings.Join(found, ", "), some[0])
}

func openArrow(r io.ReaderAt, size int64) (table, error) { return arrowfile.Open(r, size) }
