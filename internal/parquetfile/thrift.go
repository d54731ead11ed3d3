package parquetfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/clipcue/clipcue/internal/memory"
)

// maxFooter is the size of the largest metadata that is read, in bytes. Those of a file with
// thousands of row groups have less.
const maxFooter = 8 << 20

// footerShare is how much memory the metadata need, as a multiple of their size.
const footerShare = 100

// checkFooter checks the sizes in the metadata at the end of a file.
func checkFooter(r io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return fmt.Errorf("%w: it has %d bytes", ErrDamaged, size)
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil && err != io.EOF {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	switch {
	case string(end[4:]) == "PARE":
		return fmt.Errorf("an encrypted Parquet file is not supported")
	case string(end[4:]) != "PAR1":
		return fmt.Errorf("%w: it does not end with PAR1", ErrDamaged)
	case n > size-12 || n > maxFooter:
		return fmt.Errorf("%w: metadata of %d bytes in a file of %d", ErrDamaged, n, size)
	}
	release, err := memory.Request(n*footerShare, "the metadata of a Parquet file")
	if err != nil {
		return err
	}
	defer release()
	data := make([]byte, n)
	if _, err := r.ReadAt(data, size-8-n); err != nil {
		return err
	}
	s := scanner{rest: data}
	s.structure(0)
	if s.bad {
		return fmt.Errorf("%w: metadata that are no structure", ErrDamaged)
	}
	return nil
}

// scanner checks a structure in Thrift's compact protocol: what it claims to hold must be
// there. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
type scanner struct {
	rest []byte
	bad  bool
}

func (s *scanner) skip(n uint64) {
	if n > uint64(len(s.rest)) {
		s.bad, n = true, uint64(len(s.rest))
	}
	s.rest = s.rest[n:]
}

func (s *scanner) byte() byte {
	if len(s.rest) == 0 {
		s.bad = true
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *scanner) varint() uint64 {
	x, n := binary.Uvarint(s.rest)
	if n <= 0 {
		s.bad = true
		return 0
	}
	s.rest = s.rest[n:]
	return x
}

// maxDepth is that of Parquet's metadata, and some more.
const maxDepth = 16

// structure skips the fields of a structure.
func (s *scanner) structure(depth int) {
	s.bad = s.bad || depth > maxDepth
	for !s.bad {
		field := s.byte()
		if field == 0 {
			return
		}
		if field>>4 == 0 { // the number of the field follows
			s.varint()
		}
		if kind := field & 15; kind > 2 { // true and false have no value
			s.value(kind, depth+1)
		}
	}
}

// value skips a value that is not the boolean of a field.
func (s *scanner) value(kind byte, depth int) {
	switch kind {
	case 1, 2, 3: // boolean, byte
		s.byte()
	case 4, 5, 6: // integers
		s.varint()
	case 7: // float64
		s.skip(8)
	case 8: // bytes
		s.skip(s.varint())
	case 9, 10: // list, set
		s.list(depth)
	case 12:
		s.structure(depth)
	default: // Parquet has no maps
		s.bad = true
	}
}

func (s *scanner) list(depth int) {
	head := s.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = s.varint()
	}
	if n > uint64(len(s.rest)) || depth > maxDepth { // an element has at least a byte
		s.bad = true
	}
	for ; n > 0 && !s.bad; n-- {
		s.value(head&15, depth+1)
	}
}
