// Package npy reads and writes NumPy's files of one array.
//
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
//
// Existing packages write float32 only as one-dimensional arrays, and trust the sizes
// in a header.
package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/safetensors"
)

const (
	magic     = "\x93NUMPY"
	maxHeader = 1 << 16 // bytes; those of plain arrays have about 100
)

// types maps NumPy's names of the supported element types, little-endian, to those of
// safetensors.
var types = map[string]string{
	"<f2": "F16", "<f4": "F32", "<f8": "F64", "|u1": "U8", "|i1": "I8",
	"<u2": "U16", "<i2": "I16", "<u4": "U32", "<i4": "I32", "<u8": "U64", "<i8": "I64",
}

// Write writes an array to path atomically.
func Write(path string, t safetensors.Tensor) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Encode(w, t) })
	if errors.Is(err, errCannot) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// errCannot reports an array that has no .npy file.
var errCannot = errors.New("cannot be written as .npy")

// Encode writes an array.
func Encode(w io.Writer, t safetensors.Tensor) error {
	descr := ""
	for theirs, ours := range types {
		if ours == t.DType {
			descr = theirs
		}
	}
	if descr == "" || t.Len()*safetensors.ElementSize(t.DType) != len(t.Data) {
		return fmt.Errorf("%d bytes of %s with shape %v %w", len(t.Data), t.DType, t.Shape, errCannot)
	}
	var shape strings.Builder
	for _, n := range t.Shape {
		fmt.Fprintf(&shape, "%d, ", n)
	}
	// A tuple of one number needs a comma at its end.
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, strings.TrimSpace(shape.String()))
	// The data begin at a multiple of 64.
	header += strings.Repeat(" ", 63-(len(magic)+4+len(header))%64) + "\n"
	if len(header) >= maxHeader {
		return fmt.Errorf("%d dimensions %w", len(t.Shape), errCannot)
	}
	start := binary.LittleEndian.AppendUint16([]byte(magic+"\x01\x00"), uint16(len(header)))
	start = append(start, header...)
	if _, err := w.Write(start); err != nil {
		return err
	}
	_, err := w.Write(t.Data)
	return err
}

// Read reads an array in C order. An error contains the path.
func Read(path string) (t safetensors.Tensor, err error) {
	f, size, err := input.OpenSized(path)
	if err != nil {
		return t, err
	}
	defer f.Close()
	if t, err = Decode(f, size); err != nil {
		return t, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

var errNot = errors.New("not a .npy file")

// ErrType and ErrOrder report arrays that NumPy has to convert before they can be read.
var (
	ErrType  = errors.New("elements of an unsupported type")
	ErrOrder = errors.New("an array in Fortran order is not supported")
)

// Decode reads an array from a file of size bytes. It never allocates more than size
// bytes, whatever the header claims; an array beyond the memory budget is an error around
// [memory.ErrBudget].
func Decode(r io.ReaderAt, size int64) (t safetensors.Tensor, err error) {
	var start [12]byte
	n, err := r.ReadAt(start[:], 0)
	if err != nil && err != io.EOF {
		return t, err
	}
	if n < len(start) || !bytes.HasPrefix(start[:], []byte(magic)) {
		return t, errNot
	}
	at := int64(len(magic) + 4)
	length := int64(binary.LittleEndian.Uint16(start[8:]))
	switch start[6] {
	case 1:
	case 2, 3:
		at, length = at+2, int64(binary.LittleEndian.Uint32(start[8:]))
	default:
		return t, fmt.Errorf("unknown version %d of the .npy format", start[6])
	}
	if length > maxHeader || length > size-at {
		return t, fmt.Errorf("%w: a header of %d bytes", errNot, length)
	}
	header := make([]byte, length)
	if _, err := r.ReadAt(header, at); err != nil && err != io.EOF {
		return t, err
	}
	if t.DType, t.Shape, err = parse(string(header)); err != nil {
		return t, err
	}
	at += length
	need := int64(safetensors.ElementSize(t.DType))
	for _, n := range t.Shape {
		if n > 0 && need > (size-at)/int64(n) {
			return t, fmt.Errorf("cut off: %s of shape %v has more than the %d bytes of the file", t.DType, t.Shape, size-at)
		}
		need *= int64(n)
	}
	if need != size-at {
		return t, fmt.Errorf("%s of shape %v has %d bytes, but the file has %d", t.DType, t.Shape, need, size-at)
	}
	release, err := memory.Request(need, fmt.Sprintf("an array of shape %v", t.Shape))
	if err != nil {
		return t, err
	}
	defer release()
	t.Data = make([]byte, need)
	_, err = io.ReadFull(io.NewSectionReader(r, at, need), t.Data)
	return t, err
}

// The header is a Python dictionary with exactly these three keys.
var (
	item       = `'(descr|fortran_order|shape)'\s*:\s*('[^']*'|True|False|\([0-9L,\s]*\))\s*`
	dictionary = regexp.MustCompile(`^\s*\{\s*` + item + `,\s*` + item + `,\s*` + item + `,?\s*\}\s*$`)
)

func parse(header string) (dtype string, shape []int, err error) {
	m := dictionary.FindStringSubmatch(header)
	if m == nil {
		return "", nil, fmt.Errorf("%w of plain numbers: unknown header", errNot)
	}
	values := map[string]string{m[1]: m[2], m[3]: m[4], m[5]: m[6]}
	descr := strings.Trim(values["descr"], "'")
	dtype, known := types[descr]
	order, tuple := values["fortran_order"], values["shape"]
	switch {
	case len(values) != 3 || order != "True" && order != "False" || !strings.HasPrefix(tuple, "("):
		return "", nil, fmt.Errorf("%w of plain numbers: unknown header", errNot)
	case !known:
		return "", nil, fmt.Errorf("%w: %q", ErrType, descr)
	}
	sides := strings.Split(strings.Trim(tuple, "() \t"), ",")
	for i, side := range sides {
		side = strings.TrimSuffix(strings.TrimSpace(side), "L") // as Python 2 wrote it
		if side == "" && i == len(sides)-1 {
			break
		}
		n, err := strconv.ParseUint(side, 10, 31)
		if err != nil || len(shape) == 32 {
			return "", nil, fmt.Errorf("invalid shape %s", tuple)
		}
		shape = append(shape, int(n))
	}
	if order == "True" && len(shape) > 1 {
		return "", nil, ErrOrder
	}
	return dtype, shape, nil
}
