package arrowfile

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/parquetfile"
)

// ErrDamaged reports a file that is not Arrow, cut off, or contradicts itself.
var ErrDamaged = errors.New("damaged Arrow file")

// File is an open file. Lists, numbers and texts are read from columns of any type that has them.
type File struct {
	file *ipc.FileReader
	rows int64
}

// Open opens a file of size bytes. It has to be closed.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer damaged(&err)
	c := checker{r: r, size: size, dictionaries: map[int64]need{}}
	if err := c.check(); err != nil {
		return nil, err
	}
	file, err := ipc.NewFileReader(io.NewSectionReader(r, 0, size), ipc.WithAllocator(newAllocator(size)))
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	return &File{file, c.rows}, nil
}

// damaged returns a panic of package arrow as an error: ErrDamaged, or that of the allocator.
func damaged(err *error) {
	switch r := recover().(type) {
	case nil:
	case error:
		if *err = r; !errors.Is(r, memory.ErrBudget) {
			*err = fmt.Errorf("%w: %w", ErrDamaged, r)
		}
	default:
		*err = fmt.Errorf("%w: %v", ErrDamaged, r)
	}
}

// Close ends the use of a file.
func (f *File) Close() error { return f.file.Close() }

// Rows returns the number of rows that the file declares.
func (f *File) Rows() int64 { return f.rows }

// About returns what Write was given, or "".
func (f *File) About() string {
	s, _ := f.file.Schema().Metadata().GetValue(parquetfile.Key)
	return s
}

// Columns returns the names of the columns.
func (f *File) Columns() (out []string) {
	for _, c := range f.file.Schema().Fields() {
		out = append(out, c.Name)
	}
	return out
}

// each calls do for each row of a column, whose values are in an array at an index.
func (f *File) each(column string, do func(row int, a arrow.Array, i int) error) (err error) {
	defer damaged(&err)
	at := f.file.Schema().FieldIndices(column)
	if len(at) != 1 {
		return fmt.Errorf("it has %d columns %q", len(at), column)
	}
	row := 0
	for i := range f.file.NumRecords() {
		batch, err := f.file.RecordBatch(i)
		if err != nil {
			return fmt.Errorf("its rows cannot be read: %w", err)
		}
		a := batch.Column(at[0])
		if x, ok := a.(array.ExtensionArray); ok {
			a = x.Storage()
		}
		for i := range a.Len() {
			if err := do(row, a, i); err != nil {
				batch.Release()
				return fmt.Errorf("column %q, row %d: %w", column, row, err)
			}
			row++
		}
		batch.Release()
	}
	return nil
}

// EachText calls do with the text in each row of a column, "" for null.
func (f *File) EachText(column string, do func(row int, s string) error) error {
	return f.each(column, func(row int, a arrow.Array, i int) error {
		if d, ok := a.(*array.Dictionary); ok && d.IsValid(i) {
			a, i = d.Dictionary(), d.GetValueIndex(i)
		}
		if a.IsNull(i) {
			return do(row, "")
		}
		s, ok := a.(array.StringLike)
		if !ok {
			return fmt.Errorf("a value has the type %s instead of text", a.DataType())
		}
		return do(row, s.Value(i))
	})
}

// EachTime calls do with the seconds in each row of a column of numbers, durations or times
// of day.
func (f *File) EachTime(column string, do func(row int, seconds float64) error) error {
	return f.each(column, func(row int, a arrow.Array, i int) error {
		if a.IsNull(i) {
			return errors.New("a value is null instead of a number")
		}
		t, ok := seconds(a, i)
		if !ok {
			return fmt.Errorf("a value has the type %s instead of seconds; write the column as float64 in seconds", a.DataType())
		}
		return do(row, t)
	})
}

func seconds(a arrow.Array, i int) (t float64, ok bool) {
	units := func(n int64, u arrow.TimeUnit) (float64, bool) {
		return float64(n) / float64(time.Second/u.Multiplier()), true
	}
	switch x := a.(type) {
	case *array.Duration:
		return units(int64(x.Value(i)), x.DataType().(*arrow.DurationType).Unit)
	case *array.Time32:
		return units(int64(x.Value(i)), x.DataType().(*arrow.Time32Type).Unit)
	case *array.Time64:
		return units(int64(x.Value(i)), x.DataType().(*arrow.Time64Type).Unit)
	case *array.Int8:
		return float64(x.Value(i)), true
	case *array.Int16:
		return float64(x.Value(i)), true
	case *array.Int32:
		return float64(x.Value(i)), true
	case *array.Int64:
		return float64(x.Value(i)), true
	case *array.Uint8:
		return float64(x.Value(i)), true
	case *array.Uint16:
		return float64(x.Value(i)), true
	case *array.Uint32:
		return float64(x.Value(i)), true
	case *array.Uint64:
		return float64(x.Value(i)), true
	}
	return float(a, i)
}

func float(a arrow.Array, i int) (x float64, ok bool) {
	switch v := a.(type) {
	case *array.Float16:
		return float64(v.Value(i).Float32()), true
	case *array.Float32:
		return float64(v.Value(i)), true
	case *array.Float64:
		return v.Value(i), true
	}
	return math.NaN(), false
}

// EachVector calls do with the list of floating-point numbers in each row of a column. v is
// valid until do returns.
func (f *File) EachVector(column string, do func(row int, v []float32) error) error {
	var v []float32
	return f.each(column, func(row int, a arrow.Array, i int) error {
		list, ok := a.(array.ListLike)
		if !ok {
			return fmt.Errorf("a value has the type %s instead of a list of floating-point numbers", a.DataType())
		}
		if a.IsNull(i) {
			return errors.New("a list is null")
		}
		values := list.ListValues()
		from, to := list.ValueOffsets(i)
		v = v[:0]
		for j := int(from); j < int(to); j++ {
			x, ok := float(values, j)
			switch {
			case !ok:
				return fmt.Errorf("a list has values of type %s instead of floating-point numbers", values.DataType())
			case values.IsNull(j):
				return errors.New("a list has null instead of a number")
			}
			v = append(v, float32(x))
		}
		return do(row, v)
	})
}
