package video

import (
	"bytes"
	"io"
	"os"
)

// wholeOgg reports whether an Ogg file's last page is marked as the end of a stream
// (RFC 3533, section 6). ffmpeg takes one that is broken off for one that is short.
func wholeOgg(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true // for ffmpeg to say
	}
	defer f.Close()
	const page = 27 + 255 + 255*255 // bytes at most
	if _, err := f.Seek(-page, io.SeekEnd); err != nil {
		f.Seek(0, io.SeekStart) // a shorter file
	}
	tail, err := io.ReadAll(io.LimitReader(f, page))
	last := bytes.LastIndex(tail, []byte("OggS\x00"))
	return err == nil && last >= 0 && last+5 < len(tail) && tail[last+5]&4 != 0
}
