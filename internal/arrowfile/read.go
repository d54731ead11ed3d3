package arrowfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	limits "github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/parquetfile"
)

// ErrDamaged is wrapped by the error for a file that is not a valid file of Arrow.
var ErrDamaged = errors.New("damaged Arrow file")

// Read calls do with each batch of rows in the content of a file. about is what [Write] was given, "" in files of
// other programs. Buffers that are decompressed count in the process's memory budget while Read runs.
func Read(data []byte, do func(about string, batch arrow.RecordBatch) error) (err error) {
	counted := &budget{}
	defer counted.release()
	defer func() {
		switch r := recover().(type) { // the library panics on damaged buffers
		case nil:
		case overBudget:
			err = r.error
		default:
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	r, err := ipc.NewFileReader(bytes.NewReader(data), ipc.WithAllocator(counted))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer func() { _ = r.Close() }() // it only reads memory
	about, _ := r.Schema().Metadata().GetValue(parquetfile.Key)
	for i := range r.NumRecords() {
		batch, err := r.RecordBatch(i)
		if err != nil {
			return fmt.Errorf("%w: batch %d: %w", ErrDamaged, i, err)
		}
		err = do(about, batch)
		batch.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// copies is how often numbers of a buffer are in memory at most: as in the file, and as a caller collects
// them.
const copies = 3

// budget requests what a file makes a reader allocate.
type budget struct {
	memory.GoAllocator
	releases []func()
}

// overBudget is the panic of an allocation that does not fit.
type overBudget struct{ error }

func (b *budget) spend(n int) {
	release, err := limits.Request(copies*int64(n), "an Arrow file")
	if err != nil {
		panic(overBudget{err})
	}
	b.releases = append(b.releases, release)
}

func (b *budget) release() {
	for _, r := range b.releases {
		r()
	}
}

// Allocate implements memory.Allocator.
func (b *budget) Allocate(n int) []byte {
	b.spend(n)
	return b.GoAllocator.Allocate(n)
}

// Reallocate implements memory.Allocator.
func (b *budget) Reallocate(n int, old []byte) []byte {
	b.spend(max(n-len(old), 0))
	return b.GoAllocator.Reallocate(n, old)
}

// Vectors returns the numbers of a column of lists, and the length of each list.
func Vectors(column arrow.Array) (all []float32, lengths []int, err error) {
	lists, ok := column.(array.ListLike)
	if !ok {
		return nil, nil, fmt.Errorf("values are %s instead of lists of numbers", column.DataType())
	}
	if lists.NullN() > 0 {
		return nil, nil, errors.New("a list is missing")
	}
	values, err := floats(lists.ListValues())
	if err != nil {
		return nil, nil, err
	}
	for i := range lists.Len() {
		from, to := lists.ValueOffsets(i)
		if int64(len(all))+to-from > int64(len(values)) {
			return nil, nil, fmt.Errorf("%w: its lists overlap", ErrDamaged)
		}
		all, lengths = append(all, values[from:to]...), append(lengths, int(to-from))
	}
	return all, lengths, nil
}

// Seconds returns a column of times since the start of a video.
func Seconds(column arrow.Array) ([]float64, error) {
	d, ok := column.(*array.Duration)
	if !ok || d.NullN() > 0 {
		return numbers(column)
	}
	unit := d.DataType().(*arrow.DurationType).Unit.Multiplier().Seconds()
	out := widen(d.DurationValues())
	for i := range out {
		out[i] *= unit
	}
	return out, nil
}

// Texts returns a column of text.
func Texts(column arrow.Array) ([]string, error) {
	if d, ok := column.(*array.Dictionary); ok { // such as categories of pandas
		values, err := Texts(d.Dictionary())
		if err != nil {
			return nil, err
		}
		out := make([]string, d.Len())
		for i := range out {
			out[i] = values[d.GetValueIndex(i)]
		}
		return out, nil
	}
	texts, ok := column.(array.StringLike)
	if !ok {
		return nil, fmt.Errorf("values are %s instead of text", column.DataType())
	}
	out := make([]string, texts.Len())
	for i := range out {
		out[i] = texts.Value(i)
	}
	return out, nil
}

// floats returns a column of numbers as float32.
func floats(column arrow.Array) ([]float32, error) {
	if c, ok := column.(*array.Float32); ok && c.NullN() == 0 {
		return c.Float32Values(), nil
	}
	wide, err := numbers(column)
	out := make([]float32, len(wide))
	for i, x := range wide {
		out[i] = float32(x)
	}
	return out, err
}

// numbers returns a column of numbers.
func numbers(column arrow.Array) (out []float64, err error) {
	if column.NullN() > 0 {
		return nil, errors.New("a number is missing")
	}
	if _, ok := column.(*array.Dictionary); ok {
		return nil, errors.New("values are a dictionary instead of numbers")
	}
	switch c := column.(type) {
	case *array.Float32:
		return widen(c.Float32Values()), nil
	case *array.Float64:
		return widen(c.Float64Values()), nil
	case *array.Int64:
		return widen(c.Int64Values()), nil
	case *array.Int32:
		return widen(c.Int32Values()), nil
	case *array.Float16:
		for _, x := range c.Values() {
			out = append(out, float64(x.Float32()))
		}
		return out, nil
	}
	return nil, fmt.Errorf("values are %s instead of numbers", column.DataType())
}

func widen[T ~float32 | ~float64 | ~int64 | ~int32](values []T) []float64 {
	out := make([]float64, len(values))
	for i, x := range values {
		out[i] = float64(x)
	}
	return out
}
