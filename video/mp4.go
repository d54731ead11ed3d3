package video

import (
	"encoding/binary"
	"io"
	"os"
)

// protectedMP4 reports whether an MP4 file declares that a track is encrypted (ISO/IEC
// 23001-7), in its header or in any of its fragments. ffmpeg finds only some of these
// declarations.
func protectedMP4(path string, track uint32) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // ffmpeg reports the error
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	b := &boxes{r: f, track: track, left: maxBoxes}
	b.walk(0, info.Size(), 0)
	return b.found
}

const (
	maxBoxes = 1 << 20 // in a file
	maxDepth = 10      // of boxes in boxes
)

// boxes looks for declarations of encryption in the boxes of an MP4 file.
type boxes struct {
	r       io.ReaderAt
	track   uint32 // that matters
	current uint32 // to which the boxes belong; 0 = unknown
	left    int    // boxes that may still be read
	found   bool
}

// walk visits the boxes between two positions.
func (b *boxes) walk(at, end int64, depth int) {
	for depth < maxDepth && at+8 <= end && !b.found && b.left > 0 {
		b.left--
		size, body := int64(b.number(at)), at+8
		switch size {
		case 0:
			size = end - at
		case 1:
			size, body = int64(b.number(at+8))<<32|int64(b.number(at+12)), at+16
		}
		if size < body-at {
			return
		}
		size = min(size, end-at)
		b.visit(b.kind(at+4), body, at+size, depth+1)
		at += size
	}
}

// number reads 4 bytes; at the end of the file they are 0.
func (b *boxes) number(at int64) uint32 {
	var four [4]byte
	_, _ = b.r.ReadAt(four[:], at) // what is missing counts as 0
	return binary.BigEndian.Uint32(four[:])
}

func (b *boxes) kind(at int64) string {
	return string(binary.BigEndian.AppendUint32(nil, b.number(at)))
}

// piff is the UUID of the predecessor of senc.
const piff = "\xa2\x39\x4f\x52\x5a\x9b\x4f\x14\xa2\x44\x6c\x42\x7c\x64\x8d\xf4"

// visit reads one box whose content lies between two positions.
func (b *boxes) visit(kind string, at, end int64, depth int) {
	switch kind {
	case "trak", "traf":
		b.current = 0
		b.walk(at, end, depth)
	case "moov", "mdia", "minf", "stbl", "moof":
		b.walk(at, end, depth)
	case "tkhd":
		b.current = b.number(at + 12)
		if b.number(at)>>24 == 1 { // with times of 8 bytes
			b.current = b.number(at + 20)
		}
	case "tfhd":
		b.current = b.number(at + 4)
	case "stsd":
		b.walk(at+8, end, depth)
	case "avc1", "avc3", "hvc1", "hev1", "av01", "vp08", "vp09", "mp4v", "dvh1", "dvhe", "vvc1", "vvi1":
		b.walk(at+78, end, depth) // after the fields of a sample entry
	case "encv", "drmi", "sinf":
		b.declared(true)
	case "senc":
		b.declared(b.number(at+4) > 0) // samples
	case "uuid":
		var id [16]byte
		_, err := b.r.ReadAt(id[:], at)
		b.declared(err == nil && string(id[:]) == piff)
	case "sgpd":
		b.declared(b.protectsGroup(at))
	}
}

func (b *boxes) declared(encrypted bool) {
	if b.track == 0 || b.current == 0 || b.current == b.track {
		b.found = b.found || encrypted
	}
}

// protectsGroup reports whether a description of sample groups says that the samples of the
// first group are encrypted.
func (b *boxes) protectsGroup(at int64) bool {
	if b.kind(at+4) != "seig" {
		return false
	}
	entry := at + 12 // after version, kind and number
	if b.number(at)>>24 > 0 {
		entry += 4
		if b.number(at+8) == 0 { // each entry has a length
			entry += 4
		}
	}
	return b.number(entry)>>8&0xff == 1
}
