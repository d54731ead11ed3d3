package arrowfile

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	limits "github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/parquetfile"
)

type row struct {
	ID     int64     `parquet:"id"`
	Video  string    `parquet:"video,dict"`
	Start  float64   `parquet:"start"`
	Vector []float32 `parquet:"vector,list"`
}

// Arrow's own reader finds all rows, the types and the metadata.
func TestReadBack(t *testing.T) {
	const n = 2*batchRows + 7
	var b bytes.Buffer
	err := Write(&b, map[string]string{"unit": "seconds"}, func(yield func(row, error) bool) {
		for i := range int64(n) {
			if !yield(row{i, "é.mp4", float64(i) / 2, []float32{float32(i), -1}}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if about, _ := r.Schema().Metadata().GetValue(parquetfile.Key); about != `{"unit":"seconds"}` {
		t.Errorf("metadata %s", about)
	}
	next := int64(0)
	for i := range r.NumRecords() {
		batch, err := r.RecordBatch(i)
		if err != nil {
			t.Fatal(err)
		}
		vectors := batch.Column(3).(*array.List)
		for j := range int(batch.NumRows()) {
			from, to := vectors.ValueOffsets(j)
			if id := batch.Column(0).(*array.Int64).Value(j); id != next || batch.Column(1).(*array.String).Value(j) != "é.mp4" ||
				batch.Column(2).(*array.Float64).Value(j) != float64(next)/2 || to-from != 2 ||
				vectors.ListValues().(*array.Float32).Value(int(from)) != float32(next) {
				t.Fatalf("row %d of batch %d", j, i)
			}
			next++
		}
	}
	if next != n {
		t.Errorf("%d rows instead of %d", next, n)
	}
}

// content returns a file with two rows.
func content(t testing.TB, options ...ipc.Option) []byte {
	t.Helper()
	var b bytes.Buffer
	err := Write(&b, "about", func(yield func(row, error) bool) {
		_ = yield(row{1, "a.mp4", 0, []float32{1, 2}}, nil) && yield(row{2, "a.mp4", 0.5, []float32{3, 4}}, nil)
	})
	if err != nil || len(options) == 0 {
		return b.Bytes()
	}
	r, err := ipc.NewFileReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var again bytes.Buffer
	w, err := ipc.NewFileWriter(&again, append(options, ipc.WithSchema(r.Schema()))...)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := r.RecordBatch(0)
	if err == nil {
		err = errors.Join(w.Write(batch), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return again.Bytes()
}

// columns reads everything that Read gives.
func columns(data []byte) (vectors []float32, times []float64, videos []string, about string, err error) {
	err = Read(data, func(a string, batch arrow.RecordBatch) error {
		about = a
		for i, c := range batch.Columns() {
			var err error
			switch batch.ColumnName(i) {
			case "vector":
				vectors, _, err = Vectors(c)
			case "start":
				times, err = Seconds(c)
			case "video":
				videos, err = Texts(c)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return vectors, times, videos, about, err
}

// Files with compressed buffers, as pandas writes them, are read.
func TestRead(t *testing.T) {
	for name, data := range map[string][]byte{"plain": content(t), "lz4": content(t, ipc.WithLZ4()), "zstd": content(t, ipc.WithZstd())} {
		vectors, times, videos, about, err := columns(data)
		if err != nil || !slices.Equal(vectors, []float32{1, 2, 3, 4}) || !slices.Equal(times, []float64{0, 0.5}) ||
			!slices.Equal(videos, []string{"a.mp4", "a.mp4"}) || about != `"about"` {
			t.Errorf("%s: %v, %v, %q, %s, error %v", name, vectors, times, videos, about, err)
		}
	}
}

// A damaged file is an error, and takes no memory that it does not have.
func FuzzRead(f *testing.F) {
	f.Add(content(f))
	f.Add(content(f, ipc.WithLZ4()))
	f.Add(content(f, ipc.WithZstd()))
	limits.SetLimit(256 << 20)
	f.Cleanup(func() { limits.SetLimit(0) })
	f.Fuzz(func(t *testing.T, data []byte) {
		vectors, times, videos, _, err := columns(data)
		if err == nil && (len(times) > 0 && len(vectors) > 0 && len(videos) > 0) && len(times) != len(videos) {
			t.Errorf("%d times and %d texts", len(times), len(videos))
		}
	})
}

// A column of text may be a dictionary, as pandas writes categories.
func TestDictionary(t *testing.T) {
	videos := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "video", Type: videos}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, name := range []string{"b.mp4", "a.mp4", "b.mp4"} {
		if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(name); err != nil {
			t.Fatal(err)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w, err := ipc.NewFileWriter(&out, ipc.WithSchema(schema))
	if err == nil {
		err = errors.Join(w.Write(batch), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, _, videos, _, err := columns(out.Bytes()); err != nil || !slices.Equal(videos, []string{"b.mp4", "a.mp4", "b.mp4"}) {
		t.Errorf("%q, error %v", videos, err)
	}
}

// What expands to more than the memory limit is refused.
func TestMemoryLimit(t *testing.T) {
	limits.SetLimit(1 << 20)
	defer limits.SetLimit(0)
	zeros := make([]float32, 1<<18)
	var b bytes.Buffer
	if err := Write(&b, nil, func(yield func(row, error) bool) { yield(row{Vector: zeros}, nil) }); err != nil {
		t.Fatal(err)
	}
	if _, _, _, _, err := columns(b.Bytes()); !errors.Is(err, limits.ErrBudget) {
		t.Errorf("error %v", err)
	}
}

func TestErrors(t *testing.T) {
	failed := errors.New("failed")
	err := Write(&bytes.Buffer{}, nil, func(yield func(row, error) bool) { yield(row{}, failed) })
	if !errors.Is(err, failed) {
		t.Error(err)
	}
	type odd struct {
		X complex64 `parquet:"x"`
	}
	if err := Write(&bytes.Buffer{}, nil, func(func(odd, error) bool) {}); err == nil {
		t.Error("a column of complex numbers is written")
	}
}
