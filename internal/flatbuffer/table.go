// Package flatbuffer reads FlatBuffers without generated code, with the positions that
// generated code computes. As there, an offset that leads out of the buffer is a panic.
// https://flatbuffers.dev/internals
package flatbuffer

import (
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Table is a table in a buffer. In the zero value, all fields are missing.
type Table struct{ t flatbuffers.Table }

// Root returns the table at the root of a buffer.
func Root(data []byte) Table {
	return Table{flatbuffers.Table{Bytes: data, Pos: flatbuffers.GetUOffsetT(data)}}
}

// at returns the position of a field, and false if it is missing.
func (t Table) at(field int) (flatbuffers.UOffsetT, bool) {
	if t.Missing() {
		return 0, false
	}
	o := t.t.Offset(flatbuffers.VOffsetT(4 + 2*field))
	return t.t.Pos + flatbuffers.UOffsetT(o), o != 0
}

// Table returns the table in a field, the zero Table if it is missing.
func (t Table) Table(field int) Table {
	at, ok := t.at(field)
	if !ok {
		return Table{}
	}
	return Table{flatbuffers.Table{Bytes: t.t.Bytes, Pos: t.t.Indirect(at)}}
}

// Missing reports whether the table is the zero Table.
func (t Table) Missing() bool { return t.t.Bytes == nil }

// Byte returns the number in a field, and the default if it is missing.
func (t Table) Byte(field int, missing byte) byte {
	if at, ok := t.at(field); ok {
		return t.t.GetByte(at)
	}
	return missing
}

// Int64 returns the number in a field, 0 if it is missing.
func (t Table) Int64(field int) int64 {
	if at, ok := t.at(field); ok {
		return t.t.GetInt64(at)
	}
	return 0
}

// Text returns the string in a field, "" if it is missing.
func (t Table) Text(field int) string {
	v := t.Vector(field, 1)
	return string(t.t.Bytes[v.start:][:v.Len])
}

// Vector is a list in a buffer.
type Vector struct {
	Len   int
	t     flatbuffers.Table
	start flatbuffers.UOffsetT
	size  int
}

// Vector returns the list in a field, whose elements have size bytes; offsets of tables have 4.
// It panics if the list is longer than the buffer, which generated code does only when an
// element is read.
func (t Table) Vector(field, size int) Vector {
	if _, ok := t.at(field); !ok {
		return Vector{}
	}
	o := flatbuffers.UOffsetT(t.t.Offset(flatbuffers.VOffsetT(4 + 2*field)))
	v := Vector{t.t.VectorLen(o), t.t, t.t.Vector(o), size}
	if int64(v.Len)*int64(size) > int64(len(t.t.Bytes))-int64(v.start) {
		panic(fmt.Errorf("a list of %d elements is longer than its buffer", v.Len))
	}
	return v
}

func (v Vector) at(i int) flatbuffers.UOffsetT {
	return v.start + flatbuffers.UOffsetT(i*v.size)
}

// Table returns element i, a table.
func (v Vector) Table(i int) Table {
	return Table{flatbuffers.Table{Bytes: v.t.Bytes, Pos: v.t.Indirect(v.at(i))}}
}

// Int64 returns the number at a byte of element i.
func (v Vector) Int64(i, at int) int64 { return v.t.GetInt64(v.at(i) + flatbuffers.UOffsetT(at)) }

// Int32 returns the number at a byte of element i.
func (v Vector) Int32(i, at int) int32 { return v.t.GetInt32(v.at(i) + flatbuffers.UOffsetT(at)) }
