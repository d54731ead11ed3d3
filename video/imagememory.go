package video

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"io"
	"sync"

	"github.com/clipcue/clipcue/internal/memory"
	"github.com/dustin/go-humanize"
)

// large is locked while an image of more than largePixels is decoded. A header of a few
// bytes can demand a gigabyte, and callers decode one image on each core.
var large sync.Mutex

const (
	largePixels    = 16 << 20
	maxImageMemory = 768 << 20 // bytes to decode one image
)

// reserve returns when the image may be decoded, or an error around ErrTooLarge if that
// takes too much memory. release must be called after decoding.
func reserve(r io.ReadSeeker, config image.Config, format string) (release func(), err error) {
	pixels := config.Width * config.Height
	if pixels <= largePixels {
		return func() {}, nil
	}
	bytes := int64(pixels) * int64(pixelSize(config.ColorModel)*copies(r, format)+3)
	what := fmt.Sprintf("an image of %dx%d pixels", config.Width, config.Height)
	if bytes > maxImageMemory {
		return nil, fmt.Errorf("%w: %s needs %s of memory, more than %s", ErrTooLarge, what, humanize.IBytes(uint64(bytes)), humanize.IBytes(maxImageMemory))
	}
	large.Lock()
	free, err := memory.Request(bytes, what)
	if err != nil {
		large.Unlock()
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return func() { free(); large.Unlock() }, nil
}

// pixelSize returns the bytes per pixel of a decoded image.
func pixelSize(m color.Model) int {
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	switch m {
	case color.GrayModel, color.AlphaModel:
		return 1
	case color.Gray16Model, color.Alpha16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.RGBAModel, color.NRGBAModel, color.NYCbCrAModel, color.CMYKModel:
		return 4
	}
	return 8
}

// copies returns how many times a decoder holds an image.
func copies(r io.ReadSeeker, format string) int {
	var head [29]byte
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 1
	}
	switch n, _ := io.ReadFull(r, head[:]); {
	case format == "png" && n == len(head) && head[28] != 0: // interlaced
		return 2
	case format == "jpeg" && progressive(r): // 4 bytes per coefficient
		return 5
	case format == "tiff", format == "webp":
		return 2
	}
	return 1
}

// progressive reports whether a JPEG file is progressive.
func progressive(r io.ReadSeeker) bool {
	if _, err := r.Seek(2, io.SeekStart); err != nil {
		return false
	}
	in := bufio.NewReader(r)
	var segment [4]byte // ff, marker, length
	for {
		if _, err := io.ReadFull(in, segment[:]); err != nil || segment[0] != 0xff {
			return false
		}
		switch segment[1] {
		case 0xc2:
			return true
		case 0xc0, 0xc1, 0xda:
			return false
		}
		length := int(segment[2])<<8 | int(segment[3])
		if _, err := in.Discard(max(0, length-2)); err != nil {
			return false
		}
	}
}
