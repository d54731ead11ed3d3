package video

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	files "github.com/clipcue/clipcue/internal/input"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// ReadImage reads an image (PNG, JPEG, GIF, WebP, BMP, TIFF) as one frame at time 0, as
// a viewer shows it: rotated and flipped by its EXIF orientation. Every image that
// clipcue reads comes from this function. Pixels are converted like PIL's
// convert("RGB"), which CLIP was trained with: transparency is dropped, so a pixel keeps its
// color; of 16 bits the upper 8 remain. Videos show transparent pixels on black instead, as
// players do. Of an animated GIF it returns the first frame. Errors are an [*Error].
func ReadImage(path string) (Frame, error) {
	if err := checkFile(path); err != nil {
		return Frame{}, err
	}
	f, err := files.Open(path)
	if err != nil {
		return Frame{}, &Error{Path: path, Kind: errors.Unwrap(err)}
	}
	defer f.Close()
	frame, err := decodeImage(f)
	switch {
	case errors.Is(err, ErrUnsupported), errors.Is(err, ErrTooLarge):
		return Frame{}, &Error{Path: path, Kind: err}
	case err != nil:
		return Frame{}, &Error{Path: path, Kind: errNotImage, Reason: ffmpeg.OneLine(err.Error())}
	}
	return frame, nil
}

// DecodeImage is [ReadImage] for an image that is not a file of its own, such as an upload.
// Errors are around [ErrFormat], [ErrUnsupported] or [ErrTooLarge].
func DecodeImage(r io.ReadSeeker) (Frame, error) {
	frame, err := decodeImage(r)
	if err != nil && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooLarge) {
		err = fmt.Errorf("%w: %s", errNotImage, ffmpeg.OneLine(err.Error()))
	}
	return frame, err
}

// errNotImage is ErrFormat for images.
var errNotImage error = notImage{}

type notImage struct{}

func (notImage) Error() string { return "cannot be read as an image (" + imageFormats + ")" }
func (notImage) Unwrap() error { return ErrFormat }

const imageFormats = "PNG, JPEG, GIF, WebP, BMP, TIFF"

func decodeImage(r io.ReadSeeker) (frame Frame, err error) {
	// A decoder must not end the process because of one file.
	defer func() {
		if p := recover(); p != nil {
			frame, err = Frame{}, fmt.Errorf("the decoder failed: %v", p)
		}
	}()
	config, format, err := image.DecodeConfig(r)
	if name := unsupportedFormat(r); name != "" {
		return Frame{}, fmt.Errorf("%s image: %w (only %s)", name, ErrUnsupported, imageFormats)
	}
	if err != nil {
		return Frame{}, err
	}
	w, h := config.Width, config.Height
	if w < 1 || h < 1 || w > maxPixels/h {
		return Frame{}, fmt.Errorf("size %dx%d; the limit is %d million pixels", w, h, maxPixels>>20)
	}
	release, err := reserve(r, config, format)
	if err != nil {
		return Frame{}, err
	}
	defer release()
	turn, inverted := readOrientation(r, format), invertedFax(r, format)
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Frame{}, err
	}
	img, _, err := image.Decode(r)
	if err != nil {
		return Frame{}, err
	}
	switch m := img.(type) {
	case *image.YCbCr:
		return planarFrame(m, turn, format), nil
	case *image.NYCbCrA:
		return planarFrame(&m.YCbCr, turn, format), nil
	}
	if inverted {
		invert(img)
	}
	bounds, pixels := img.Bounds(), colors(img)
	if m, ok := img.(*image.Paletted); ok && format == "gif" {
		bounds = image.Rect(0, 0, w, h) // the first frame may cover only a part of it
		if pixels, err = gifColors(r, m); err != nil {
			return Frame{}, err
		}
	}
	return turn.frame(bounds, pixels), nil
}

// colors returns a function that reads the color of a pixel without its transparency. It
// allocates nothing per pixel: garbage would double the memory of a large image.
func colors(img image.Image) func(x, y int) (r, g, b uint8) {
	switch m := img.(type) {
	case *image.NRGBA:
		return func(x, y int) (r, g, b uint8) {
			c := m.NRGBAAt(x, y)
			return c.R, c.G, c.B
		}
	case *image.NRGBA64:
		return func(x, y int) (r, g, b uint8) {
			c := m.NRGBA64At(x, y)
			return uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8)
		}
	case *image.CMYK:
		return func(x, y int) (r, g, b uint8) { return cmykToRGB(m.CMYKAt(x, y)) }
	case *image.Paletted:
		var table [256]color.NRGBA
		for i, c := range m.Palette {
			table[i] = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		return func(x, y int) (r, g, b uint8) {
			c := table[m.ColorIndexAt(x, y)]
			return c.R, c.G, c.B
		}
	case image.RGBA64Image:
		return func(x, y int) (r, g, b uint8) {
			c := m.RGBA64At(x, y)
			// Color values are multiplied by alpha.
			plain := func(v uint16) uint8 { return uint8(uint32(v) * 0xffff / max(uint32(c.A), 1) >> 8) }
			return plain(c.R), plain(c.G), plain(c.B)
		}
	}
	return func(x, y int) (r, g, b uint8) {
		c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
		return c.R, c.G, c.B
	}
}

// studioToRGB converts a pixel of a lossy WebP image, whose levels are 16 to 235, with
// libwebp's arithmetic. Package webp returns these levels unchanged.
func studioToRGB(y, cb, cr uint8) (r, g, b uint8) {
	high := func(v uint8, factor int) int { return int(v) * factor >> 8 }
	clip := func(v int) uint8 { return uint8(max(0, min(255, v>>6))) }
	light := high(y, 19077)
	return clip(light + high(cr, 26149) - 14234),
		clip(light - high(cb, 6419) - high(cr, 13320) + 8708),
		clip(light + high(cb, 33050) - 17685)
}

// cmykToRGB converts a pixel with PIL's arithmetic.
func cmykToRGB(c color.CMYK) (r, g, b uint8) {
	white := int(255 - c.K)
	ink := func(v uint8) uint8 {
		t := int(v)*white + 128
		return uint8(max(0, white-(t>>8+t)>>8))
	}
	return ink(c.C), ink(c.M), ink(c.Y)
}
