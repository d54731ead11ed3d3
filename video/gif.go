package video

import (
	"bufio"
	"io"
)

// wholeGIF reports whether a GIF has its trailer. ffmpeg reads a truncated one as a
// shorter one.
func wholeGIF(f *io.SectionReader) bool { return endOfGIF(f) > 0 }

// endOfGIF returns the position after the trailer of a GIF, or 0 if it has none. ffmpeg
// takes what follows the trailer for damaged frames.
func endOfGIF(f *io.SectionReader) int64 {
	_, _ = f.Seek(0, io.SeekStart)
	r := bufio.NewReaderSize(f, 1<<16)
	var head [13]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0
	}
	skip := func(n int) bool {
		_, err := r.Discard(n)
		return err == nil
	}
	colors := func(flags byte) int { // size of the color table in bytes
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	ok := skip(colors(head[10]))
	for ok {
		kind, err := r.ReadByte()
		switch {
		case err != nil:
			return 0
		case kind == ';':
			at, _ := f.Seek(0, io.SeekCurrent)
			return at - int64(r.Buffered())
		case kind == '!': // an extension: a label, then blocks
			ok = skip(1)
		case kind == ',': // a frame: its position, colors and code size, then blocks
			var place [9]byte
			_, err := io.ReadFull(r, place[:])
			ok = err == nil && skip(colors(place[8])+1)
		default:
			continue // an extra byte, as some programs write
		}
		for ok {
			n, err := r.ReadByte()
			if ok = err == nil; n == 0 {
				break
			}
			ok = ok && skip(int(n))
		}
	}
	return 0
}
