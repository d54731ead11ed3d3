package video

import (
	"bytes"
	"encoding/binary"
	"io"
)

// mxfPartition is the start of the key of a partition pack (SMPTE 377-1, section 7).
var mxfPartition = []byte{0x06, 0x0e, 0x2b, 0x34, 0x02, 0x05, 0x01, 0x01, 0x0d, 0x01, 0x02, 0x01, 0x01}

// wholeMXF reports whether an MXF file reaches the footer that its header announces. A
// header without the position of a footer, as while recording, announces nothing.
func wholeMXF(f *io.SectionReader) bool {
	const runIn = 1 << 16 // bytes at most before the header
	head := make([]byte, runIn+64)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return true // ffmpeg reports it
	}
	start := bytes.Index(head[:n], mxfPartition)
	if start < 0 {
		return true
	}
	// The key has 16 bytes; then come the length in BER, two versions of 2 bytes, the
	// alignment of 4, and the positions of this, the previous and the footer partition.
	value := start + 17
	if value <= n && head[value-1] > 0x80 {
		value += int(head[value-1] & 0x7f)
	}
	at := value + 2 + 2 + 4 + 8 + 8
	if at+8 > n {
		return false
	}
	footer := binary.BigEndian.Uint64(head[at:])
	if footer == 0 {
		return true
	}
	key := make([]byte, len(mxfPartition))
	if footer > uint64(f.Size()) {
		return false
	}
	_, err = f.ReadAt(key, int64(footer)+int64(start))
	return err == nil && bytes.Equal(key, mxfPartition)
}
