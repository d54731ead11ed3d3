package parquetfile

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

type row struct {
	Name   string    `parquet:"name,dict"`
	At     time.Time `parquet:"at,timestamp(microsecond)"`
	Vector []float32 `parquet:"vector,list"`
}

func written(t testing.TB, rows []row) []byte {
	t.Helper()
	var b bytes.Buffer
	err := Write(&b, map[string]int{"width": 2}, func(yield func(row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadBack(t *testing.T) {
	want := []row{{"a", time.Unix(1, 5000).UTC(), []float32{1, 2}}, {"b", time.Unix(-1, 0).UTC(), nil}, {"a", time.Unix(3, 0).UTC(), []float32{3, 4}}}
	data := written(t, want)
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Rows() != 3 || f.About() != `{"width":2}` || !slices.Equal(f.Columns(), []string{"name", "at", "vector"}) {
		t.Errorf("%d rows, %s, columns %q", f.Rows(), f.About(), f.Columns())
	}
	got := make([]row, f.Rows())
	unit := f.TimeUnit("at")
	for name, set := range map[string]func(i int, v parquet.Value) error{
		"name": func(i int, v parquet.Value) (err error) { got[i].Name, err = Text(v); return err },
		"at":   func(i int, v parquet.Value) error { got[i].At = Time(v, unit); return nil },
		"vector": func(i int, v parquet.Value) error {
			if v.IsNull() {
				return nil
			}
			x, err := Number(v)
			got[i].Vector = append(got[i].Vector, float32(x))
			return err
		},
	} {
		if err := f.Values(name, set); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A file that claims more than it has is an error before memory is allocated.
func TestClaims(t *testing.T) {
	data := written(t, []row{{Name: strings.Repeat("a", 100)}})
	huge := slices.Clone(data)
	footer := huge[len(huge)-8-int(huge[len(huge)-8])-256*int(huge[len(huge)-7]):]
	at := bytes.IndexByte(footer, 0x19) // the list of the columns: its number of elements follows
	copy(footer[at+1:], "\xfc\xff\xff\xff\xff\x07")
	for name, file := range map[string][]byte{"empty": nil, "cut": data[:len(data)-1], "list": huge, "text": []byte("PAR1 something else PAR1"), "encrypted": append(slices.Clone(data[:len(data)-4]), "PARE"...)} {
		if _, err := Open(bytes.NewReader(file), int64(len(file))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Open(bytes.NewReader(huge), int64(len(huge))); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func FuzzValues(f *testing.F) {
	f.Add(written(f, []row{{"a", time.Unix(1, 5000), []float32{1, 2}}, {"b", time.Unix(2, 0), nil}}))
	f.Fuzz(func(_ *testing.T, data []byte) {
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, name := range file.Columns() {
			_ = file.Values(name, func(_ int, v parquet.Value) error {
				_, _ = Text(v)
				_, _ = Number(v)
				return nil
			})
		}
	})
}

// Stored integers that are not the values of a column, and several values for one, are errors.
func TestNumbersAreTheValues(t *testing.T) {
	type row struct {
		Whole   int32     `parquet:"whole"`
		Byte    uint8     `parquet:"byte"`
		Real    float32   `parquet:"real"`
		Vector  []float64 `parquet:"vector,list"`
		Decimal int64     `parquet:"decimal,decimal(3:9)"`
		Day     int32     `parquet:"day,date"`
		At      time.Time `parquet:"at,timestamp(millisecond)"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{Vector: []float64{1}}, {Vector: nil}, {Vector: []float64{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for column, good := range map[string]bool{"whole": true, "byte": true, "real": true, "vector": true, "decimal": false, "day": false, "at": false, "none": false} {
		if err := f.CheckNumbers(column); (err == nil) != good {
			t.Errorf("%s: error %v", column, err)
		}
	}
	rows := 0
	err = f.Each("vector", func(row int, _ parquet.Value) error { rows = row + 1; return nil })
	if rows != 3 || err == nil || !strings.Contains(err.Error(), "row 2 has several values") {
		t.Errorf("%d rows, error %v", rows, err)
	}
	if err := f.Each("decimal", func(int, parquet.Value) error { return nil }); err != nil {
		t.Error(err)
	}
}
