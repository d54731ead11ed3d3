package arrowfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/clipcue/clipcue/internal/flatbuffer"
)

// Package ipc allocates what the vectors of the metadata claim to hold. These are the
// numbers of the fields that it reads, in the tables of
// https://github.com/apache/arrow/tree/main/format (Schema.fbs, Message.fbs, File.fbs).
const (
	footerSchema, footerDictionaries, footerBatches     = 1, 2, 3
	schemaFields, schemaMetadata                        = 1, 2
	fieldName, fieldChildren, fieldMetadata             = 0, 5, 6
	messageHeader, messageMetadata                      = 2, 4
	dictionaryData                                      = 1
	batchLength, batchNodes, batchBuffers, batchViews   = 0, 1, 2, 4
	blockSize, nodeSize, bufferSize, viewSize, pairSize = 24, 16, 16, 8, 4 // bytes in a vector

	tail = 4 + len(magic) // size of the footer and magic at the end of a file

	maxFields = 10_000 // fields and metadata of a file: few bytes can refer to one thing often
	maxText   = 16 << 20
)

const magic = "ARROW1"

// checker checks the metadata of a file before package ipc reads them.
type checker struct {
	r      io.ReaderAt
	size   int64
	fields int   // counted so far
	text   int   // bytes of names and metadata so far
	blocks int64 // bytes of blocks so far
	rows   int64 // of the batches so far
}

// check checks a file and counts its rows.
func (c *checker) check() error {
	end := make([]byte, tail)
	if c.size < int64(2*len(magic)+tail) {
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	if _, err := c.r.ReadAt(end, c.size-int64(tail)); err != nil {
		return err
	}
	if string(end[4:]) != magic {
		return c.foreign()
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if n > c.size-int64(tail) {
		return fmt.Errorf("%w: the footer has %d bytes in a file of %d", ErrDamaged, n, c.size)
	}
	data := make([]byte, n)
	if _, err := c.r.ReadAt(data, c.size-int64(tail)-n); err != nil {
		return err
	}
	footer := flatbuffer.Root(data)
	schema := footer.Table(footerSchema)
	if err := c.tables(schema, schemaFields); err != nil {
		return err
	}
	if err := c.metadata(schema, schemaMetadata); err != nil {
		return err
	}
	if err := c.messages(footer, footerDictionaries, true); err != nil {
		return err
	}
	return c.messages(footer, footerBatches, false)
}

// foreign returns the error for a file that does not end as an Arrow file.
func (c *checker) foreign() error {
	start := make([]byte, len(magic))
	if _, err := c.r.ReadAt(start, 0); err != nil {
		return err
	}
	switch {
	case string(start) == magic:
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	case string(start[:4]) == "FEA1":
		return fmt.Errorf("it is a file of Feather version 1; write it with version 2")
	case string(start[:4]) == "\xff\xff\xff\xff":
		return fmt.Errorf("it is a stream of Arrow; write a file, such as with pyarrow.ipc.new_file")
	}
	return fmt.Errorf("%w: it is not an Arrow file", ErrDamaged)
}

var errVector = fmt.Errorf("%w: a list in its metadata is longer than the metadata", ErrDamaged)

// vector is Vector, with an error.
func vector(p flatbuffer.Place, field, size int) (flatbuffer.Place, int, error) {
	first, n, ok := p.Vector(field, size)
	if !ok {
		return first, n, errVector
	}
	return first, n, nil
}

// count adds to the numbers of fields and bytes of text.
func (c *checker) count(fields, text int) error {
	c.fields += fields
	c.text += text
	if c.fields > maxFields || c.text > maxText {
		return fmt.Errorf("its schema and metadata have more than %d fields or %d bytes of text", maxFields, maxText)
	}
	return nil
}

// tables checks the fields in a field of a schema or of another field.
func (c *checker) tables(p flatbuffer.Place, list int) error {
	first, n, err := vector(p, list, 4)
	if err != nil {
		return err
	}
	if err := c.count(n, 0); err != nil {
		return err
	}
	for i := range n {
		field := first.Skip(4 * i).Follow()
		_, name, err := vector(field, fieldName, 1)
		if err == nil {
			err = c.count(0, name)
		}
		if err == nil {
			err = c.metadata(field, fieldMetadata)
		}
		if err == nil {
			err = c.tables(field, fieldChildren)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// metadata checks the pairs of strings in a field.
func (c *checker) metadata(p flatbuffer.Place, field int) error {
	first, n, err := vector(p, field, pairSize)
	if err != nil {
		return err
	}
	if err := c.count(n, 0); err != nil {
		return err
	}
	for i := range n {
		pair := first.Skip(pairSize * i).Follow()
		for part := range 2 {
			_, text, err := vector(pair, part, 1)
			if err == nil {
				err = c.count(0, text)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// messages checks the messages that the blocks in a field of the footer refer to.
func (c *checker) messages(footer flatbuffer.Place, field int, dictionaries bool) error {
	first, n, err := vector(footer, field, blockSize)
	if err != nil {
		return err
	}
	for i := range n {
		block := first.Skip(blockSize * i)
		at, meta, body := block.Int64(), int64(block.Skip(8).Uint32()), block.Skip(16).Int64()
		if at < 0 || body < 0 || at > c.size || meta > c.size-at || body > c.size-at-meta {
			return fmt.Errorf("%w: a block of %d and %d bytes at %d of a file of %d", ErrDamaged, meta, body, at, c.size)
		}
		if c.blocks += meta + body; c.blocks > c.size {
			return fmt.Errorf("%w: its blocks overlap", ErrDamaged)
		}
		data := make([]byte, meta)
		if _, err := c.r.ReadAt(data, at); err != nil {
			return err
		}
		if err := c.message(data, body, dictionaries); err != nil {
			return err
		}
	}
	return nil
}

// message checks the metadata of a message with body bytes.
func (c *checker) message(data []byte, body int64, dictionary bool) error {
	if len(data) < 8 {
		return fmt.Errorf("%w: a message of %d bytes", ErrDamaged, len(data))
	}
	if string(data[:4]) == "\xff\xff\xff\xff" { // a mark before the size of the message
		data = data[4:]
	}
	message := flatbuffer.Root(data[4:])
	if err := c.metadata(message, messageMetadata); err != nil {
		return err
	}
	batch := message.Table(messageHeader)
	if dictionary {
		batch = batch.Table(dictionaryData)
	}
	length := batch.At(batchLength).Int64()
	if length < 0 || c.rows+length < 0 {
		return fmt.Errorf("%w: a batch of %d rows", ErrDamaged, length)
	}
	if !dictionary {
		c.rows += length
	}
	if _, _, err := vector(batch, batchNodes, nodeSize); err != nil {
		return err
	}
	return c.buffers(batch, body)
}

// buffers checks the buffers of a batch with body bytes.
func (c *checker) buffers(batch flatbuffer.Place, body int64) error {
	first, n, err := vector(batch, batchBuffers, bufferSize)
	if err != nil {
		return err
	}
	for i := range n {
		b := first.Skip(bufferSize * i)
		at, size := b.Int64(), b.Skip(8).Int64()
		if at < 0 || size < 0 || at%8 != 0 || at > body || size > body-at {
			return fmt.Errorf("%w: a buffer of %d bytes at %d of %d", ErrDamaged, size, at, body)
		}
	}
	first, views, err := vector(batch, batchViews, viewSize)
	if err != nil {
		return err
	}
	for i := range views {
		if k := first.Skip(viewSize * i).Int64(); k < 0 || k > int64(n) {
			return fmt.Errorf("%w: %d of %d buffers for one column", ErrDamaged, k, n)
		}
	}
	return nil
}
