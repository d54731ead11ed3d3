package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

func TestReadImage(t *testing.T) {
	red, clear, grey := color.NRGBA{200, 10, 20, 255}, color.NRGBA{7, 80, 250, 0}, color.NRGBA{90, 90, 90, 255}
	nrgba := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	deep := image.NewNRGBA64(nrgba.Rect)
	opaque := image.NewRGBA(nrgba.Rect)
	for x, c := range []color.NRGBA{red, clear, grey} {
		nrgba.Set(x, 0, c)
		deep.SetNRGBA64(x, 0, color.NRGBA64{R: uint16(c.R)<<8 | 77, G: uint16(c.G) << 8, B: uint16(c.B) << 8, A: uint16(c.A) * 257})
		c.A = 255
		opaque.Set(x, 0, c)
	}
	indexed := image.NewPaletted(nrgba.Rect, color.Palette{red, clear, grey})
	copy(indexed.Pix, []byte{0, 1, 2})
	want := []byte{200, 10, 20, 7, 80, 250, 90, 90, 90}
	tests := []struct {
		name  string
		write func(*bytes.Buffer) error
	}{
		{"alpha.png", func(b *bytes.Buffer) error { return png.Encode(b, nrgba) }},
		{"deep.png", func(b *bytes.Buffer) error { return png.Encode(b, deep) }},
		{"indexed.png", func(b *bytes.Buffer) error { return png.Encode(b, indexed) }},
		{"opaque.png", func(b *bytes.Buffer) error { return png.Encode(b, opaque) }},
		{"a.bmp", func(b *bytes.Buffer) error { return bmp.Encode(b, opaque) }},
		{"a.tiff", func(b *bytes.Buffer) error { return tiff.Encode(b, opaque, nil) }},
		{"a picture without extension", func(b *bytes.Buffer) error { return png.Encode(b, opaque) }},
	}
	for _, c := range tests {
		var b bytes.Buffer
		if err := c.write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := ReadImage(path)
		if err != nil || f.Width != 3 || f.Height != 1 || !bytes.Equal(f.Pix, want) {
			t.Errorf("%s: %+v, %v", c.name, f, err)
		}
	}
}

// A lossy picture keeps its colors about, and its size.
func TestReadJPEG(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 17, 9))
	for i := range img.Pix {
		img.Pix[i] = []byte{200, 100, 50, 255}[i%4]
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	f, err := decodeImage(bytes.NewReader(b.Bytes()))
	if err != nil || f.Width != 17 || f.Height != 9 {
		t.Fatal(f.Width, f.Height, err)
	}
	for i, v := range f.Pix {
		if d := int(v) - []int{200, 100, 50}[i%3]; d < -3 || d > 3 {
			t.Fatalf("byte %d is %d", i, v)
		}
	}
}

// The first picture of a GIF may be smaller than its canvas.
func TestReadGIF(t *testing.T) {
	part := image.NewPaletted(image.Rect(2, 1, 4, 3), palette.Plan9)
	for i := range part.Pix {
		part.Pix[i] = 255 // white
	}
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{part}, Delay: []int{0}, Config: image.Config{Width: 5, Height: 4}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := decodeImage(bytes.NewReader(b.Bytes()))
	if err != nil || f.Width != 5 || f.Height != 4 {
		t.Fatal(f.Width, f.Height, err)
	}
	for i := range 20 {
		x, y := i%5, i/5
		if inside := x >= 2 && x < 4 && y >= 1 && y < 3; inside != (f.Pix[3*i] == 255) {
			t.Errorf("pixel %d,%d is %v", x, y, f.Pix[3*i:][:3])
		}
	}
}

// What the first frame of a GIF does not cover has the transparent color, or else the first one, as
// PIL shows it. The frame is a red square of 40 at 30,30 on a canvas of 100 with a green or white
// background.
func TestGIFCanvas(t *testing.T) {
	const data = ",\x1e\x00\x1e\x00(\x00(\x00\x00\x08C\x00\x01\x08\x1cH\xb0\xa0\xc1\x83\x08\x13*\\\xc8\xb0\xa1\xc3\x87\x10#J\x9cH\xb1\xa2\xc5\x8b\x183j\xdc\xc8\xb1\xa3\xc7\x8f C\x8a\x1cI\xb2\xa4\xc9\x93(S\xaa\\\xc9\xb2\xa5\xcb\x970c\xca\x9cI\xb3\xa6\xcd\x9b8\t\x06\x04\x00;"
	const colors = "\xff\x00\x00\x00\x00\xff\x00\xff\x00\xff\xff\xff"
	control := func(transparent string) string { return "!\xf9\x04\x01\x00\x00" + transparent + "\x00" }
	for _, c := range []struct {
		name, background, control string
		inside, outside           [3]byte
	}{
		{"background 1", "\x01", "", [3]byte{255, 0, 0}, [3]byte{255, 0, 0}},
		{"background 3", "\x03", "", [3]byte{255, 0, 0}, [3]byte{255, 0, 0}},
		{"transparent white", "\x01", control("\x03"), [3]byte{255, 0, 0}, [3]byte{255, 255, 255}},
		{"transparent red", "\x03", control("\x00"), [3]byte{255, 0, 0}, [3]byte{255, 0, 0}},
		{"no such color", "\x03", control("\x09"), [3]byte{255, 0, 0}, [3]byte{0, 0, 0}},
	} {
		f, err := decodeImage(strings.NewReader("GIF89a\x64\x00\x64\x00\x91" + c.background + "\x00" + colors + c.control + data))
		if err != nil || f.Width != 100 || f.Height != 100 {
			t.Errorf("%s: %dx%d, %v", c.name, f.Width, f.Height, err)
			continue
		}
		if in, out := [3]byte(f.Pix[3*(50*100+50):]), [3]byte(f.Pix); in != c.inside || out != c.outside {
			t.Errorf("%s: inside %v, outside %v", c.name, in, out)
		}
	}
}

// spiedOn tells whether large is held while the picture itself is read, which is
// after the header was.
type spiedOn struct {
	*bytes.Reader
	decoding, held bool
}

func (w *spiedOn) Seek(offset int64, whence int) (int64, error) {
	w.decoding = true
	return w.Reader.Seek(offset, whence)
}

func (w *spiedOn) Read(p []byte) (int, error) {
	if w.decoding {
		if w.held = !large.TryLock(); !w.held {
			large.Unlock()
		}
	}
	return w.Reader.Read(p)
}

// Headers may ask for more memory than there is: large pictures are decoded one by
// one.
func TestLargePicturesOneByOne(t *testing.T) {
	for _, c := range []struct {
		side uint16
		want bool
	}{{4000, false}, {4200, true}} {
		header := []byte("GIF89a....\x00\x00\x00,\x00\x00\x00\x00....\x00\x02\x00;")
		for _, at := range []int{6, 8, 18, 20} {
			binary.LittleEndian.PutUint16(header[at:], c.side)
		}
		w := &spiedOn{Reader: bytes.NewReader(header)}
		if _, err := decodeImage(w); err == nil {
			t.Error("a header alone is a picture")
		}
		if !w.decoding || w.held != c.want {
			t.Errorf("%d pixels a side: reached %v, held %v", c.side, w.decoding, w.held)
		}
	}
}

func TestReadImageRefuses(t *testing.T) {
	dir := t.TempDir()
	// The header of a BMP of 65,535 × 65,535 pixels.
	huge := append([]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xff\xff\x00\x00\xff\xff\x00\x00\x01\x00\x18\x00"), make([]byte, 100)...)
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"none.png", nil, fs.ErrNotExist}, {"empty.png", []byte{}, ErrFormat}, {"text.png", []byte("no picture"), ErrFormat}, {"huge.bmp", huge, ErrFormat},
	}
	for _, c := range tests {
		path := filepath.Join(dir, c.name)
		if c.data != nil {
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ReadImage(path); !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), path) || c.name == "text.png" && strings.Contains(err.Error(), "video") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
