package video

import (
	"bufio"
	"errors"
	"image"
	"image/color"
	"io"
)

// gifHeader is what package gif does not return of the first frame of a file.
type gifHeader struct {
	palette     []byte // three bytes per color
	transparent int    // index of the transparent color, or -1
}

// readGIFHeader reads a file up to the pixels of its first frame.
func readGIFHeader(file io.ReadSeeker) (h gifHeader, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return h, err
	}
	in := bufio.NewReader(file)
	var screen [13]byte
	if _, err := io.ReadFull(in, screen[:]); err != nil {
		return h, err
	}
	h.transparent = -1
	if h.palette, err = gifPalette(in, screen[10]); err != nil {
		return h, err
	}
	for {
		kind, err := in.ReadByte()
		switch {
		case err != nil:
			return h, err
		case kind == 0x21:
			err = h.extension(in)
		case kind == 0x2c:
			return h, h.frame(in)
		default:
			err = errors.New("unknown block in a GIF")
		}
		if err != nil {
			return h, err
		}
	}
}

// gifPalette reads the palette that flags announce.
func gifPalette(in io.Reader, flags byte) ([]byte, error) {
	if flags&0x80 == 0 {
		return nil, nil
	}
	palette := make([]byte, 3<<(flags&7+1))
	_, err := io.ReadFull(in, palette)
	return palette, err
}

// extension reads an extension, which may have the transparent color.
func (h *gifHeader) extension(in *bufio.Reader) error {
	label, err := in.ReadByte()
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		size, err := in.ReadByte()
		if err != nil || size == 0 {
			return err
		}
		var block [255]byte
		if _, err := io.ReadFull(in, block[:size]); err != nil {
			return err
		}
		if first && label == 0xf9 && size >= 4 && block[0]&1 != 0 {
			h.transparent = int(block[3])
		}
	}
}

// frame reads the head of a frame, which may have a palette of its own.
func (h *gifHeader) frame(in io.Reader) error {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	own, err := gifPalette(in, head[8])
	if own != nil {
		h.palette = own
	}
	return err
}

// gifColors returns the colors of the first frame as PIL's convert("RGB") does: transparent pixels
// keep their color. What the frame does not cover has the transparent color, or else the first one.
func gifColors(r io.ReadSeeker, m *image.Paletted) (func(x, y int) (r, g, b uint8), error) {
	h, err := readGIFHeader(r)
	if err != nil {
		return nil, err
	}
	var table [256]color.RGBA // black for indices without a color
	for i := range len(h.palette) / 3 {
		table[i] = color.RGBA{h.palette[3*i], h.palette[3*i+1], h.palette[3*i+2], 255}
	}
	rest := table[max(0, h.transparent)]
	return func(x, y int) (r, g, b uint8) {
		c := rest
		if (image.Point{X: x, Y: y}).In(m.Rect) {
			c = table[m.ColorIndexAt(x, y)]
		}
		return c.R, c.G, c.B
	}, nil
}
