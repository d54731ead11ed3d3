package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"github.com/clipcue/clipcue/internal/memory"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// encode assembles a file from its parts.
func encode(header string, data ...byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

func decode(data []byte) (*File, error) {
	return Decode(bytes.NewReader(data), int64(len(data)))
}

func TestDecode(t *testing.T) {
	f, err := decode(encode(`{"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}, "__metadata__":{"k":"v"},
		"a":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}, "none":{"dtype":"I64","shape":[3,0],"data_offsets":[1,1]}}  `,
		1, 0, 0, 128, 63, 0, 0, 0, 192))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Tensors: map[string]Tensor{
			"a":    {"BOOL", []int{}, []byte{1}},
			"b":    FromFloat32s([]float32{1, -2}, 2),
			"none": FromInt64s(nil, 3, 0),
		},
		Metadata: map[string]string{"k": "v"},
	}
	if d := cmp.Diff(want, f, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("decoded file differs (-want +got):\n%s", d)
	}
}

func TestDecodeRefuses(t *testing.T) {
	one := `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":            {nil, "only 0 bytes"},
		"text":             {[]byte("<!DOCTYPE html><html>"), "not a safetensors file"},
		"header too long":  {encode("{}")[:9], "cut off"},
		"length overflows": {slices.Repeat([]byte{255}, 64), "exceeds the format's limit"},
		"not JSON":         {encode("hello"), "not a JSON object"},
		"a JSON array":     {encode("[]"), "not a JSON object"},
		"unfinished":       {encode(one), "EOF"},
		"trailing":         {encode("{}{}"), "follow the JSON object"},
		"cut off":          {encode(one + "}"), "cut off"},
		"too many bytes":   {encode(one+"}", 1, 2), "1 bytes follow"},
		"twice":            {encode(one+`,"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 1, 2), `"a" occurs twice`},
		"metadata twice":   {encode(`{"__metadata__":{},"__metadata__":{}}`), "occurs twice"},
		"metadata type":    {encode(`{"__metadata__":{"a":1}}`), "__metadata__"},
		"overlap":          {encode(one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 1, 2), `"b" begins at byte 0`},
		"hole":             {encode(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 1, 2), `"a" begins at byte 1`},
		"unknown type":     {encode(`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`, 1), `"F4"`},
		"wrong size":       {encode(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, 1), "has 4 bytes"},
		"negative size":    {encode(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1), "negative"},
		"size overflows":   {encode(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`), "too large"},
		"size overflows 0": {encode(`{"a":{"dtype":"F32","shape":[9223372036854775807,4,0],"data_offsets":[0,0]}}`), "too large"},
		"backwards":        {encode(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}}`, 1), "data_offsets"},
		"one offset":       {encode(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}`), "data_offsets"},
		"no shape":         {encode(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1), "shape"},
		"huge claim":       {encode(`{"a":{"dtype":"U8","shape":[9000000000000000],"data_offsets":[0,9000000000000000]}}`), "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := os.WriteFile(path, []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one with %q", err, path)
	}
}

func TestReaderReadsOneTensor(t *testing.T) {
	data := encode(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1,1],"data_offsets":[2,3]}}`, 1, 2, 3)
	f, err := NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("names are %v", got)
	}
	got, err := f.Tensor("b")
	if d := cmp.Diff(Tensor{"U8", []int{1, 1}, []byte{3}}, got); d != "" || err != nil {
		t.Errorf("error %v, tensor differs (-want +got):\n%s", err, d)
	}
	if _, err := f.Tensor("c"); err == nil {
		t.Error("a tensor that is not there was read")
	}
}

func TestWriteRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	for name, tensor := range map[string]Tensor{
		"__metadata__": FromBytes(nil, 0),
		"bad \xff":     FromBytes(nil, 0),
		"short":        FromFloat32s([]float32{1}, 2),
		"unknown":      {"F4", []int{0}, nil},
	} {
		err := Write(path, &File{Tensors: map[string]Tensor{name: tensor}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("%q: got error %v", name, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q: a file was written", name)
		}
	}
}

// drawFile returns a file of a few small tensors of any type.
func drawFile(t *rapid.T) *File {
	types := slices.Sorted(func(yield func(string) bool) {
		for k := range elementSize {
			if !yield(k) {
				return
			}
		}
	})
	f := &File{
		Tensors:  map[string]Tensor{},
		Metadata: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "metadata"),
	}
	for range rapid.IntRange(0, 6).Draw(t, "tensors") {
		dtype := rapid.SampledFrom(types).Draw(t, "dtype")
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")
		n, _ := byteSize(dtype, shape)
		f.Tensors[rapid.String().Draw(t, "name")] = Tensor{dtype, shape, rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")}
	}
	return f
}

func TestWriteThenRead(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		want := drawFile(t)
		path := filepath.Join(dir, "x.safetensors")
		_ = os.Remove(path) // a file of another kind is not replaced
		if err := Write(path, want); err != nil {
			t.Fatal(err)
		}
		first, _ := os.ReadFile(path)
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("file differs (-want +got):\n%s", d)
		}
		metadata, err := ReadMetadata(path)
		if d := cmp.Diff(want.Metadata, metadata, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("error %v, metadata differ:\n%s", err, d)
		}
		if err := Write(path, got); err != nil {
			t.Fatal(err)
		}
		if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
			t.Error("writing the same content twice gives different bytes")
		}
		// Readers may map the file: every tensor is aligned to its element.
		r, err := NewReader(bytes.NewReader(first), int64(len(first)))
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range r.entries {
			if (r.start+e.Offsets[0])%int64(elementSize[e.DType]) != 0 {
				t.Errorf("tensor %q is not aligned", name)
			}
		}
	})
}

func TestFloat32s(t *testing.T) {
	for _, c := range []struct {
		dtype string
		data  []byte
		want  float32
	}{
		{"F64", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, 1.5},
		{"F32", []byte{0, 0, 0xc0, 0x3f}, 1.5},
		{"BF16", []byte{0xc0, 0xbf}, -1.5},
		{"F16", []byte{0x00, 0xbe}, -1.5},
		{"F16", []byte{0x01, 0x00}, 0x1p-24}, // smallest subnormal
		{"F16", []byte{0xff, 0x03}, 1023 * 0x1p-24},
		{"F16", []byte{0x00, 0x04}, 0x1p-14}, // smallest normal
		{"F16", []byte{0xff, 0x7b}, 65504},
		{"F16", []byte{0x00, 0xfc}, float32(math.Inf(-1))},
		{"I64", []byte{0xfe, 255, 255, 255, 255, 255, 255, 255}, -2},
		{"I32", []byte{0xfe, 255, 255, 255}, -2},
		{"I16", []byte{0xfe, 255}, -2},
		{"I8", []byte{0xfe}, -2},
		{"U8", []byte{0xfe}, 254},
		{"U16", []byte{0xfe, 255}, 65534},
		{"U32", []byte{1, 0, 0, 128}, 1 << 31},
		{"U64", []byte{5, 0, 0, 0, 0, 0, 0, 0}, 5},
		{"BOOL", []byte{1}, 1},
	} {
		got, err := Tensor{c.dtype, []int{1}, c.data}.Float32s()
		if err != nil || got[0] != c.want {
			t.Errorf("%s % x: got %v, error %v, want %v", c.dtype, c.data, got, err, c.want)
		}
	}
	nan, err := Tensor{"F16", []int{1}, []byte{1, 0x7e}}.Float32s()
	if err != nil || nan[0] == nan[0] {
		t.Errorf("half NaN is read as %v, error %v", nan, err)
	}
	for _, bad := range []Tensor{
		{"F8_E4M3", []int{1}, []byte{0}},
		{"F32", []int{2}, make([]byte, 4)},
		{"F32", []int{-1, -1}, make([]byte, 4)},
		{"U64", []int{1}, slices.Repeat([]byte{255}, 8)},
	} {
		if got, err := bad.Float32s(); err == nil {
			t.Errorf("%v: read as %v", bad, got)
		}
	}
}

func TestInt64sRefusesFloats(t *testing.T) {
	if got, err := FromFloat32s([]float32{1}, 1).Int64s(); err == nil {
		t.Errorf("read as %v", got)
	}
}

func TestFromKeepsValues(t *testing.T) {
	floats := []float32{0, -1, math.MaxFloat32, 0x1p-149}
	if got, err := FromFloat32s(floats, 2, 2).Float32s(); err != nil || !slices.Equal(got, floats) {
		t.Errorf("got %v, error %v, want %v", got, err, floats)
	}
	if got, err := FromFloat64s([]float64{0.1}, 1).Float32s(); err != nil || got[0] != 0.1 {
		t.Errorf("got %v, error %v, want 0.1", got, err)
	}
	ints := []int64{math.MinInt64, -1, math.MaxInt64}
	if got, err := FromInt64s(ints, 3).Int64s(); err != nil || !slices.Equal(got, ints) {
		t.Errorf("got %v, error %v, want %v", got, err, ints)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode("{}"))
	f.Add(encode(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"k":"v"}}`, 1, 2, 3, 4))
	f.Add(encode(`{"a":{"dtype":"U8","shape":[1,0],"data_offsets":[0,0]},"b":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}`, 1, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := decode(data)
		if err != nil {
			return
		}
		for name, tensor := range file.Tensors {
			if err := tensor.check(); err != nil {
				t.Errorf("tensor %q: %v", name, err)
			}
			_, _ = tensor.Float32s()
			_, _ = tensor.Int64s()
		}
	})
}

// Every half-precision number is preserved, and values between two of them are rounded to the
// nearer one.
func TestHalfFromFloat32s(t *testing.T) {
	for h := range uint16(0x7c00) {
		v := fromHalf(h)
		if got := toHalf(v); got != h {
			t.Fatalf("%g is written as %#x, not %#x", v, got, h)
		}
		if h+1 == 0x7c00 {
			break
		}
		middle := (v + fromHalf(h+1)) / 2
		even := h + h&1
		for value, want := range map[float32]uint16{middle: even, math.Nextafter32(middle, 0): h, math.Nextafter32(middle, 1e9): h + 1, -middle: 0x8000 | even} {
			if got := toHalf(value); got != want {
				t.Fatalf("%g is written as %#x, not %#x", value, got, want)
			}
		}
	}
	if got := toHalf(float32(math.Inf(-1))); got != 0xfc00 {
		t.Errorf("-Inf is written as %#x", got)
	}
	if got := fromHalf(toHalf(float32(math.NaN()))); got == got {
		t.Errorf("NaN is written as %v", got)
	}
	if _, err := HalfFromFloat32s([]float32{1, 65519}, 2); err != nil {
		t.Error(err)
	}
	if _, err := HalfFromFloat32s([]float32{1, 65520}, 2); err == nil {
		t.Error("a number that half precision cannot hold was written")
	}
}

// A sparse file takes no more memory than the budget, whatever sizes it declares.
func TestMemory(t *testing.T) {
	const size = 1 << 34 // bytes, of which a sparse file stores none
	header := fmt.Sprintf(`{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}`, size/4, size)
	path := filepath.Join(t.TempDir(), "sparse.safetensors")
	data := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(data))+size); err != nil {
		t.Skip(err)
	}
	memory.SetLimit(1 << 30)
	t.Cleanup(func() { memory.SetLimit(0) })
	if _, err := Read(path); !errors.Is(err, memory.ErrBudget) || !strings.HasPrefix(err.Error(), path) {
		t.Errorf("whole file: error %v", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(f, int64(len(data))+size)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tensor("a"); !errors.Is(err, memory.ErrBudget) {
		t.Errorf("one tensor: error %v", err)
	}
	memory.SetLimit(100)
	if _, err := NewReader(f, int64(len(data))+size); !errors.Is(err, memory.ErrBudget) {
		t.Errorf("header: error %v", err)
	}
	memory.SetLimit(1 << 30)
	if _, err := memory.Request(1<<30, "all"); err != nil {
		t.Error("memory is not returned:", err)
	}
}
