// Package flatbuffer reads FlatBuffers of any content without their schema. A position
// outside the buffer reads as missing, where the generated code would panic.
// https://flatbuffers.dev/internals
package flatbuffer

import "encoding/binary"

// Place is a position in a buffer. The zero value is a missing one.
type Place struct {
	data []byte // the whole buffer; nil if the place is missing
	pos  int
}

// Root returns the table at the root of a buffer.
func Root(data []byte) Place { return Place{data: data}.Follow() }

// Missing reports whether the place is missing or outside the buffer.
func (p Place) Missing() bool { return p.data == nil }

// Skip returns the place n bytes further.
func (p Place) Skip(n int) Place {
	if p.data == nil || n < 0 || n > len(p.data)-p.pos {
		return Place{}
	}
	return Place{p.data, p.pos + n}
}

// bytes returns n bytes, which are 0 if they are missing.
func (p Place) bytes(n int) []byte {
	if end := p.Skip(n); end.data != nil {
		return p.data[p.pos:end.pos]
	}
	return make([]byte, n)
}

// Byte returns the number at a place, 0 if it is missing.
func (p Place) Byte() byte { return p.bytes(1)[0] }

// Uint32 returns the number at a place, 0 if it is missing.
func (p Place) Uint32() uint32 { return binary.LittleEndian.Uint32(p.bytes(4)) }

// Int64 returns the number at a place, 0 if it is missing.
func (p Place) Int64() int64 { return int64(binary.LittleEndian.Uint64(p.bytes(8))) }

// Follow returns the place that the offset at p refers to.
func (p Place) Follow() Place { return p.Skip(int(p.Uint32())) }

// At returns the place of a field of the table at p.
func (p Place) At(field int) Place {
	start := p.pos - int(int32(p.Uint32()))
	if p.data == nil || start < 0 || start > len(p.data) {
		return Place{}
	}
	v := Place{p.data, start}
	if size := int(binary.LittleEndian.Uint16(v.bytes(2))); 4+2*field+2 > size {
		return Place{}
	}
	offset := int(binary.LittleEndian.Uint16(v.Skip(4 + 2*field).bytes(2)))
	if offset == 0 {
		return Place{}
	}
	return p.Skip(offset)
}

// Table returns the table that a field of the table at p refers to.
func (p Place) Table(field int) Place { return p.At(field).Follow() }

// Text returns the string that a field of the table at p refers to, "" if it is missing.
func (p Place) Text(field int) string {
	s, n, _ := p.Vector(field, 1)
	return string(s.bytes(n))
}

// Vector returns the first of the n elements, of size bytes each, that a field of the table
// at p refers to. ok is false if the buffer ends before the last of them.
func (p Place) Vector(field, size int) (first Place, n int, ok bool) {
	at := p.At(field)
	if at.Missing() {
		return Place{}, 0, true
	}
	v := at.Follow()
	count := int64(v.Uint32())
	first = v.Skip(4)
	if first.Missing() || count*int64(size) > int64(len(first.data)-first.pos) {
		return Place{}, 0, false
	}
	return first, int(count), true
}
