package parquetfile

import (
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"github.com/clipcue/clipcue/internal/memory"
)

const (
	maxPage   = 256 << 20 // bytes, of the largest page
	maxHeader = 1 << 20   // bytes, of the header of a page
	maxValues = 64 << 20  // of a page
)

// checkPages checks the sizes of the pages of a column in a row group.
func (f *File) checkPages(group, column int) error {
	m := f.file.Metadata().RowGroups[group].Columns[column].MetaData
	at, left := m.DataPageOffset, m.TotalCompressedSize
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	if at < 0 || left < 0 || at > f.size || left > f.size-at {
		return fmt.Errorf("%w: %d bytes at %d of a file of %d", ErrDamaged, left, at, f.size)
	}
	end := at + left
	for at < end {
		header, n, err := f.pageHeader(at, end)
		if err != nil {
			return err
		}
		at += n
		size := int64(header.CompressedPageSize)
		if size < 0 || size > end-at {
			return fmt.Errorf("%w: a page of %d bytes in %d", ErrDamaged, size, end-at)
		}
		if err := f.checkPage(header, m.Codec, at); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// pageHeader reads the header of the page at an offset, and returns its size.
func (f *File) pageHeader(at, end int64) (h format.PageHeader, n int64, err error) {
	data := make([]byte, min(maxHeader, end-at))
	if _, err := f.r.ReadAt(data, at); err != nil {
		return h, 0, err
	}
	s := scanner{rest: data}
	s.structure(0)
	if s.bad {
		return h, 0, fmt.Errorf("%w: the header of a page", ErrDamaged)
	}
	data = data[:len(data)-len(s.rest)]
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data, &h); err != nil {
		return h, 0, fmt.Errorf("%w: the header of a page: %w", ErrDamaged, err)
	}
	return h, int64(len(data)), nil
}

// checkPage checks that a page is not larger than its header says, and not too large.
func (f *File) checkPage(h format.PageHeader, codec format.CompressionCodec, at int64) error {
	if h.DataPageHeaderV2.Valid && h.DataPageHeaderV2.V.IsCompressed.Valid && !h.DataPageHeaderV2.V.IsCompressed.V {
		codec = format.Uncompressed
	}
	values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
	size := int64(h.UncompressedPageSize)
	if size < 0 || size > maxPage || values > maxValues {
		return fmt.Errorf("a page has %d bytes and %d values, more than %d or %d", size, values, int64(maxPage), int64(maxValues))
	}
	release, err := memory.Request(size+valueSize*int64(values), "a page of a Parquet file")
	if err != nil {
		return err
	}
	defer release()
	levels := int64(0) // of version 2, which are not compressed
	if h.DataPageHeaderV2.Valid {
		v2 := h.DataPageHeaderV2.V
		levels = int64(v2.RepetitionLevelsByteLength) + int64(v2.DefinitionLevelsByteLength)
		if v2.RepetitionLevelsByteLength < 0 || v2.DefinitionLevelsByteLength < 0 || levels > min(size, int64(h.CompressedPageSize)) {
			return fmt.Errorf("%w: levels of %d bytes in a page of %d", ErrDamaged, levels, size)
		}
	}
	// Package parquet returns the content of another buffer for pages of LZ4 that are larger.
	if packed := int64(h.CompressedPageSize) - levels; codec == format.Lz4Raw && lz4Guess*packed > size-levels {
		return fmt.Errorf("a page with compression %s of %d bytes in %d is not supported; write the file with zstd or snappy", codec, size-levels, packed)
	}
	unpacked, err := unpackedSize(codec, io.NewSectionReader(f.r, at+levels, int64(h.CompressedPageSize)-levels), size-levels+1)
	if err == nil && unpacked > size-levels {
		err = fmt.Errorf("%w: a page of more than %d bytes", ErrDamaged, size)
	}
	return err
}

// lz4Guess is how many times larger than its compressed data package parquet expects a page
// of LZ4 to be.
const lz4Guess = 3

// valueSize is the memory that a decoded value needs at most, in bytes, besides its content.
const valueSize = 32

// unpackedSize returns the size of a compressed page, up to most.
func unpackedSize(codec format.CompressionCodec, page *io.SectionReader, most int64) (int64, error) {
	switch codec {
	case format.Uncompressed:
		return page.Size(), nil
	case format.Snappy:
		data, err := io.ReadAll(page)
		if err != nil {
			return 0, err
		}
		n, err := snappy.DecodedLen(data)
		return int64(n), err
	case format.Gzip:
		z, err := gzip.NewReader(page)
		if err != nil {
			return 0, err
		}
		return io.Copy(io.Discard, io.LimitReader(z, most))
	case format.Zstd:
		z, err := zstd.NewReader(page, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxPage))
		if err != nil {
			return 0, err
		}
		defer z.Close()
		return io.Copy(io.Discard, io.LimitReader(z, most))
	case format.Lz4Raw:
		data, err := io.ReadAll(page)
		if err != nil {
			return 0, err
		}
		n, err := lz4.UncompressBlock(data, make([]byte, most)) // fails if it needs more
		return int64(n), err
	}
	return 0, fmt.Errorf("compression %s is not supported; write the file with zstd or snappy", codec)
}
