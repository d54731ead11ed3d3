package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// Tensor is an array of numbers in the format of a file.
type Tensor struct {
	DType string // "F32", "I64", ..., the keys of elementSize
	Shape []int  // outermost first; empty for a single number
	Data  []byte // the elements, row-major and little-endian
}

// elementSize is the size in bytes of one element, by data type.
var elementSize = map[string]int{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1,
	"U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, "F32": 4,
	"U64": 8, "I64": 8, "F64": 8,
}

// ElementSize returns the size in bytes of one element of a data type, or 0 if the
// format has no such type.
func ElementSize(dtype string) int { return elementSize[dtype] }

// byteSize returns the size in bytes of a tensor of the given type and shape.
func byteSize(dtype string, shape []int) (int, error) {
	size, ok := elementSize[dtype]
	if !ok {
		return 0, fmt.Errorf("unknown data type %q", dtype)
	}
	total := uint64(size)
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("shape %v has a negative size", shape)
		}
		high, low := bits.Mul64(total, uint64(n))
		if high != 0 || low > math.MaxInt {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		total = low
	}
	return int(total), nil
}

// check returns an error if the length of the data does not match type and shape.
func (t Tensor) check() error {
	want, err := byteSize(t.DType, t.Shape)
	if err != nil {
		return err
	}
	if len(t.Data) != want {
		return fmt.Errorf("%s of shape %v has %d bytes, got %d", t.DType, t.Shape, want, len(t.Data))
	}
	return nil
}

// Len returns the number of elements, the product of Shape.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Float32s returns the elements as float32: exactly for F32, F16, BF16 and the
// integers of up to 16 bits, rounded to nearest for F64 and wider integers. Those of F32
// may share memory with Data, so that large tensors are not in memory twice.
func (t Tensor) Float32s() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if shared := t.shared(); shared != nil {
		return shared, nil
	}
	out := make([]float32, t.Len())
	switch t.DType {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case "F16":
		for i := range out {
			out[i] = fromHalf(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	case "F64":
		for i := range out {
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	default:
		ints, err := t.Int64s()
		if err != nil {
			return nil, fmt.Errorf("data type %s cannot be read as float32", t.DType)
		}
		for i, v := range ints {
			out[i] = float32(v)
		}
	}
	return out, nil
}

// shared returns Data as float32 if it has their format and alignment, or nil.
func (t Tensor) shared() []float32 {
	const size = unsafe.Sizeof(float32(0))
	bytes := unsafe.Pointer(unsafe.SliceData(t.Data))
	if t.DType != "F32" || len(t.Data) == 0 || uintptr(bytes)%size != 0 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil
	}
	return unsafe.Slice((*float32)(bytes), t.Len())
}

// Float64s returns the elements as float64: exactly for F64, and like Float32s for
// other types.
func (t Tensor) Float64s() ([]float64, error) {
	if t.DType != "F64" {
		narrow, err := t.Float32s()
		out := make([]float64, len(narrow))
		for i, v := range narrow {
			out[i] = float64(v)
		}
		return out, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:]))
	}
	return out, nil
}

// fromHalf widens an IEEE 754 binary16 number, which float32 holds exactly.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero or subnormal: fraction × 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// Int64s returns the elements of an integer or BOOL tensor.
func (t Tensor) Int64s() ([]int64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var get func(at []byte) int64
	switch t.DType {
	case "U8", "BOOL":
		get = func(at []byte) int64 { return int64(at[0]) }
	case "I8":
		get = func(at []byte) int64 { return int64(int8(at[0])) }
	case "U16":
		get = func(at []byte) int64 { return int64(binary.LittleEndian.Uint16(at)) }
	case "I16":
		get = func(at []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(at))) }
	case "U32":
		get = func(at []byte) int64 { return int64(binary.LittleEndian.Uint32(at)) }
	case "I32":
		get = func(at []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(at))) }
	case "U64", "I64":
		get = func(at []byte) int64 { return int64(binary.LittleEndian.Uint64(at)) }
	default:
		return nil, fmt.Errorf("data type %s is not an integer", t.DType)
	}
	size := elementSize[t.DType]
	out := make([]int64, t.Len())
	for i := range out {
		out[i] = get(t.Data[size*i:])
		if t.DType == "U64" && out[i] < 0 {
			return nil, fmt.Errorf("element %d is too large for int64", i)
		}
	}
	return out, nil
}

// FromFloat32s returns an F32 tensor. Write returns an error if len(data) is not the
// product of shape.
func FromFloat32s(data []float32, shape ...int) Tensor {
	out := make([]byte, 0, 4*len(data))
	for _, v := range data {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return Tensor{"F32", shape, out}
}

// ViewFloat32s is FromFloat32s without a copy on little-endian machines: data must
// not change until the tensor is written.
func ViewFloat32s(data []float32, shape ...int) Tensor {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return FromFloat32s(data, shape...)
	}
	return Tensor{"F32", shape, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))}
}

// HalfFromFloat32s makes an F16 tensor of the nearest half-precision numbers,
// ties to even. A finite number beyond their range, 65504, is an error; see
// FromFloat32s.
func HalfFromFloat32s(data []float32, shape ...int) (Tensor, error) {
	out := make([]byte, 0, 2*len(data))
	for i, v := range data {
		h := toHalf(v)
		if h&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
			return Tensor{}, fmt.Errorf("element %d is %g, outside the range of half precision", i, v)
		}
		out = binary.LittleEndian.AppendUint16(out, h)
	}
	return Tensor{"F16", shape, out}, nil
}

// toHalf rounds to IEEE 754 binary16: to infinity beyond its range.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign, x := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case x > 0x7f800000: // NaN
		return sign | 0x7e00
	case x >= 0x477ff000: // from 65520 on, infinity is nearest
		return sign | 0x7c00
	case x < 0x38800000: // below 2^-14: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(x))*0x1p24))
	}
	// Add half of the last place, a little less if that is even. A carry into the
	// exponent is right.
	x += 0xfff + x>>13&1
	return sign | uint16(x>>13-112<<10)
}

// FromFloat64s makes an F64 tensor; see FromFloat32s.
func FromFloat64s(data []float64, shape ...int) Tensor {
	out := make([]byte, 0, 8*len(data))
	for _, v := range data {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	return Tensor{"F64", shape, out}
}

// FromInt64s makes an I64 tensor; see FromFloat32s.
func FromInt64s(data []int64, shape ...int) Tensor {
	out := make([]byte, 0, 8*len(data))
	for _, v := range data {
		out = binary.LittleEndian.AppendUint64(out, uint64(v))
	}
	return Tensor{"I64", shape, out}
}

// FromBytes makes a U8 tensor that shares data; see FromFloat32s.
func FromBytes(data []byte, shape ...int) Tensor {
	return Tensor{"U8", shape, data}
}
