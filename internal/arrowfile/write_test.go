package arrowfile

import (
	"bytes"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

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
