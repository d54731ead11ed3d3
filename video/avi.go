package video

import (
	"encoding/binary"
	"io"
)

// wholeAVI reports whether an AVI file has all the frame lists ("movi") that its headers
// declare, those of OpenDML included. ffmpeg reads a file truncated between two frames as
// a shorter one, and the declared number of frames is no test, because a frame that is
// displayed for longer counts more than once.
func wholeAVI(f *io.SectionReader) bool {
	at, end := int64(0), int64(0) // end of the RIFF chunk
	var head [12]byte             // a chunk's name, size and, for a list, type
	for range 1 << 12 {           // a file has a few chunks per gigabyte
		if _, err := f.ReadAt(head[:], at); err != nil {
			return true
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		next := at + 8 + length + length&1
		switch name := string(head[:4]); {
		case name == "RIFF":
			end, next = next, at+int64(len(head)) // its contents
		case at >= end:
			return true // trailing bytes, which may look like a list
		case name == "LIST" && string(head[8:]) == "movi" && at+8+length > f.Size():
			return false
		}
		at = next
	}
	return true
}
