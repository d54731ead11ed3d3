package compute

import (
	"math"
	"sync"
	"unsafe"
)

// byteGroup is the unit of the length of quantized rows: a cache line.
const byteGroup = 64

// Int8Stride returns the number of bytes that [QuantizeRow] writes for a vector of
// width elements.
func Int8Stride(width int) int { return ceil(width, byteGroup) * byteGroup }

// QuantizeRow quantizes x to levels from -127 to 127, so that x = scale·level + r.
// It writes level+128 to row, whose length is Int8Stride(len(x)), pads with levels
// of 0, and returns the scale and rest, an upper bound of the L2 norm of r. All of x
// must be finite.
func QuantizeRow(row []byte, x []float32) (scale, rest float32) {
	largest := float32(0)
	for _, v := range x {
		largest = max(largest, v, -v)
	}
	scale = largest / 127
	inverse := 1 / scale
	if scale < 1e-30 { // too small to divide by: r is x
		scale, inverse = 0, 0
	}
	var square float64
	for i, v := range x {
		level := math.RoundToEven(float64(max(-127, min(127, v*inverse))))
		row[i] = byte(int(level) + 128)
		d := float64(v) - float64(scale)*level
		square += d * d
	}
	for i := len(x); i < len(row); i++ {
		row[i] = 128
	}
	// Rounded up by more than the rounding errors of the arithmetic above.
	return scale, float32(math.Sqrt(square)*(1+1e-6)) + math.SmallestNonzeroFloat32
}

// Int8Query is a vector quantized to int8, to be multiplied by rows that
// [QuantizeRow] wrote. The zero Int8Query is ready for Quantize or Set. Only one
// goroutine may use it at a time.
type Int8Query struct {
	ints   *intKernels
	levels []int8
	ones   []int8
	bias   int64
	row    []byte
	at     [4]int32 // the rows beyond the last four, and their products
	dst    [4]int32
}

// Quantize sets the query to x and returns its scale and rest, as QuantizeRow does.
func (q *Int8Query) Quantize(x []float32) (scale, rest float32) {
	if n := Int8Stride(len(x)); len(q.row) != n {
		q.row = make([]byte, n)
	}
	scale, rest = QuantizeRow(q.row, x)
	q.Set(q.row)
	return scale, rest
}

// Set sets the query to a row.
func (q *Int8Query) Set(row []byte) {
	if q.ints == nil {
		q.ints = chosen().ints
	}
	n := len(row)
	if len(q.levels) != n {
		q.levels, q.ones = make([]int8, n), make([]int8, n)
		for i := range q.ones {
			q.ones[i] = 1
		}
	}
	if n == 0 {
		return
	}
	// Eight bytes at a time; the length of rows is a multiple of 64.
	from, to := unsafe.Slice((*uint64)(unsafe.Pointer(&row[0])), n/8), unsafe.Slice((*uint64)(unsafe.Pointer(&q.levels[0])), n/8)
	for i, b := range from {
		to[i] = b ^ 0x8080808080808080
	}
	q.at = [4]int32{}
	q.ints.byteDots(q.dst[:], row, q.at[:], q.ones, int64(-128*n))
	q.bias = -128 * int64(q.dst[0])
}

// Dots writes to dst[i] the sum of the products of the query's levels and those
// of row at[i] of rows. It is exact: up to a width of 2^17 it fits.
func (q *Int8Query) Dots(dst []int32, rows []byte, at []int32) {
	n := len(q.levels)
	limit := uint(0)
	if n > 0 {
		limit = uint(len(rows) / n)
	}
	at = at[:len(dst)]
	for _, i := range at {
		if uint(i) >= limit {
			panic("compute: row outside the quantized rows")
		}
	}
	fours := len(at) &^ 3
	if fours > 0 {
		q.ints.byteDots(dst[:fours], rows, at[:fours], q.levels, q.bias)
	}
	if rest := at[fours:]; len(rest) > 0 {
		for i := range q.at {
			q.at[i] = rest[min(i, len(rest)-1)]
		}
		q.ints.byteDots(q.dst[:], rows, q.at[:], q.levels, q.bias)
		copy(dst[fours:], q.dst[:])
	}
}

// Consecutive returns the numbers of the first n rows, for Dots.
func Consecutive(n int) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(i)
	}
	return at
}

// chosen returns the kernels for functions that need no device.
var chosen = sync.OnceValue(func() *kernels {
	k, err := pick()
	if err != nil {
		panic("compute: " + err.Error())
	}
	return k
})

// Dot returns the dot product of two vectors of equal length, in double precision.
func Dot(x, y []float32) float64 { return chosen().rowDot(x, y[:len(x)]) }
