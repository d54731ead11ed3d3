package markfile

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/parquetfile"
)

// parquetRow has the columns of a Parquet file. Negative, author, time and score may be
// missing in a file that is read.
type parquetRow struct {
	Video    string     `parquet:"video,dict"`
	Start    float64    `parquet:"start"` // seconds
	End      float64    `parquet:"end"`
	Label    string     `parquet:"label,dict"`
	Negative bool       `parquet:"negative"`
	Author   *string    `parquet:"author,optional,dict"`
	Time     *time.Time `parquet:"time,optional,timestamp(nanosecond)"`
	Score    *float64   `parquet:"score,optional"`
}

const tableKind = "marks"

func writeParquet(w io.Writer, rows []Row, _ Options) error {
	about := map[string]string{"kind": tableKind, "unit": parquetfile.Unit}
	return parquetfile.Write(w, about, func(yield func(parquetRow, error) bool) {
		for _, r := range rows {
			out := parquetRow{Video: r.Video, Start: r.Start, End: r.End, Label: r.Label, Negative: r.Negative, Score: r.Score}
			if r.Author != "" {
				out.Author = &r.Author
			}
			if !r.Time.IsZero() {
				out.Time = &r.Time
			}
			if !yield(out, nil) {
				return
			}
		}
	})
}

// parquetColumns set a field of a row from a value that is not null.
var parquetColumns = map[string]func(r *Row, v parquet.Value) error{
	"video":  setText(func(r *Row) *string { return &r.Video }),
	"path":   setText(func(r *Row) *string { return &r.Video }),
	"label":  setText(func(r *Row) *string { return &r.Label }),
	"author": setText(func(r *Row) *string { return &r.Author }),
	"split":  setText(func(r *Row) *string { return &r.Split }),
	"score":  setNumber(func(r *Row, x float64) { r.Score = &x }),
	"negative": func(r *Row, v parquet.Value) error {
		if v.Kind() != parquet.Boolean {
			return fmt.Errorf("a value is %s instead of a boolean", v.Kind())
		}
		r.Negative = v.Boolean()
		return nil
	},
}

// nullable are the columns that may be null, which means that nothing is known.
var nullable = []string{"author", "time", scoreColumn, "split"}

func setText(field func(*Row) *string) func(*Row, parquet.Value) error {
	return func(r *Row, v parquet.Value) (err error) {
		*field(r), err = parquetfile.Text(v)
		return err
	}
}

func setNumber(set func(*Row, float64)) func(*Row, parquet.Value) error {
	return func(r *Row, v parquet.Value) error {
		x, err := parquetfile.Number(v)
		set(r, x)
		return err
	}
}

func readParquet(data []byte, o Options) (rows []Row, err error) {
	f, err := parquetfile.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if err := parquetfile.CheckAbout(f.About(), tableKind, &struct{}{}); err != nil {
		return nil, err
	}
	if n := f.Rows(); n < 0 || n > maxRows {
		return nil, errRows
	}
	rows = make([]Row, f.Rows())
	for i := range rows {
		rows[i].Start, rows[i].End = needed(nil), needed(nil)
	}
	for _, name := range columns[:required] {
		if !f.Has(name) && !(name == "video" && f.Has("path")) {
			return nil, fmt.Errorf("it has no column %s; it has %s", name, strings.Join(f.Columns(), ", "))
		}
	}
	names := f.Columns()
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("it has two columns of the same name: %s", strings.Join(names, ", "))
		}
		set, err := parquetColumn(f, name, o)
		if err != nil {
			return nil, err
		}
		if set == nil {
			continue
		}
		err = f.Each(name, func(i int, v parquet.Value) error {
			if i >= len(rows) {
				return fmt.Errorf("%w: more than the %d rows that it declares", parquetfile.ErrDamaged, len(rows))
			}
			switch {
			case !v.IsNull():
				return set(&rows[i], v)
			case !slices.Contains(nullable, name):
				return fmt.Errorf("span %d has no %s: it is null", i+1, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// parquetColumn returns what sets the field of a row from a value of a column, nil for other
// columns.
func parquetColumn(f *parquetfile.File, name string, o Options) (func(r *Row, v parquet.Value) error, error) {
	set := parquetColumns[name]
	switch name {
	case "time":
		if unit := f.TimeUnit(name); unit > 0 {
			return func(r *Row, v parquet.Value) error { r.Time = parquetfile.Time(v, unit); return nil }, nil
		}
		return func(r *Row, v parquet.Value) error {
			if v.Kind() != parquet.ByteArray {
				o.lost("dates that are neither timestamps nor text", 1)
				return nil
			}
			s, err := parquetfile.Text(v)
			if err == nil {
				r.Time, err = parseDate(s)
			}
			return err
		}, nil
	case scoreColumn:
		if err := f.CheckNumbers(name); err != nil {
			return nil, err
		}
	case "start", "end":
		unit, err := f.PerSecond(name)
		if err != nil {
			return nil, err
		}
		return func(r *Row, v parquet.Value) error {
			x, err := parquetfile.Number(v)
			if name == "start" {
				r.Start = x / unit
			} else {
				r.End = x / unit
			}
			return err
		}, nil
	}
	return set, nil
}
