// Package parquetfile reads and writes Parquet files of plain columns and lists of numbers.
//
// Sizes in a file are checked before package parquet uses them, because it allocates what
// they claim: those of the metadata in thrift.go, those of the pages in pages.go.
package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Key is the key of what [Write] is given about a file, in the file's metadata.
const Key = "clipcue"

// ErrDamaged reports a file that is not Parquet, cut off, or contradicts itself.
var ErrDamaged = errors.New("damaged Parquet file")

// File is an open Parquet file.
type File struct {
	file *parquet.File
	r    io.ReaderAt
	size int64
}

// Open opens a file of size bytes.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer damaged(&err)
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &File{file, r, size}, nil
}

// damaged makes a panic of package parquet an ErrDamaged.
func damaged(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, r)
	}
}

// Rows returns the number of rows that the file declares.
func (f *File) Rows() int64 { return f.file.NumRows() }

// About returns what Write was given, or "".
func (f *File) About() string { return f.Lookup(Key) }

// Lookup returns a value of the file's metadata, or "".
func (f *File) Lookup(key string) string {
	s, _ := f.file.Lookup(key)
	return s
}

// Columns returns the names of the columns.
func (f *File) Columns() (out []string) {
	for _, c := range f.file.Root().Columns() {
		out = append(out, c.Name())
	}
	return out
}

// Has reports whether the file has a column.
func (f *File) Has(column string) bool { return slices.Contains(f.Columns(), column) }

// HasField reports whether a column is a structure with a field.
func (f *File) HasField(column, field string) bool {
	c := f.file.Root().Column(column)
	return c != nil && !c.Leaf() && c.Column(field) != nil
}

// isList reports whether a column is a group with a list of values.
func isList(c *parquet.Column) bool {
	logical := c.Type().LogicalType()
	if c.Leaf() || logical == nil {
		return false
	}
	_, ok := logical.Value.(*format.ListType)
	return ok
}

// CheckList returns an error for a column that does not have a list of values in each row.
func (f *File) CheckList(column string) error {
	c, err := f.leaf(column)
	if err == nil && c.MaxRepetitionLevel() != 1 {
		err = fmt.Errorf("column %q has plain values instead of lists", column)
	}
	return err
}

// leaf returns the column that holds the values of a column: itself, those of its list, or
// the field of a structure after a dot.
func (f *File) leaf(name string) (*parquet.Column, error) {
	c := f.file.Root().Column(name)
	if column, field, ok := strings.Cut(name, "."); c == nil && ok && f.HasField(column, field) {
		c = f.file.Root().Column(column).Column(field)
	}
	if c != nil && isList(c) {
		for depth := 0; !c.Leaf() && len(c.Columns()) == 1 && depth < 2; depth++ {
			c = c.Columns()[0]
		}
	}
	if c == nil || !c.Leaf() {
		return nil, fmt.Errorf("it has no column %q of plain values or lists", name)
	}
	return c, nil
}

// Values calls do with each value of a column and its row. Lists have a value for each
// element, and empty ones have null. The value is valid until do returns.
func (f *File) Values(column string, do func(row int, v parquet.Value) error) error {
	c, err := f.leaf(column)
	if err != nil {
		return err
	}
	row := -1
	for i, g := range f.file.RowGroups() {
		if err = f.checkPages(i, c.Index()); err == nil {
			err = eachPage(g.ColumnChunks()[c.Index()].Pages(), func(v parquet.Value) error {
				if v.RepetitionLevel() == 0 {
					row++
				}
				return do(max(row, 0), v)
			})
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", column, err)
		}
	}
	return nil
}

// Each is Values for a column with at most one value in each row. More are an error.
func (f *File) Each(column string, do func(row int, v parquet.Value) error) error {
	return f.Values(column, func(row int, v parquet.Value) error {
		if v.RepetitionLevel() > 0 {
			return fmt.Errorf("row %d has several values instead of one", row)
		}
		return do(row, v)
	})
}

func eachPage(pages parquet.Pages, do func(parquet.Value) error) (err error) {
	defer damaged(&err)
	defer pages.Close()
	buffer := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		values := page.Values()
		for err == nil {
			var n int
			n, err = values.ReadValues(buffer)
			for _, v := range buffer[:n] {
				if err := do(v); err != nil {
					return err
				}
			}
		}
		parquet.Release(page)
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
}

// Number returns a value of a column of numbers. Null is not a number.
func Number(v parquet.Value) (float64, error) {
	switch v.Kind() {
	case parquet.Float:
		return float64(v.Float()), nil
	case parquet.Double:
		return v.Double(), nil
	case parquet.Int32:
		return float64(v.Int32()), nil
	case parquet.Int64:
		return float64(v.Int64()), nil
	}
	return 0, fmt.Errorf("a value is %s instead of a number", kind(v))
}

// NumberOf returns [Number] for a column, which also reads FLOAT16 if the column has that type.
func (f *File) NumberOf(column string) (func(parquet.Value) (float64, error), error) {
	c, err := f.leaf(column)
	if err != nil {
		return nil, err
	}
	if !f.isHalf(c) {
		return Number, nil
	}
	return func(v parquet.Value) (float64, error) {
		if v.IsNull() || len(v.ByteArray()) != 2 {
			return Number(v)
		}
		return float64(float16.FromLEBytes(v.ByteArray()).Float32()), nil
	}, nil
}

// isHalf reports whether a column has the type FLOAT16, which only the metadata say: package parquet reads
// two bytes.
func (f *File) isHalf(c *parquet.Column) bool {
	leaf := 0
	for _, e := range f.file.Metadata().Schema {
		if !e.Type.Valid { // a group
			continue
		}
		if _, half := e.LogicalType.Value.(*format.Float16Type); leaf == c.Index() {
			return half
		}
		leaf++
	}
	return false
}

// Text returns a value of a column of text, "" for null.
func Text(v parquet.Value) (string, error) {
	switch {
	case v.IsNull():
		return "", nil
	case v.Kind() != parquet.ByteArray:
		return "", fmt.Errorf("a value is %s instead of text", kind(v))
	case len(v.ByteArray()) > maxText:
		return "", fmt.Errorf("a text has %d bytes, more than %d", len(v.ByteArray()), maxText)
	}
	return string(v.ByteArray()), nil
}

// TimeUnit returns the unit of a column of timestamps, 0 for other columns.
func (f *File) TimeUnit(column string) time.Duration {
	c, err := f.leaf(column)
	if err != nil || c.Type().LogicalType() == nil {
		return 0
	}
	t, ok := c.Type().LogicalType().Value.(*format.TimestampType)
	if !ok || t.Unit.Value == nil {
		return 0
	}
	return t.Unit.Value.Duration()
}

// Time returns a value of a column of timestamps.
func Time(v parquet.Value, unit time.Duration) time.Time {
	n, second := v.Int64(), int64(time.Second/unit)
	return time.Unix(n/second, n%second*int64(unit)).UTC()
}

// maxText is the size of the longest text that is read, in bytes: many rows can refer to
// one text in a small file.
const maxText = 1 << 16

func kind(v parquet.Value) string {
	if v.IsNull() {
		return "null"
	}
	return v.Kind().String()
}
