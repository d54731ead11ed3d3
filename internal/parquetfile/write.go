package parquetfile

import (
	"encoding/json"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"
)

// groupRows is the number of rows in a row group. Its rows are in memory.
const groupRows = 64 << 10

// Write writes rows, whose columns are the fields of T with a tag "parquet". about is JSON in
// the file's metadata.
func Write[T any](w io.Writer, about any, rows iter.Seq2[T, error]) error {
	data, err := json.Marshal(about)
	if err != nil {
		return err
	}
	out := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows),
		parquet.KeyValueMetadata(Key, string(data)), parquet.CreatedBy("clipcue", "", ""))
	for row, err := range rows {
		if err == nil {
			_, err = out.Write([]T{row})
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}
