package video

import (
	"encoding/binary"
	"io"
)

// GUIDs of the header and of the data object of an ASF file, as stored.
var (
	asfHeader = [16]byte{0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c}
	asfData   = [16]byte{0x36, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c}
)

// wholeASF reports whether an ASF file has all of its data object (ASF specification,
// section 5). A stream that was saved live declares no size, only the size of the object's
// own header.
func wholeASF(f *io.SectionReader) bool {
	const ownHeader = 50
	at := int64(0)
	var head [24]byte // GUID and size
	for range 64 {    // objects at the top level
		if _, err := f.ReadAt(head[:], at); err != nil {
			return true // no data object: ffmpeg reports it
		}
		size := binary.LittleEndian.Uint64(head[16:])
		id := [16]byte(head[:16])
		switch {
		case at == 0 && id != asfHeader, size < uint64(len(head)):
			return true
		case id == asfData:
			return size <= ownHeader || size <= uint64(f.Size()-at)
		case size > uint64(f.Size()-at):
			return false
		}
		at += int64(size)
	}
	return true
}
