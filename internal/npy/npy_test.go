package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	special := []float32{0, float32(math.Copysign(0, -1)), 1e-45, math.MaxFloat32, float32(math.Inf(1)), float32(math.NaN())}
	for name, x := range map[string]safetensors.Tensor{
		"float32 [2,3]": safetensors.FromFloat32s(special, 2, 3),
		"float64 [3]":   safetensors.FromFloat64s([]float64{math.Pi, 5e-324, -1}, 3),
		"int64 [2]":     safetensors.FromInt64s([]int64{math.MinInt64, 7}, 2),
		"bytes [1,2,1]": safetensors.FromBytes([]byte{1, 255}, 1, 2, 1),
		"nothing [0,5]": safetensors.FromFloat32s(nil, 0, 5),
		"a number":      safetensors.FromFloat64s([]float64{3}),
	} {
		path := filepath.Join(t.TempDir(), "a.npy")
		if err := Write(path, x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := os.ReadFile(path)
		if err != nil || (len(data)-len(x.Data))%64 != 0 {
			t.Errorf("%s: error %v, data begin at %d", name, err, len(data)-len(x.Data))
		}
		got, err := Read(path)
		if err != nil || got.DType != x.DType || !bytes.Equal(got.Data, x.Data) || len(got.Shape) != len(x.Shape) {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
		for i := range got.Shape {
			if got.Shape[i] != x.Shape[i] {
				t.Errorf("%s: shape %v", name, got.Shape)
			}
		}
	}
	if err := Write(filepath.Join(t.TempDir(), "a.npy"), safetensors.FromFloat32s([]float32{1}, 2)); err == nil {
		t.Error("an array that lacks elements was written")
	}
}

// NumPy reads the files that are written, and files of NumPy are read.
func TestNumPy(t *testing.T) {
	if exec.Command("python3", "-c", "import numpy").Run() != nil {
		t.Skip("needs NumPy")
	}
	dir := t.TempDir()
	want := safetensors.FromFloat32s([]float32{1, 2.5, -3, 4, 5, 0.1}, 3, 2)
	if err := Write(filepath.Join(dir, "ours.npy"), want); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", "-c", `
import numpy as np
a = np.load("ours.npy")
assert a.dtype == np.float32 and a.shape == (3, 2) and a[2, 1] == np.float32(0.1), a
np.save("theirs.npy", a)
np.save("times.npy", np.array([0, .5, 1]))
np.save("fortran.npy", np.asfortranarray(a))
np.save("objects.npy", np.array([{}]))`)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := Read(filepath.Join(dir, "theirs.npy"))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if x, err := Read(filepath.Join(dir, "times.npy")); err != nil || !cmp.Equal(x.Shape, []int{3}) || x.DType != "F64" {
		t.Errorf("%+v, error %v", x, err)
	}
	for name, want := range map[string]error{"fortran.npy": ErrOrder, "objects.npy": ErrType} {
		if _, err := Read(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// file returns a file of version 1 with this header and the given number of bytes of data.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint16([]byte(magic+"\x01\x00"), uint16(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestHeaders(t *testing.T) {
	for header, want := range map[string][]int{
		`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` + "    \n": {2, 3},
		`{'descr':'<f4','fortran_order':False,'shape':(6,)}`:                     {6},
		`{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<f4'}`:            {2, 3},
		`{'descr': '<f4', 'fortran_order': True, 'shape': (6,), }`:               {6},
	} {
		data := file(header, 24)
		got, err := Decode(bytes.NewReader(data), int64(len(data)))
		if err != nil || !cmp.Equal(got.Shape, want) {
			t.Errorf("%s: %v, error %v", header, got.Shape, err)
		}
	}
	head := func(shape string) string {
		return `{'descr': '<f4', 'fortran_order': False, 'shape': ` + shape + `, }`
	}
	huge := []byte(magic + "\x02\x00\xff\xff\xff\xff{")
	for name, data := range map[string][]byte{
		"nothing":            nil,
		"another file":       []byte("RIFF and some more"),
		"no header":          file("", 24),
		"a huge header":      huge,
		"a cut off header":   file(head("(6,)"), 0)[:30],
		"version 9":          append([]byte(magic+"\x09\x00"), make([]byte, 90)...),
		"data cut off":       file(head("(7,)"), 24),
		"data too long":      file(head("(5,)"), 24),
		"sizes overflow":     file(head("(2147483647, 2147483647, 2147483647)"), 24),
		"sizes come to 0":    file(head("(0, 2147483647, 2147483647, 2147483647)"), 24),
		"a size below 0":     file(head("(-1, 6)"), 24),
		"a size beyond":      file(head("(9999999999999999999999,)"), 24),
		"no tuple":           file(head("6"), 24),
		"a hole in a tuple":  file(head("(2,,3)"), 24),
		"too many sizes":     file(head("("+strings.Repeat("1,", 40)+")"), 4),
		"two shapes":         file(`{'descr': '<f4', 'shape': (6,), 'shape': (6,)}`, 24),
		"objects":            file(`{'descr': '|O', 'fortran_order': False, 'shape': (6,)}`, 24),
		"big-endian":         file(`{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}`, 24),
		"fields":             file(`{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}`, 24),
		"order is a string":  file(`{'descr': '<f4', 'fortran_order': 'True', 'shape': (6,)}`, 24),
		"something to run":   file(`{'descr': '<f4', 'fortran_order': False, 'shape': (6,), '__import__("os")': 1}`, 24),
		"Fortran's order":    file(`{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}`, 24),
		"something after it": file(head("(6,)")+"x", 24),
	} {
		if got, err := Decode(bytes.NewReader(data), int64(len(data))); err == nil {
			t.Errorf("%s was read: %+v", name, got)
		}
	}
}

// Any bytes give a consistent array or an error.
func FuzzDecode(f *testing.F) {
	f.Add(file(`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, 24))
	f.Add(file(`{'descr': '<f8', 'fortran_order': True, 'shape': (3L,), }`, 24))
	f.Add([]byte(magic + "\x02\x00\xff\xff\xff\xff{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Decode(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if len(x.Data) > len(data) || x.Len()*safetensors.ElementSize(x.DType) != len(x.Data) {
			t.Errorf("%s of shape %v has %d bytes", x.DType, x.Shape, len(x.Data))
		}
		if _, err := x.Float64s(); err != nil && x.DType != "U64" {
			t.Error(err)
		}
	})
}

// A sparse array takes no more memory than the budget.
func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse.npy")
	data := file("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967, 1000), }", 0)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(data))+4*4294967*1000); err != nil {
		t.Skip(err)
	}
	memory.SetLimit(1 << 30)
	t.Cleanup(func() { memory.SetLimit(0) })
	if _, err := Read(path); !errors.Is(err, memory.ErrBudget) || !strings.HasPrefix(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if _, err := Read(filepath.Dir(path)); !errors.Is(err, input.ErrNotRegular) {
		t.Errorf("a folder: error %v", err)
	}
}
