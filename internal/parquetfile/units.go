package parquetfile

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/clipcue/clipcue/internal/flatbuffer"
)

// PerSecond returns the number of units per second of a column of times since the start of a
// video: 1 for plain numbers. It returns an error for dates and other types without a unit.
func (f *File) PerSecond(column string) (float64, error) {
	c, err := f.leaf(column)
	if err != nil {
		return 0, err
	}
	logical := c.Type().LogicalType()
	if logical == nil || logical.Value == nil {
		return f.durationPerSecond(column), nil
	}
	switch t := logical.Value.(type) {
	case *format.TimeType:
		if t.Unit.Value != nil {
			return float64(time.Second / t.Unit.Value.Duration()), nil
		}
	case *format.IntType: // package parquet gives it to integers without a logical type
		return f.durationPerSecond(column), nil
	}
	return 0, fmt.Errorf("column %s has values of type %v instead of seconds; write it as a column of float64 in seconds", column, logical)
}

// CheckNumbers returns an error for a column whose stored integers are not its values, such as decimals
// and dates.
func (f *File) CheckNumbers(column string) error {
	c, err := f.leaf(column)
	if err != nil {
		return err
	}
	logical := c.Type().LogicalType()
	if kind := c.Type().Kind(); kind != parquet.Int32 && kind != parquet.Int64 || logical == nil || logical.Value == nil {
		return nil
	}
	if _, ok := logical.Value.(*format.IntType); ok {
		return nil
	}
	return fmt.Errorf("column %s has values of type %v instead of numbers; write it as a column of float64", column, logical)
}

// durationPerSecond returns the units per second of a column of Arrow's type duration, of which
// only the schema of Arrow in the metadata knows; 1 for other columns.
func (f *File) durationPerSecond(column string) float64 {
	data, err := base64.StdEncoding.DecodeString(f.Lookup("ARROW:schema"))
	if err != nil {
		return 1
	}
	return arrowPerSecond(data, column)
}

// arrowPerSecond reads the message with a schema of Arrow.
func arrowPerSecond(data []byte, column string) (perSecond float64) {
	defer func() {
		if recover() != nil { // it is damaged
			perSecond = 1
		}
	}()
	if binary.LittleEndian.Uint32(data) == math.MaxUint32 { // a mark before the size of the message
		data = data[4:]
	}
	fields := flatbuffer.Root(data[4:]).Table(2).Vector(1, 4)
	for i := range fields.Len {
		field := fields.Table(i)
		if field.Text(0) == column && field.Byte(2, 0) == arrowDuration {
			const milliseconds = 1
			return math.Pow(1000, float64(field.Table(3).Byte(0, milliseconds)&3))
		}
	}
	return 1
}

const arrowDuration = 18 // of Arrow's union of types
