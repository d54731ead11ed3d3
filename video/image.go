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
	"os"
	"sync"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// ReadImage reads an image (PNG, JPEG, GIF, WebP, BMP, TIFF) as one frame at time 0.
// Transparency is dropped as by PIL's convert("RGB"): a pixel keeps its color. Of an
// animated GIF it returns the first frame. Orientation tags are ignored, as in CLIP's own
// preprocessing. Errors are an [*Error].
func ReadImage(path string) (Frame, error) {
	if err := checkFile(path); err != nil {
		return Frame{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return Frame{}, &Error{Path: path, Kind: errors.Unwrap(err)}
	}
	defer f.Close()
	frame, err := decodeImage(f)
	if err != nil {
		return Frame{}, &Error{Path: path, Kind: errNotImage, Reason: ffmpeg.OneLine(err.Error())}
	}
	return frame, nil
}

// errNotImage is ErrFormat for images.
var errNotImage error = notImage{}

type notImage struct{}

func (notImage) Error() string {
	return "cannot be read as an image (PNG, JPEG, GIF, WebP, BMP, TIFF)"
}
func (notImage) Unwrap() error { return ErrFormat }

// large is locked while an image of more than largePixels is decoded. A header of a few
// bytes can demand a gigabyte, and callers decode one image on each core.
var large sync.Mutex

const largePixels = 16 << 20

func decodeImage(r io.ReadSeeker) (Frame, error) {
	config, _, err := image.DecodeConfig(r)
	if err != nil {
		return Frame{}, err
	}
	w, h := config.Width, config.Height
	if w < 1 || h < 1 || w > maxPixels/h {
		return Frame{}, fmt.Errorf("size %dx%d; the limit is %d million pixels", w, h, maxPixels>>20)
	}
	if w*h > largePixels {
		large.Lock()
		defer large.Unlock()
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Frame{}, err
	}
	img, _, err := image.Decode(r)
	if err != nil {
		return Frame{}, err
	}
	// The first frame of a GIF may cover only a part of its canvas.
	bounds := img.Bounds()
	if _, part := img.(*image.Paletted); !part || !bounds.In(image.Rect(0, 0, w, h)) {
		w, h = bounds.Dx(), bounds.Dy()
	} else {
		bounds = image.Rect(0, 0, w, h)
	}
	frame := Frame{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	at := opaque(img)
	for y, i := 0, 0; y < h; y++ {
		for x := 0; x < w; x, i = x+1, i+3 {
			frame.Pix[i], frame.Pix[i+1], frame.Pix[i+2] = at(bounds.Min.X+x, bounds.Min.Y+y)
		}
	}
	return frame, nil
}

// opaque returns a function that reads the color of a pixel without its transparency.
func opaque(img image.Image) func(x, y int) (r, g, b uint8) {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(x, y int) (r, g, b uint8) {
			c := m.YCbCrAt(x, y)
			return color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		}
	case *image.NYCbCrA:
		return opaque(&m.YCbCr)
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
	}
	return func(x, y int) (r, g, b uint8) {
		c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
		return c.R, c.G, c.B
	}
}
