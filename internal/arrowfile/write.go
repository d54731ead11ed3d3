// Package arrowfile writes typed tables as files of Arrow, which pandas, polars and DuckDB map
// into memory, and reads tables that they wrote. The sizes in a file are checked before package
// ipc uses them, because it allocates what they claim: see check.go.
//
// https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
package arrowfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/clipcue/clipcue/internal/parquetfile"
)

// batchRows is the number of rows in a record batch, which is in memory.
const batchRows = 4096

// Write writes rows, whose columns are the fields of T with a tag "parquet", so that one type
// describes both kinds of tables. about is JSON in the metadata of the schema.
func Write[T any](w io.Writer, about any, rows iter.Seq2[T, error]) error {
	data, err := json.Marshal(about)
	if err != nil {
		return err
	}
	fields, err := columnsOf(reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	metadata := arrow.NewMetadata([]string{parquetfile.Key}, []string{string(data)})
	schema := arrow.NewSchema(fields, &metadata)
	out, err := ipc.NewFileWriter(w, ipc.WithSchema(schema))
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	n := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		appendRow(b, reflect.ValueOf(row))
		if n++; n%batchRows == 0 {
			if err := flush(out, b); err != nil {
				return err
			}
		}
	}
	return errors.Join(flush(out, b), out.Close())
}

func flush(out *ipc.FileWriter, b *array.RecordBuilder) error {
	batch := b.NewRecordBatch()
	defer batch.Release()
	if batch.NumRows() == 0 {
		return nil
	}
	return out.Write(batch)
}

// types are the types of columns by those of fields.
var types = map[reflect.Type]arrow.DataType{
	reflect.TypeFor[string]():    arrow.BinaryTypes.String,
	reflect.TypeFor[int64]():     arrow.PrimitiveTypes.Int64,
	reflect.TypeFor[[]float32](): arrow.ListOfNonNullable(arrow.PrimitiveTypes.Float32),
}

func columnsOf(row reflect.Type) (fields []arrow.Field, err error) {
	for f := range row.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		t, ok := types[f.Type]
		if f.Type.Kind() == reflect.Float64 {
			t, ok = arrow.PrimitiveTypes.Float64, true
		}
		if !ok {
			return nil, fmt.Errorf("column %s has the type %s", name, f.Type)
		}
		fields = append(fields, arrow.Field{Name: name, Type: t})
	}
	return fields, nil
}

func appendRow(b *array.RecordBuilder, row reflect.Value) {
	for i, column := range b.Fields() {
		switch c := column.(type) {
		case *array.StringBuilder:
			c.Append(row.Field(i).String())
		case *array.Int64Builder:
			c.Append(row.Field(i).Int())
		case *array.Float64Builder:
			c.Append(row.Field(i).Float())
		case *array.ListBuilder:
			c.Append(true)
			values, _ := row.Field(i).Interface().([]float32)
			c.ValueBuilder().(*array.Float32Builder).AppendValues(values, nil)
		}
	}
}
