package video

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// protections report whether a file declares that a stream is encrypted, by container.
// ffmpeg warns at most: what it decodes is noise, or fails as if the file were damaged.
var protections = []struct {
	container string // or a part of its name
	declared  func(path string, info *Info) bool
}{
	{"asf", func(path string, _ *Info) bool { return protectedASF(path) }},
	{"mp4", func(path string, info *Info) bool { return protectedMP4(path, info.track) }},
	{"matroska", func(path string, info *Info) bool {
		m := readMatroska(path, info.index)
		return m != nil && m.encrypted
	}},
	{"mxf", func(path string, _ *Info) bool { return protectedMXF(path) }},
	{"mpegts", func(path string, info *Info) bool { return scrambled(path, info.track) }},
}

// declaresEncryption reports whether a file declares that its stream is encrypted.
func declaresEncryption(path string, info *Info) bool {
	for _, p := range protections {
		if strings.Contains(info.Container, p.container) && p.declared(path, info) {
			return true
		}
	}
	return false
}

// mxfEncrypted are keys of an encrypted MXF file: of the cryptographic context in its
// header, and of the packets of its essence (SMPTE ST 429-6). The byte at 7 is a version.
var mxfEncrypted = [][16]byte{
	{0x06, 0x0e, 0x2b, 0x34, 0x02, 0x53, 0x01, 0x01, 0x0d, 0x01, 0x04, 0x01, 0x02, 0x02, 0x00, 0x00},
	{0x06, 0x0e, 0x2b, 0x34, 0x02, 0x04, 0x01, 0x07, 0x0d, 0x01, 0x03, 0x01, 0x02, 0x7e, 0x01, 0x00},
}

// protectedMXF reports whether the first megabytes of an MXF file have a key of encryption.
func protectedMXF(path string) bool {
	head := readPart(path, 0, 4<<20)
	for _, key := range mxfEncrypted {
		for at := 0; ; at++ {
			next := bytes.Index(head[at:], key[:7])
			if at += next; next < 0 || at+len(key) > len(head) {
				break
			}
			if bytes.Equal(head[at+8:at+len(key)], key[8:]) {
				return true
			}
		}
	}
	return false
}

// scrambled reports whether most packets of a stream in a transport stream are scrambled
// (ISO/IEC 13818-1, section 2.4.3.3), in parts of the file. A stream of 0 means any.
func scrambled(path string, stream uint32) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	const part = 2 << 20
	clear, locked := 0, 0
	for _, from := range []int64{0, info.Size()/2 - part/2, info.Size() - part} {
		if from > 0 || clear+locked == 0 {
			c, l := countScrambled(readPart(path, max(0, from), part), stream)
			clear, locked = clear+c, locked+l
		}
	}
	return locked > clear
}

// countScrambled counts the packets with a payload of a stream.
func countScrambled(data []byte, stream uint32) (clear, locked int) {
	const sync = 0x47
	size, at := 0, 0
find:
	for ; at < min(len(data), 1<<12); at++ {
		for _, size = range []int{188, 192, 204} {
			n := 0
			for n < 8 && at+n*size < len(data) && data[at+n*size] == sync {
				n++
			}
			if n == 8 {
				break find
			}
		}
		size = 0
	}
	for ; size > 0 && at+4 <= len(data); at += size {
		p := data[at:]
		if p[0] != sync {
			break
		}
		pid := uint32(p[1]&0x1f)<<8 | uint32(p[2])
		payload := p[3]&0x10 != 0
		switch {
		case !payload || pid == 0x1fff || stream != 0 && pid != stream:
		case p[3]>>6 != 0:
			locked++
		default:
			clear++
		}
	}
	return clear, locked
}

// readPart returns up to n bytes of a file; nothing if it cannot be read, which ffmpeg
// reports.
func readPart(path string, from int64, n int) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, _ := io.ReadAll(io.NewSectionReader(f, from, int64(n)))
	return data
}
