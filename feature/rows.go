package feature

import (
	"os"
	"unsafe"
)

// spillAt is the number of bytes of a video's features that are kept in memory if there is
// a folder for the rest.
var spillAt = 4 << 20 // a variable for tests

// rows collects the features of a video. Those of long videos go to a file, so that the
// memory does not depend on the length of a video.
type rows struct {
	dir  string // folder of the file; "" keeps all in memory
	last []float32
	mem  []float32
	file *os.File // nil if there is none
	size int      // bytes of file
}

// add appends a row n times.
func (r *rows) add(row []float32, n int) error {
	r.last = append(r.last[:0], row...)
	for range n { // n is large for hours of a still image
		r.mem = append(r.mem, r.last...)
		if r.dir != "" && 4*len(r.mem) >= spillAt {
			if err := r.spill(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rows) spill() (err error) {
	if r.file == nil {
		if r.file, err = unnamed(r.dir); err != nil {
			return err
		}
		if r.file == nil { // not supported by the system
			r.dir = ""
			return nil
		}
	}
	n, err := r.file.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(r.mem))), 4*len(r.mem)))
	r.size += n
	r.mem = r.mem[:0]
	return err
}

// all returns all features, valid until free is called.
func (r *rows) all() (features []float32, free func(), err error) {
	if r.file == nil {
		return r.mem, func() {}, nil
	}
	if len(r.mem) > 0 {
		if err := r.spill(); err != nil {
			return nil, nil, err
		}
	}
	data, unmap, err := mapped(r.file, r.size)
	if err != nil {
		return nil, nil, err
	}
	free = func() {
		unmap()
		r.close()
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(data))), r.size/4), free, nil
}

func (r *rows) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}
