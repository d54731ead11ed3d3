package video

import (
	"encoding/binary"
	"io"
	"os"
	"slices"
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

// asfProtection are the GUIDs of header objects that announce encryption: the content, the
// extended and the advanced content encryption object.
var asfProtection = [][16]byte{
	{0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc, 0x6e},
	{0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28, 0x9c},
	{0x33, 0x85, 0x05, 0x43, 0x81, 0x69, 0xe6, 0x49, 0x9b, 0x74, 0xad, 0x12, 0xcb, 0x86, 0xd5, 0x8c},
}

// protectedASF reports whether the header of an ASF file announces encryption, which ffmpeg
// only warns about.
func protectedASF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // ffmpeg reports the error
	}
	defer f.Close()
	var head [30]byte // of the header object: GUID, size, number of objects, two bytes
	if _, err := io.ReadFull(f, head[:]); err != nil || [16]byte(head[:16]) != asfHeader {
		return false
	}
	end := int64(min(binary.LittleEndian.Uint64(head[16:]), 1<<24))
	for at := int64(len(head)); at+24 <= end; {
		var object [24]byte
		if _, err := f.ReadAt(object[:], at); err != nil {
			return false
		}
		size := binary.LittleEndian.Uint64(object[16:])
		if slices.Contains(asfProtection, [16]byte(object[:16])) {
			return true
		}
		if size < uint64(len(object)) || size > uint64(end) {
			return false
		}
		at += int64(size)
	}
	return false
}
