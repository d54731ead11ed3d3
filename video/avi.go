package video

import (
	"encoding/binary"
	"io"
)

// wholeAVI reports whether an AVI file has all of the lists of pictures ("movi") that
// its headers promise, the ones of OpenDML included. ffmpeg takes one that is broken
// off between two pictures for one that is short; and how many frames the header
// promises does not tell, because a picture that stays counts again.
func wholeAVI(f *io.SectionReader) bool {
	at, end := int64(0), int64(0) // end is the RIFF chunk's
	var head [12]byte             // a chunk's name, how many bytes follow, and in a list what they are
	for range 1 << 12 {           // a few each gigabyte
		if _, err := f.ReadAt(head[:], at); err != nil {
			return true
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		next := at + 8 + length + length&1
		switch name := string(head[:4]); {
		case name == "RIFF":
			end, next = next, at+int64(len(head)) // into it
		case at >= end:
			return true // rubbish after the last one, which may look like a list
		case name == "LIST" && string(head[8:]) == "movi" && at+8+length > f.Size():
			return false
		}
		at = next
	}
	return true
}
