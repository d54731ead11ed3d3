package feature

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/parquetfile"
)

// parquetTable is a Parquet file as a table.
type parquetTable struct{ *parquetfile.File }

func openParquet(r io.ReaderAt, size int64) (table, error) {
	f, err := parquetfile.Open(r, size)
	return parquetTable{f}, err
}

// maxWidth is the length of the longest vector that is read.
const maxWidth = 1 << 20

func (f parquetTable) Close() error { return nil }

func (f parquetTable) EachText(column string, do func(row int, s string) error) error {
	return f.Each(column, func(row int, v parquet.Value) error {
		s, err := parquetfile.Text(v)
		if err != nil {
			return err
		}
		return do(row, s)
	})
}

func (f parquetTable) EachTime(column string, do func(row int, seconds float64) error) error {
	unit, err := f.PerSecond(column)
	if err != nil {
		return err
	}
	number, err := f.NumberOf(column)
	if err != nil {
		return err
	}
	return f.Each(column, func(row int, v parquet.Value) error {
		t, err := number(v)
		if err == nil && int64(row) >= f.Rows() {
			err = parquetfile.ErrDamaged
		}
		if err != nil {
			return err
		}
		return do(row, t/unit)
	})
}

func (f parquetTable) EachVector(column string, do func(row int, v []float32) error) error {
	if err := f.CheckList(column); err != nil {
		return err
	}
	if err := f.CheckNumbers(column); err != nil {
		return err
	}
	number, err := f.NumberOf(column)
	if err != nil {
		return err
	}
	var vector []float32
	last := 0 // row of the vector
	err = f.Values(column, func(row int, v parquet.Value) error {
		x, err := number(v)
		switch {
		case v.Kind() == parquet.Int32 || v.Kind() == parquet.Int64:
			return fmt.Errorf("frame %d has integers instead of floating-point numbers", row)
		case err != nil:
			return fmt.Errorf("frame %d: %w", row, err)
		case int64(row) >= f.Rows():
			return parquetfile.ErrDamaged
		case row > last:
			if err := do(last, vector); err != nil {
				return err
			}
			vector, last = vector[:0], row
		case len(vector) == maxWidth:
			return fmt.Errorf("frame %d has more than %d numbers", row, maxWidth)
		}
		vector = append(vector, float32(x))
		return nil
	})
	if err != nil || len(vector) == 0 {
		return err
	}
	return do(last, vector)
}
