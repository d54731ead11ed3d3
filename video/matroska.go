package video

import (
	"fmt"
	"io"
	"math/bits"
	"os"
)

// crop is the part of the stored frames that a Matroska file shows (RFC 9559, section
// 5.1.4.1.28). Not all versions of ffmpeg apply it, and those that do not also get the pixel
// aspect ratio wrong.
type crop struct {
	stored                   [2]int // width and height
	top, bottom, left, right int
	display                  [2]int // width and height; 0 = those of the part
}

func (c *crop) width() int  { return c.stored[0] - c.left - c.right }
func (c *crop) height() int { return c.stored[1] - c.top - c.bottom }

// aspect returns the pixel aspect ratio, which is the given one if the file does not
// declare a size of the display.
func (c *crop) aspect(otherwise float64) float64 {
	if c.display[0] == 0 || c.display[1] == 0 {
		return otherwise
	}
	return float64(c.display[0]) * float64(c.height()) / (float64(c.display[1]) * float64(c.width()))
}

// readMatroska reads the description of the stream with an index among all streams of a
// Matroska file. It returns nil if there is none.
func readMatroska(path string, index int) *matroska {
	f, err := os.Open(path)
	if err != nil {
		return nil // ffmpeg reports the error
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	m := &matroska{r: f, left: maxBoxes, wanted: index}
	m.walk(0, info.Size(), 0)
	if !m.video {
		return nil
	}
	return m
}

// part returns the crop, or nil if there is none.
func (m *matroska) part() *crop {
	if m == nil {
		return nil
	}
	c := m.crop
	if c.top|c.bottom|c.left|c.right == 0 || min(c.width(), c.height(), c.stored[0], c.stored[1]) < 1 {
		return nil
	}
	return &c
}

// wholeMatroska reports whether a Matroska file has all of its segment. One that was saved
// live declares no size. Not all versions of ffmpeg notice what is missing.
func wholeMatroska(f *io.SectionReader) bool {
	m := &matroska{r: f}
	at := int64(0)
	for range 16 { // the segment comes after one header
		id, n := m.variable(at, true)
		size, k := m.variable(at+n, false)
		at += n + k
		switch {
		case n == 0 || k == 0 || size == 1<<(7*k)-1:
			return true
		case id == matroskaSegment:
			return size <= f.Size()-at
		}
		at += size
	}
	return true
}

// filter returns the filter, after a comma, that crops the frames that ffmpeg has not.
func (c *crop) filter() string {
	if c == nil {
		return ""
	}
	stored := fmt.Sprintf("eq(iw,%d)*eq(ih,%d)", c.stored[0], c.stored[1])
	return fmt.Sprintf(",format=rgb24,crop=w='if(%[1]s,%[2]d,iw)':h='if(%[1]s,%[3]d,ih)':x='if(%[1]s,%[4]d,0)':y='if(%[1]s,%[5]d,0)':exact=1",
		stored, c.width(), c.height(), c.left, c.top)
}

// apply gives a frame that ffmpeg has not cropped its size.
func (c *crop) apply(s *stamp) {
	if c != nil && s.width == c.stored[0] && s.height == c.stored[1] {
		s.width, s.height, s.aspect = c.width(), c.height(), c.aspect(s.aspect)
	}
}

// matroska looks for the description of a stream among the elements of a Matroska file.
type matroska struct {
	r       io.ReaderAt
	left    int // elements that may still be read
	wanted  int // index of the stream
	streams int // that have begun
	crop    crop
	unit    int  // of display; all but 4, unknown, give a ratio
	video   bool // the stream is video

	encrypted bool
}

// variable reads a number of variable length and returns its own length, or 0 at an error.
// The number keeps its length marker if it is an ID. A size of all ones is unknown.
func (m *matroska) variable(at int64, id bool) (v int64, length int64) {
	var b [8]byte
	if n, _ := m.r.ReadAt(b[:], at); n == 0 || b[0] == 0 {
		return 0, 0
	}
	length = int64(bits.LeadingZeros8(b[0])) + 1
	v = int64(b[0])
	if !id {
		v &= 1<<(8-length) - 1
	}
	for _, c := range b[1:length] {
		v = v<<8 | int64(c)
	}
	return v, length
}

// IDs of elements.
const (
	matroskaSegment = 0x18538067
	matroskaCluster = 0x1f43b675
	matroskaTracks  = 0x1654ae6b
	matroskaTrack   = 0xae
	matroskaType    = 0x83
	matroskaVideo   = 0xe0
)

// walk visits the elements between two positions.
func (m *matroska) walk(at, end int64, depth int) {
	for at < end && m.left > 0 && depth < maxDepth {
		m.left--
		id, n := m.variable(at, true)
		size, k := m.variable(at+n, false)
		if n == 0 || k == 0 || n > 4 {
			return
		}
		at += n + k
		if unknown := size == 1<<(7*k)-1; unknown && id == matroskaCluster {
			return
		} else if unknown || size > end-at {
			size = end - at
		}
		switch id {
		case matroskaSegment, matroskaTracks:
			m.walk(at, at+size, depth+1)
		case matroskaTrack:
			m.track(at, at+size, depth+1)
		}
		at += size
	}
}

// track reads the description of a stream if it is the wanted one. Only video, audio,
// subtitles and metadata are streams.
func (m *matroska) track(at, end int64, depth int) {
	kind, encrypted := 0, false
	var video [2]int64
	m.each(at, end, func(id, at, size int64) {
		switch id {
		case matroskaType:
			kind = m.number(at, size)
		case matroskaVideo:
			video = [2]int64{at, at + size}
		case 0x6d80: // the encodings, one after the other
			m.each(at, at+size, func(_, at, size int64) {
				m.each(at, at+size, func(id, _, _ int64) { encrypted = encrypted || id == 0x5035 })
			})
		}
	})
	if kind != 1 && kind != 2 && kind != 0x11 && kind != 0x21 {
		return
	}
	if m.streams++; m.streams != m.wanted+1 || kind != 1 {
		return
	}
	m.video, m.encrypted = true, encrypted
	c := &m.crop
	fields := map[int64]*int{0xb0: &c.stored[0], 0xba: &c.stored[1], 0x54bb: &c.top, 0x54aa: &c.bottom,
		0x54cc: &c.left, 0x54dd: &c.right, 0x54b0: &c.display[0], 0x54ba: &c.display[1], 0x54b2: &m.unit}
	m.each(video[0], video[1], func(id, at, size int64) {
		if field := fields[id]; field != nil {
			*field = m.number(at, size)
		}
	})
	if m.unit == 4 {
		c.display = [2]int{}
	}
}

// each calls visit with each element between two positions.
func (m *matroska) each(at, end int64, visit func(id, at, size int64)) {
	for at < end && m.left > 0 {
		m.left--
		id, n := m.variable(at, true)
		size, k := m.variable(at+n, false)
		if at += n + k; n == 0 || k == 0 || size > end-at {
			return
		}
		visit(id, at, size)
		at += size
	}
}

// number reads an unsigned number, at most the side of a frame.
func (m *matroska) number(at, size int64) int {
	var b [8]byte
	if size < 1 || size > 8 {
		return 0
	}
	if _, err := m.r.ReadAt(b[:size], at); err != nil {
		return 0
	}
	v := uint64(0)
	for _, c := range b[:size] {
		v = v<<8 | uint64(c)
	}
	return int(min(v, 1<<20))
}
