package video

import (
	"bytes"
	"io"
)

// wholeOgg reports whether an Ogg file's last page is complete and marked as the end of a
// stream (RFC 3533, section 6). ffmpeg reads a truncated file as a shorter one.
func wholeOgg(f *io.SectionReader) bool {
	const header, most = 27, 27 + 255 + 255*255 // bytes of a page
	tail, err := io.ReadAll(io.NewSectionReader(f, max(0, f.Size()-most), most))
	at := bytes.LastIndex(tail, []byte("OggS\x00"))
	if err != nil || at < 0 || len(tail) < at+header {
		return false
	}
	page := tail[at:]
	segments := int(page[header-1])
	if len(page) < header+segments {
		return false
	}
	size := header + segments
	for _, n := range page[header:size] {
		size += int(n)
	}
	return page[5]&4 != 0 && len(page) >= size
}
