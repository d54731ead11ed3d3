package video

import (
	"bytes"
	"io"
	"strings"
)

// otherFormats are the images that cannot be read, by the bytes they begin with.
var otherFormats = []struct {
	at    int
	magic string // alternatives, separated by spaces
	name  string
}{
	{4, "ftypavif ftypavis", "AVIF"},
	{4, "ftypheic ftypheix ftypheim ftypheis ftyphevc ftyphevx ftypmif1 ftypmsf1", "HEIC"},
	{4, "ftypcrx", "Canon CR3"},
	{8, "CR\x02", "Canon CR2"},
	{0, "\x00\x00\x00\x0cJXL \xff\x0a", "JPEG XL"},
	{0, "\x00\x00\x00\x0cjP \xff\x4f\xff\x51", "JPEG 2000"},
	{0, "II\x2b\x00 MM\x00\x2b", "BigTIFF"},
	{0, "8BPS", "Photoshop"},
	{0, "\x76\x2f\x31\x01", "OpenEXR"},
	{0, "%PDF", "PDF"},
	{0, "<svg <?xml", "SVG"},
	{0, "P1\n P2\n P3\n P4\n P5\n P6\n", "PNM"},
}

// unsupportedFormat returns the name of the format of an image that cannot be read, or
// "" if it may be readable.
func unsupportedFormat(r io.ReadSeeker) string {
	var head [32]byte
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return ""
	}
	n, _ := io.ReadFull(r, head[:])
	data := head[:n]
	for _, f := range otherFormats {
		for magic := range strings.SplitSeq(f.magic, " ") {
			if magic != "" && n > f.at && bytes.HasPrefix(data[f.at:], []byte(magic)) {
				return f.name
			}
		}
	}
	const animated = 1 << 1
	if n > 20 && string(data[8:16]) == "WEBPVP8X" && data[20]&animated != 0 {
		return "animated WebP"
	}
	return ""
}
