package parquetfile

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
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
func arrowPerSecond(data []byte, column string) float64 {
	if len(data) < 12 {
		return 1
	}
	if binary.LittleEndian.Uint32(data) == math.MaxUint32 { // a mark before the size of the message
		data = data[4:]
	}
	schema := place{data: data[4:]}.follow().table(2)
	fields := schema.at(1).follow()
	for i := range min(int(fields.uint32()), len(data)/4) {
		field := fields.skip(4 + 4*i).follow()
		if name := field.at(0).follow(); name.text() == column && field.at(2).byte() == arrowDuration {
			unit := field.table(3).at(0)
			if unit.data == nil {
				return 1000 // the default
			}
			return math.Pow(1000, float64(unit.byte()&3))
		}
	}
	return 1
}

const arrowDuration = 18 // of Arrow's union of types

// place is a position in a FlatBuffer; its data are nil if it is missing or outside.
// https://flatbuffers.dev/internals
type place struct {
	data []byte // the whole buffer
	pos  int
}

func (p place) skip(n int) place {
	if p.data == nil || n < 0 || n > len(p.data)-p.pos {
		return place{}
	}
	return place{p.data, p.pos + n}
}

func (p place) bytes(n int) []byte {
	if end := p.skip(n); end.data != nil {
		return p.data[p.pos:end.pos]
	}
	return make([]byte, n)
}

func (p place) byte() byte     { return p.bytes(1)[0] }
func (p place) uint32() uint32 { return binary.LittleEndian.Uint32(p.bytes(4)) }

// text returns the string that starts at its size.
func (p place) text() string {
	n := p.uint32()
	if n > maxHeader || p.skip(4+int(n)).data == nil {
		return ""
	}
	return string(p.skip(4).bytes(int(n)))
}

// follow returns the place that the offset at p refers to.
func (p place) follow() place { return p.skip(int(p.uint32())) }

// at returns the place of a field of the table at p.
func (p place) at(field int) place {
	start := p.pos - int(int32(p.uint32()))
	if p.data == nil || start < 0 || start > len(p.data) {
		return place{}
	}
	v := place{p.data, start}
	if size := int(binary.LittleEndian.Uint16(v.bytes(2))); 4+2*field+2 > size {
		return place{}
	}
	offset := int(binary.LittleEndian.Uint16(v.skip(4 + 2*field).bytes(2)))
	if offset == 0 {
		return place{}
	}
	return p.skip(offset)
}

// table returns the table that a field refers to.
func (p place) table(field int) place { return p.at(field).follow() }
