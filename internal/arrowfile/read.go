package arrowfile

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/clipcue/clipcue/internal/parquetfile"
)

// ErrDamaged is wrapped by the error for a file that is not a valid file of Arrow.
var ErrDamaged = errors.New("damaged Arrow file")

// most is the memory that a file of a size may take beyond the file itself, in bytes, when its buffers are
// compressed.
func most(size int) int64 { return 256<<20 + 16*int64(size) }

// Read calls do with each batch of rows in the content of a file. about is what [Write] was given, "" in files of
// other programs.
func Read(data []byte, do func(about string, batch arrow.RecordBatch) error) (err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on damaged buffers
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	r, err := ipc.NewMappedFileReader(data, ipc.WithAllocator(&budget{left: most(len(data))}))
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

// budget limits what a file makes a reader allocate.
type budget struct {
	memory.GoAllocator
	left int64
}

func (b *budget) spend(n int) {
	if b.left -= int64(n); n < 0 || b.left < 0 {
		panic("its buffers expand to far more than its size")
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
	for i := range lists.Len() {
		from, to := lists.ValueOffsets(i)
		values, err := numbers(array.NewSlice(lists.ListValues(), from, to))
		if err != nil {
			return nil, nil, err
		}
		if len(all)+len(values) > lists.ListValues().Len() {
			return nil, nil, fmt.Errorf("%w: its lists overlap", ErrDamaged)
		}
		for _, x := range values {
			all = append(all, float32(x))
		}
		lengths = append(lengths, len(values))
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

// numbers returns a column of numbers.
func numbers(column arrow.Array) (out []float64, err error) {
	if column.NullN() > 0 {
		return nil, errors.New("a number is missing")
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
