package checkpoint

import (
	"fmt"
	"io"

	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// readAt returns n bytes of a file from byte at.
func readAt(r io.ReaderAt, at, n int64) ([]byte, error) {
	release, err := memory.Request(n, "a tensor")
	if err != nil {
		return nil, err
	}
	defer release()
	data := make([]byte, n)
	_, err = r.ReadAt(data, at)
	return data, err
}

// storage is a list of numbers that tensors are views of.
type storage struct {
	dtype string
	n     int64                             // elements
	read  func(at, n int64) ([]byte, error) // n bytes from byte at
}

// view is a tensor: a strided view of a storage.
type view struct {
	storage       *storage
	offset        int64   // of the first element
	shape, stride []int64 // in elements
}

// maxElements bounds the elements of a view.
const maxElements = 1 << 40

// check returns an error unless the view is within its storage and has at most as many
// elements, except for dimensions that repeat the same ones.
func (v *view) check() error {
	if len(v.shape) > 8 || v.offset < 0 || v.offset > v.storage.n {
		return fmt.Errorf("a tensor of %d dimensions at %d in a storage of %d", len(v.shape), v.offset, v.storage.n)
	}
	n, all, last := int64(1), int64(1), v.offset
	for i, d := range v.shape {
		if d < 0 || v.stride[i] < 0 {
			return fmt.Errorf("a tensor of shape %v and strides %v", v.shape, v.stride)
		}
		if d == 0 {
			return nil
		}
		if d > maxElements/all {
			return fmt.Errorf("a tensor of shape %v", v.shape)
		}
		if all *= d; v.stride[i] == 0 {
			continue // expanded
		}
		if d > v.storage.n {
			return fmt.Errorf("a tensor of shape %v in a storage of %d", v.shape, v.storage.n)
		}
		// Divisions, because products could overflow.
		if n > v.storage.n/d || d > 1 && v.stride[i] > (v.storage.n-1)/(d-1) {
			return fmt.Errorf("a tensor of shape %v and strides %v in a storage of %d", v.shape, v.stride, v.storage.n)
		}
		n *= d
		last += (d - 1) * v.stride[i]
	}
	if last >= v.storage.n {
		return fmt.Errorf("a tensor of shape %v and strides %v at %d in a storage of %d", v.shape, v.stride, v.offset, v.storage.n)
	}
	return nil
}

// lazy returns the view as a tensor to read.
func (v *view) lazy() lazy {
	shape := make([]int, len(v.shape))
	for i, d := range v.shape {
		shape[i] = int(d)
	}
	return lazy{v.storage.dtype, shape, func() (safetensors.Tensor, error) {
		data, err := v.gather()
		return safetensors.Tensor{DType: v.storage.dtype, Shape: shape, Data: data}, err
	}}
}

// gather reads the elements of the view in row-major order.
func (v *view) gather() ([]byte, error) {
	n, span := int64(1), int64(1) // elements of the view; from its first to its last in the storage
	contiguous := true
	for i := len(v.shape) - 1; i >= 0; i-- {
		d := v.shape[i]
		contiguous = contiguous && (d == 1 || v.stride[i] == n)
		n *= d
		span += (d - 1) * v.stride[i]
	}
	if n == 0 {
		return nil, nil
	}
	size := int64(safetensors.ElementSize(v.storage.dtype))
	data, err := v.storage.read(v.offset*size, span*size)
	if err != nil || contiguous {
		return data, err
	}
	out := make([]byte, 0, n*size)
	var walk func(dim int, at int64)
	walk = func(dim int, at int64) {
		if dim == len(v.shape) {
			out = append(out, data[at*size:(at+1)*size]...)
			return
		}
		for i := range v.shape[dim] {
			walk(dim+1, at+i*v.stride[dim])
		}
	}
	walk(0, 0)
	return out, nil
}
