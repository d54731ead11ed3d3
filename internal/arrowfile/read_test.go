package arrowfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/clipcue/clipcue/internal/memory"
)

// file returns a file with one column x of two rows.
func file(t testing.TB, dt arrow.DataType, values string, o ...ipc.Option) []byte {
	t.Helper()
	a, _, err := array.FromJSON(arrowmemory.DefaultAllocator, dt, strings.NewReader(values))
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: dt, Nullable: true}}, nil)
	var b bytes.Buffer
	w, err := ipc.NewFileWriter(&b, append(o, ipc.WithSchema(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(array.NewRecordBatch(schema, []arrow.Array{a}, int64(a.Len()))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(data []byte) (*File, error) { return Open(bytes.NewReader(data), int64(len(data))) }

// values reads a column as texts, times and vectors, one of which it has.
func values(f *File, column string) (out []string, errs [3]error) {
	errs[0] = f.EachText(column, func(_ int, s string) error {
		out = append(out, s)
		return nil
	})
	errs[1] = f.EachTime(column, func(_ int, t float64) error {
		out = append(out, fmt.Sprint(t))
		return nil
	})
	errs[2] = f.EachVector(column, func(_ int, v []float32) error {
		out = append(out, fmt.Sprint(v))
		return nil
	})
	return out, errs
}

func TestTypes(t *testing.T) {
	float := arrow.PrimitiveTypes.Float32
	for _, c := range []struct {
		column arrow.DataType
		json   string
		want   []string // nil: an error
	}{
		{arrow.BinaryTypes.String, `["a", "é"]`, []string{"a", "é"}},
		{arrow.BinaryTypes.LargeString, `["a", null]`, []string{"a", ""}},
		{arrow.BinaryTypes.StringView, `["a", "longer than twelve bytes"]`, []string{"a", "longer than twelve bytes"}},
		{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["b", "b"]`, []string{"b", "b"}},
		{arrow.PrimitiveTypes.Float64, `[0.5, 1]`, []string{"0.5", "1"}},
		{arrow.PrimitiveTypes.Float32, `[0.5, 1]`, []string{"0.5", "1"}},
		{arrow.FixedWidthTypes.Float16, `[0.5, 1]`, []string{"0.5", "1"}},
		{arrow.PrimitiveTypes.Int16, `[-3, 1]`, []string{"-3", "1"}},
		{arrow.PrimitiveTypes.Uint64, `[3, 1]`, []string{"3", "1"}},
		{arrow.FixedWidthTypes.Duration_ms, `[500, 1000]`, []string{"0.5", "1"}},
		{arrow.FixedWidthTypes.Time32s, `["00:00:02", "00:01:00"]`, []string{"2", "60"}},
		{arrow.FixedWidthTypes.Time64ns, `["00:00:00.25", "00:01:00"]`, []string{"0.25", "60"}},
		{arrow.PrimitiveTypes.Float64, `[0.5, null]`, nil},
		{arrow.FixedWidthTypes.Timestamp_ms, `[0, 1]`, nil},
		{&arrow.Decimal128Type{Precision: 10, Scale: 2}, `["0.50", "1.00"]`, nil},
		{arrow.FixedWidthTypes.Boolean, `[true, false]`, nil},
		{arrow.ListOf(float), `[[1, 2], [3, 4]]`, []string{"[1 2]", "[3 4]"}},
		{arrow.LargeListOf(float), `[[1, 2], [3, 4]]`, []string{"[1 2]", "[3 4]"}},
		{arrow.ListViewOf(float), `[[1, 2], [3, 4]]`, []string{"[1 2]", "[3 4]"}},
		{arrow.FixedSizeListOf(2, arrow.FixedWidthTypes.Float16), `[[1, 2], [3, 4]]`, []string{"[1 2]", "[3 4]"}},
		{arrow.ListOf(arrow.PrimitiveTypes.Float64), `[[1], []]`, []string{"[1]", "[]"}},
		{arrow.ListOf(float), `[[1, 2], null]`, nil},
		{arrow.ListOf(float), `[[1, 2], [3, null]]`, nil},
		{arrow.ListOf(arrow.PrimitiveTypes.Int8), `[[1, 2], [3, 4]]`, nil},
		{arrow.ListOf(arrow.ListOf(float)), `[[[1, 2]], [[3, 4]]]`, nil},
	} {
		for name, o := range map[string][]ipc.Option{"plain": nil, "lz4": {ipc.WithLZ4()}, "zstd": {ipc.WithZstd()}} {
			f, err := open(file(t, c.column, c.json, o...))
			if err != nil {
				t.Errorf("%s, %s: %v", c.column, name, err)
				continue
			}
			got, errs := values(f, "x")
			good := 0
			for _, err := range errs {
				if err == nil {
					good++
				}
			}
			if want := len(c.want) / 2; good != want || want > 0 && !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: %q, want %q, errors %v", c.column, name, got, c.want, errs)
			}
			if f.Rows() != 2 {
				t.Errorf("%s: %d rows", c.column, f.Rows())
			}
			f.Close()
		}
	}
}

// Files of pandas, polars and pyarrow, with and without compression.
func TestOtherPrograms(t *testing.T) {
	paths, err := filepath.Glob("testdata/*")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := open(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var got []string
		for _, column := range []string{"video", "time", "vector"} {
			texts, _ := values(f, column)
			got = append(got, texts...)
		}
		if want := []string{"a.mp4", "a.mp4", "0.5", "1", "[1 2 3]", "[4 5 6]"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		f.Close()
	}
}

func TestForeignFiles(t *testing.T) {
	good := file(t, arrow.PrimitiveTypes.Float64, `[0.5, 1]`)
	for want, data := range map[string][]byte{
		"cut off":           good[:len(good)-3],
		"cut":               nil,
		"not an Arrow file": []byte("nothing that Arrow knows"),
		"a Parquet file":    []byte("PAR1 and nothing that Arrow knows"),
		"version 1":         []byte("FEA1 and nothing that Arrow knows"),
		"a stream":          []byte("\xff\xff\xff\xff and nothing that Arrow knows"),
	} {
		if _, err := open(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

// A file that claims more than it has is refused without allocating it, whichever four bytes
// claim it.
func TestClaims(t *testing.T) {
	memory.SetLimit(16 << 20)
	t.Cleanup(func() { memory.SetLimit(0) })
	files := [][]byte{file(t, arrow.ListOf(arrow.PrimitiveTypes.Float32), `[[1, 2], [3, 4]]`, ipc.WithLZ4())}
	polars, err := os.ReadFile("testdata/polars.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for i, good := range append(files, polars) {
		for at := range len(good) - 4 {
			if bytes := claimed(good, at); bytes > 100<<20 {
				t.Errorf("file %d, claims at byte %d: %d bytes allocated", i, at, bytes)
			}
		}
	}
}

// claimed opens a file with claims at a byte, and returns how much was allocated for them.
func claimed(good []byte, at int) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	// Numbers, offsets that lead backward, and tables with other fields.
	for _, claim := range []uint32{1 << 31, 1 << 28, 1 << 20, 1<<32 - 16, 1<<32 - 400, 0x80<<16 | 16, 4<<16 | 8} {
		data := slices.Clone(good)
		binary.LittleEndian.PutUint32(data[at:], claim)
		if f, err := open(data); err == nil {
			for _, c := range f.Columns() {
				values(f, c)
			}
			f.Close()
		}
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzOpen(f *testing.F) {
	for _, o := range [][]ipc.Option{nil, {ipc.WithLZ4()}, {ipc.WithZstd()}} {
		f.Add(file(f, arrow.ListOf(arrow.PrimitiveTypes.Float32), `[[1, 2], [3, 4]]`, o...))
		f.Add(file(f, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["b", "b"]`, o...))
		f.Add(file(f, arrow.BinaryTypes.StringView, `["a", "longer than twelve bytes"]`, o...))
		f.Add(file(f, arrow.StructOf(arrow.Field{Name: "y", Type: arrow.FixedWidthTypes.Duration_s}), `[{"y": 1}, null]`, o...))
	}
	paths, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	memory.SetLimit(16 << 20)
	f.Fuzz(func(_ *testing.T, data []byte) {
		if file, err := open(data); err == nil {
			for _, c := range file.Columns() {
				values(file, c)
			}
			file.Close()
		}
	})
}
