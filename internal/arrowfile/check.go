package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/clipcue/clipcue/internal/flatbuffer"
)

// Package ipc allocates what the vectors of the metadata claim to hold. These are the
// numbers of the fields that it reads, in the tables of
// https://github.com/apache/arrow/tree/main/format (Schema.fbs, Message.fbs, File.fbs).
const (
	footerSchema, footerDictionaries, footerBatches                     = 1, 2, 3
	schemaFields, schemaMetadata                                        = 1, 2
	fieldName, fieldType, fieldDictionary, fieldChildren, fieldMetadata = 0, 2, 4, 5, 6
	binaryView, textView                                                = 23, 24 // values of fieldType
	messageHeader, messageMetadata                                      = 2, 4
	dictionaryID, dictionaryData                                        = 0, 1
	batchLength, batchNodes, batchBuffers, batchViews                   = 0, 1, 2, 4
	blockSize, nodeSize, bufferSize, viewSize                           = 24, 16, 16, 8 // bytes in a vector

	tail = 4 + len(magic) // size of the footer and magic at the end of a file

	maxFields = 10_000 // fields and metadata of a file: few bytes can refer to one thing often
	maxText   = 16 << 20
)

const (
	magic = "ARROW1"
	mark  = "\xff\xff\xff\xff" // before the size of a message
)

// checker checks the metadata of a file before package ipc reads them.
type checker struct {
	r            io.ReaderAt
	size         int64
	fields       int   // counted so far
	text         int   // bytes of names and metadata so far
	blocks       int64 // bytes of blocks so far
	columns      need
	dictionaries map[int64]need // by ID
	rows         int64          // of the batches so far
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
	if err := c.tables(schema, schemaFields, &c.columns); err != nil {
		return err
	}
	if err := c.metadata(schema, schemaMetadata); err != nil {
		return err
	}
	if err := c.messages(footer.Vector(footerDictionaries, blockSize), true); err != nil {
		return err
	}
	return c.messages(footer.Vector(footerBatches, blockSize), false)
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
		return errors.New("it is a file of Feather version 1; write it with version 2")
	case string(start[:4]) == "PAR1":
		return errors.New("it is a Parquet file; name it .parquet")
	case string(start[:4]) == mark:
		return errors.New("it is a stream of Arrow; write a file, such as with pyarrow.ipc.new_file")
	}
	return fmt.Errorf("%w: it is not an Arrow file", ErrDamaged)
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

// need is what package ipc reads of a batch, whether it is there or not.
type need struct {
	nodes int // a column or its part
	views int // columns whose values are in a number of buffers that the batch says
}

// tables checks the list of fields in a schema or in another field, and adds what batches need for
// them. The values of a field with a dictionary are in another batch than its rows.
func (c *checker) tables(t flatbuffer.Table, list int, n *need) error {
	fields := t.Vector(list, 4)
	if err := c.count(fields.Len, 0); err != nil {
		return err
	}
	for i := range fields.Len {
		field := fields.Table(i)
		n.nodes++
		of := n
		dictionary := field.Table(fieldDictionary)
		if !dictionary.Missing() {
			of = &need{nodes: 1}
		}
		if kind := field.Byte(fieldType, 0); kind == binaryView || kind == textView {
			of.views++
		}
		err := c.count(0, field.Vector(fieldName, 1).Len)
		if err == nil {
			err = c.metadata(field, fieldMetadata)
		}
		if err == nil {
			err = c.tables(field, fieldChildren, of)
		}
		if err != nil {
			return err
		}
		if !dictionary.Missing() {
			id := dictionary.Int64(dictionaryID)
			old := c.dictionaries[id]
			c.dictionaries[id] = need{max(old.nodes, of.nodes), max(old.views, of.views)}
		}
	}
	return nil
}

// metadata checks the list of pairs of strings in a table.
func (c *checker) metadata(t flatbuffer.Table, list int) error {
	pairs := t.Vector(list, 4)
	if err := c.count(pairs.Len, 0); err != nil {
		return err
	}
	for i := range pairs.Len {
		pair := pairs.Table(i)
		if err := c.count(0, pair.Vector(0, 1).Len+pair.Vector(1, 1).Len); err != nil {
			return err
		}
	}
	return nil
}

// messages checks the messages of blocks.
func (c *checker) messages(blocks flatbuffer.Vector, dictionaries bool) error {
	for i := range blocks.Len {
		at, meta, body := blocks.Int64(i, 0), int64(blocks.Int32(i, 8)), blocks.Int64(i, 16)
		if at < 0 || meta < 8 || body < 0 || at > c.size || meta > c.size-at || body > c.size-at-meta {
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
	if string(data[:4]) == mark {
		data = data[4:]
	}
	message := flatbuffer.Root(data[4:])
	if err := c.metadata(message, messageMetadata); err != nil {
		return err
	}
	batch, n := message.Table(messageHeader), c.columns
	if dictionary {
		n = c.dictionaries[batch.Int64(dictionaryID)]
		batch = batch.Table(dictionaryData)
	} else {
		rows := batch.Int64(batchLength)
		if rows < 0 || c.rows+rows < 0 {
			return fmt.Errorf("%w: a batch of %d rows", ErrDamaged, rows)
		}
		c.rows += rows
	}
	nodes, views := batch.Vector(batchNodes, nodeSize), batch.Vector(batchViews, viewSize)
	if nodes.Len < n.nodes || views.Len < n.views {
		return fmt.Errorf("%w: a batch describes %d of %d columns and %d of %d views", ErrDamaged, nodes.Len, n.nodes, views.Len, n.views)
	}
	buffers := batch.Vector(batchBuffers, bufferSize)
	for i := range buffers.Len {
		at, size := buffers.Int64(i, 0), buffers.Int64(i, 8)
		if at < 0 || size < 0 || at%8 != 0 || at > body || size > body-at {
			return fmt.Errorf("%w: a buffer of %d bytes at %d of %d", ErrDamaged, size, at, body)
		}
	}
	for i := range views.Len {
		if n := views.Int64(i, 0); n < 0 || n > int64(buffers.Len) {
			return fmt.Errorf("%w: %d of %d buffers for one column", ErrDamaged, n, buffers.Len)
		}
	}
	return nil
}
