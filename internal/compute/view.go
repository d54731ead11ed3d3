package compute

import "unsafe"

// view is a [Matrix] of the CPU with its memory. Every operation opens its matrices
// once, so that access to a row is only a slice expression.
type view struct {
	Rows, Cols, stride int
	floats             []float32 // from the first element to the last
}

// open returns the memory of a matrix; the view of an empty matrix may have none.
func (m Matrix) open() view {
	v := view{Rows: m.Rows, Cols: m.Cols, stride: m.stride}
	if m.Rows > 0 {
		all := m.buffer.(*block).floats
		end := min(m.offset+(m.Rows-1)*m.stride+max(m.Cols, 1), len(all))
		v.floats = all[m.offset:end:end]
	}
	return v
}

func (v view) isZero() bool { return v.floats == nil }

// row returns a row. The slice expression panics if it is outside the matrix.
func (v view) row(i int) []float32 {
	at := i * v.stride
	return v.floats[at : at+v.Cols : at+v.Cols]
}

// at returns the address of an element.
func (v view) at(i, j int) unsafe.Pointer { return unsafe.Pointer(&v.floats[i*v.stride+j]) }

// pitch returns the distance between rows in bytes.
func (v view) pitch() uintptr { return uintptr(v.stride) * 4 }

// rows returns a view of rows from..to-1, cols one of columns from..to-1.
func (v view) rows(from, to int) view {
	if from < 0 || to < from || to > v.Rows {
		panic("compute: row range outside the matrix")
	}
	v.Rows, v.floats = to-from, v.floats[min(from*v.stride, len(v.floats)):]
	return v
}

func (v view) cols(from, to int) view {
	if from < 0 || to < from || to > v.Cols {
		panic("compute: column range outside the matrix")
	}
	v.Cols, v.floats = to-from, v.floats[min(from, len(v.floats)):]
	return v
}
