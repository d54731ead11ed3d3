package video

import (
	"bytes"
	"io"
)

// wholeOgg reports whether an Ogg file's last page is marked as the end of a stream
// (RFC 3533, section 6). ffmpeg reads a truncated file as a shorter one.
func wholeOgg(f *io.SectionReader) bool {
	const page = 27 + 255 + 255*255 // bytes at most
	tail, err := io.ReadAll(io.NewSectionReader(f, max(0, f.Size()-page), page))
	last := bytes.LastIndex(tail, []byte("OggS\x00"))
	return err == nil && last >= 0 && last+5 < len(tail) && tail[last+5]&4 != 0
}
