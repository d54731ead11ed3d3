package vector

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// The log of a generation has two commits of a page each, and then a record of 32 bytes for
// every vector that was added or deleted, in this order. All numbers are little-endian.
// Records after those that the commit counts are not part of the index.

const (
	magic      = "clipvec1"
	page       = 4096 // so that the two commits never share a sector of the disk
	logStart   = 2 * page
	commitSize = 44
	recordSize = 32
	maxWidth   = 1 << 16
	maxRows    = math.MaxInt32
)

// castagnoli is computed by special instructions on amd64 and arm64.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// commit is a state of the index: how much of its files is valid.
type commit struct {
	number        uint64 // rises
	width         int
	records, rows int
}

func (c commit) encode() []byte {
	b := make([]byte, commitSize)
	copy(b, magic)
	binary.LittleEndian.PutUint64(b[8:], c.number)
	binary.LittleEndian.PutUint64(b[16:], uint64(c.width))
	binary.LittleEndian.PutUint64(b[24:], uint64(c.records))
	binary.LittleEndian.PutUint64(b[32:], uint64(c.rows))
	binary.LittleEndian.PutUint32(b[40:], checksum(b[:40]))
	return b
}

// decodeCommit reports false for anything but a complete commit.
func decodeCommit(b []byte) (c commit, ok bool) {
	if len(b) < commitSize || string(b[:8]) != magic || binary.LittleEndian.Uint32(b[40:]) != checksum(b[:40]) {
		return c, false
	}
	width, records, rows := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint64(b[32:])
	if width < 1 || width > maxWidth || rows > maxRows || records > 2*maxRows || rows > records {
		return c, false
	}
	return commit{binary.LittleEndian.Uint64(b[8:]), int(width), int(records), int(rows)}, true
}

// lastCommit reads the start of a log. A commit is written to the first page, and to the
// second when the first is on the disk, so at most one of them can be torn.
func lastCommit(b []byte) (c commit, ok bool) {
	for at := 0; at < logStart; at += page {
		if other, whole := decodeCommit(b[min(at, len(b)):]); whole && (!ok || other.number > c.number) {
			c, ok = other, true
		}
	}
	return c, ok
}

// record is an entry of the log.
type record struct {
	kind kind
	id   int64
	// Of an added vector: the results of compute.QuantizeRow, and the checksums of the
	// levels and of the vector.
	scale, rest          float32
	levelsSum, vectorSum uint32
}

type kind uint32

const (
	added kind = 1 + iota
	deleted
)

// appendRecord encodes a record. The checksum covers its number in the log, so that a record
// in the wrong place is detected.
func appendRecord(b []byte, r record, number int) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.id))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.scale))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.rest))
	b = binary.LittleEndian.AppendUint32(b, r.levelsSum)
	b = binary.LittleEndian.AppendUint32(b, r.vectorSum)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.kind))
	return binary.LittleEndian.AppendUint32(b, recordSum(b[start:], number))
}

func recordSum(b []byte, number int) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(number))
	return crc32.Update(checksum(b[:recordSize-4]), castagnoli, n[:])
}

// decodeRecord decodes recordSize bytes.
func decodeRecord(b []byte, number int) (record, error) {
	if binary.LittleEndian.Uint32(b[recordSize-4:]) != recordSum(b, number) {
		return record{}, fmt.Errorf("entry %d does not match its checksum", number)
	}
	r := record{
		id:        int64(binary.LittleEndian.Uint64(b)),
		scale:     math.Float32frombits(binary.LittleEndian.Uint32(b[8:])),
		rest:      math.Float32frombits(binary.LittleEndian.Uint32(b[12:])),
		levelsSum: binary.LittleEndian.Uint32(b[16:]),
		vectorSum: binary.LittleEndian.Uint32(b[20:]),
		kind:      kind(binary.LittleEndian.Uint32(b[24:])),
	}
	sound := func(x float32) bool { return x >= 0 && x <= math.MaxFloat32 }
	if r.kind != added && r.kind != deleted || !sound(r.scale) || !sound(r.rest) {
		return record{}, fmt.Errorf("entry %d is invalid", number)
	}
	return r, nil
}
