package parquetfile

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func fromPyArrow(t testing.TB, name string) *File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// units.parquet has a column of each type, written by pyarrow.
func TestUnitsOfTime(t *testing.T) {
	f := fromPyArrow(t, "units.parquet")
	for column, want := range map[string]float64{"plain": 1, "whole": 1, "long": 1, "s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9, "time32": 1e3, "time64": 1e9} {
		if got, err := f.PerSecond(column); got != want || err != nil {
			t.Errorf("%s: %g per second, want %g, error %v", column, got, want, err)
		}
	}
	for _, column := range []string{"date", "day", "decimal", "label", "missing"} {
		if unit, err := f.PerSecond(column); err == nil {
			t.Errorf("%s: %g per second, no error", column, unit)
		}
	}
}

// Pages that compression would enlarge are stored without it in version 2.
func TestPagesWithoutCompression(t *testing.T) {
	var got []float64
	err := fromPyArrow(t, "v2.parquet").Values("end", func(_ int, v parquet.Value) error {
		x, err := Number(v)
		got = append(got, x)
		return err
	})
	if want := []float64{2.5, 3.5}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v, error %v", got, want, err)
	}
}

// Pages that package parquet would read wrongly are refused.
func TestPagesOfLZ4(t *testing.T) {
	err := fromPyArrow(t, "lz4.parquet").Values("end", func(int, parquet.Value) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "LZ4_RAW") || !strings.Contains(err.Error(), "write the file with zstd") {
		t.Errorf("error %v", err)
	}
}

// A damaged schema of Arrow gives no unit, and no panic.
func FuzzArrowSchema(f *testing.F) {
	schema, err := base64.StdEncoding.DecodeString(fromPyArrow(f, "units.parquet").Lookup("ARROW:schema"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(schema)
	for i := 8; i < len(schema); i += 7 {
		damaged := slices.Clone(schema)
		damaged[i] ^= 0xff
		f.Add(damaged)
		f.Add(schema[:i])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := arrowPerSecond(data, "ms"); !slices.Contains([]float64{1, 1e3, 1e6, 1e9}, n) {
			t.Errorf("%g units per second", n)
		}
	})
}
