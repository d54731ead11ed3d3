// Package safetensors reads and writes the safetensors format: eight bytes
// with the length of a header, a JSON header with the type, shape and position of each
// tensor, then the tensors' bytes.
//
// Format: https://github.com/huggingface/safetensors#format
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// maxHeader is the longest header that the format allows, in bytes.
const maxHeader = 100_000_000

// headerCost is the maximum memory for a header and all values read from it, in multiples of
// the header's size.
const headerCost = 8

// File is the content of a safetensors file.
type File struct {
	Tensors  map[string]Tensor
	Metadata map[string]string
}

// Read reads a whole file into memory. The Data of all tensors share one buffer. An
// error contains the path.
func Read(path string) (*File, error) {
	return open(path, Decode)
}

// ReadMetadata returns the metadata of a file without reading its tensors.
func ReadMetadata(path string) (map[string]string, error) {
	return open(path, func(r io.ReaderAt, size int64) (map[string]string, error) {
		f, err := NewReader(r, size)
		if err != nil {
			return nil, err
		}
		return f.Metadata, nil
	})
}

// open opens a file and calls read with it and its size.
func open[T any](path string, read func(io.ReaderAt, int64) (T, error)) (T, error) {
	var none T
	f, err := input.Open(path)
	if err != nil {
		return none, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return none, err
	}
	out, err := read(f, info.Size())
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// Decode reads a file of size bytes from r; see Read. It is an error around
// [memory.ErrBudget] if the tensors do not fit in memory.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	f, err := NewReader(r, size)
	if err != nil {
		return nil, err
	}
	release, err := memory.Request(size-f.start, "reading all tensors")
	if err != nil {
		return nil, err
	}
	defer release()
	data := make([]byte, size-f.start)
	if err := readFull(r, data, f.start); err != nil {
		return nil, err
	}
	out := &File{Tensors: make(map[string]Tensor, len(f.entries)), Metadata: f.Metadata}
	for name, e := range f.entries {
		begin, end := e.Offsets[0], e.Offsets[1]
		out.Tensors[name] = Tensor{e.DType, e.Shape, data[begin:end:end]}
	}
	return out, nil
}

// Reader reads single tensors from a file whose header was checked: names are unique,
// and the tensors' bytes fill the rest of the file without gaps or overlaps. It is
// safe for concurrent use if its source is.
type Reader struct {
	Metadata map[string]string

	source  io.ReaderAt
	start   int64 // of the tensors' bytes
	entries map[string]entry
}

// entry is the header's entry for one tensor.
type entry struct {
	DType   string  `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"` // begin and end, counted from the header's end
}

// NewReader reads and checks the header of a file of size bytes. It allocates at most
// headerCost times the size of the header.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	var length [8]byte
	if size < 8 {
		return nil, fmt.Errorf("not a safetensors file: only %d bytes", size)
	}
	if err := readFull(r, length[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, fmt.Errorf("not a safetensors file: a header of %d bytes exceeds the format's limit", n)
	}
	if n > uint64(size-8) {
		return nil, fmt.Errorf("not a safetensors file, or cut off: the header should have %d bytes, but %d follow its length", n, size-8)
	}
	release, err := memory.Request(headerCost*int64(n), "the header")
	if err != nil {
		return nil, err
	}
	defer release()
	header := make([]byte, n)
	if err := readFull(r, header, 8); err != nil {
		return nil, err
	}
	f := &Reader{source: r, start: 8 + int64(n), entries: map[string]entry{}}
	if err := f.parse(header); err != nil {
		return nil, fmt.Errorf("safetensors header: %w", err)
	}
	if err := f.checkLayout(size - f.start); err != nil {
		return nil, err
	}
	return f, nil
}

// parse parses the header. It reads the outer object token by token, because
// encoding/json accepts duplicate names.
func (f *Reader) parse(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name := t.(string) // Token has checked that a key is a string
		if name == metadataKey {
			if f.Metadata != nil {
				return fmt.Errorf("%s occurs twice", name)
			}
			f.Metadata = map[string]string{}
			if err := d.Decode(&f.Metadata); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		if _, twice := f.entries[name]; twice {
			return fmt.Errorf("tensor %q occurs twice", name)
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		f.entries[name] = e
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if rest := bytes.TrimSpace(header[d.InputOffset():]); len(rest) > 0 {
		return errors.New("data follow the JSON object")
	}
	return nil
}

// check reports whether type, shape and offsets agree.
func (e entry) check() error {
	if e.Shape == nil || len(e.Offsets) != 2 {
		return errors.New("shape or data_offsets are missing or malformed")
	}
	want, err := byteSize(e.DType, e.Shape)
	if err != nil {
		return err
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin < 0 || end < begin || end-begin != int64(want) {
		return fmt.Errorf("%s of shape %v has %d bytes, but data_offsets are %v", e.DType, e.Shape, want, e.Offsets)
	}
	return nil
}

// checkLayout reports whether the tensors fill exactly size bytes.
func (f *Reader) checkLayout(size int64) error {
	at := int64(0)
	for _, name := range f.Names() {
		e := f.entries[name]
		if e.Offsets[0] != at {
			return fmt.Errorf("tensor %q begins at byte %d, but the tensor before it ends at %d", name, e.Offsets[0], at)
		}
		at = e.Offsets[1]
	}
	if at > size {
		return fmt.Errorf("cut off: the header lists %d bytes of tensors, but the file has %d", at, size)
	}
	if at < size {
		return fmt.Errorf("%d bytes follow the last tensor", size-at)
	}
	return nil
}

// Names returns the tensors' names in the order of their bytes. An empty tensor comes
// before the tensor that begins at the same offset.
func (f *Reader) Names() []string {
	return slices.SortedFunc(maps.Keys(f.entries), func(a, b string) int {
		return slices.Compare(f.entries[a].Offsets, f.entries[b].Offsets)
	})
}

// Shape returns the shape of a tensor, or nil if no tensor has that name.
func (f *Reader) Shape(name string) []int { return f.entries[name].Shape }

// DType returns the type of a tensor, or "" if no tensor has that name.
func (f *Reader) DType(name string) string { return f.entries[name].DType }

// Tensor reads one tensor.
func (f *Reader) Tensor(name string) (Tensor, error) {
	e, ok := f.entries[name]
	if !ok {
		return Tensor{}, fmt.Errorf("no tensor %q", name)
	}
	size := e.Offsets[1] - e.Offsets[0]
	release, err := memory.Request(size, fmt.Sprintf("tensor %q", name))
	if err != nil {
		return Tensor{}, err
	}
	defer release()
	data := make([]byte, size)
	if err := readFull(f.source, data, f.start+e.Offsets[0]); err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	return Tensor{e.DType, e.Shape, data}, nil
}

// Rows reads rows from ≤ i < to of a tensor: entries of its first dimension.
func (f *Reader) Rows(name string, from, to int) (Tensor, error) {
	e, ok := f.entries[name]
	if !ok || len(e.Shape) == 0 || from < 0 || to < from || to > e.Shape[0] {
		return Tensor{}, fmt.Errorf("there are no rows %d to %d of a tensor %q", from, to, name)
	}
	if from == to {
		return Tensor{e.DType, append([]int{0}, e.Shape[1:]...), nil}, nil
	}
	row := (e.Offsets[1] - e.Offsets[0]) / int64(e.Shape[0])
	data := make([]byte, row*int64(to-from))
	if err := readFull(f.source, data, f.start+e.Offsets[0]+row*int64(from)); err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	return Tensor{e.DType, append([]int{to - from}, e.Shape[1:]...), data}, nil
}

// readFull reads len(p) bytes at offset. It returns an error if there are fewer.
func readFull(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
