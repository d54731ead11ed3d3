package video

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/memory"
)

// Colors are those of PIL's convert("RGB"), and of 16 bits the upper 8.
func TestImageColors(t *testing.T) {
	one := image.Rect(0, 0, 16, 16)
	gray16, rgb, gray := image.NewGray16(one), image.NewRGBA64(one), image.NewGray(one)
	black := image.NewNRGBA(one)
	for i := range 256 {
		x, y := i%16, i/16
		gray16.SetGray16(x, y, color.Gray16{Y: 0x8123})
		rgb.SetRGBA64(x, y, color.RGBA64{R: 0xfe01, G: 0x7fff, B: 0x00ff, A: 0xffff})
		gray.SetGray(x, y, color.Gray{Y: 77})
		black.SetNRGBA(x, y, color.NRGBA{A: 255})
	}
	encode := func(m image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	cmyk, err := os.ReadFile("testdata/cmyk.jpg") // its K is 60, its Y 200
	if err != nil {
		t.Fatal(err)
	}
	type colorTest struct {
		name string
		file []byte
		want map[int][3]int // by pixel
		near int            // allowed difference, of the JPEG decoders
	}
	tests := []colorTest{
		{"16-bit gray", encode(gray16), map[int][3]int{0: {0x81, 0x81, 0x81}}, 0},
		{"16-bit RGB", encode(rgb), map[int][3]int{0: {0xfe, 0x7f, 0}}, 0},
		{"gray", encode(gray), map[int][3]int{255: {77, 77, 77}}, 0},
		{"CMYK", cmyk, map[int][3]int{0: {195, 195, 42}, 5*16 + 5: {134, 134, 42}, 3*16 + 15: {11, 158, 42}}, 2},
	}
	if file, err := webp(t, encode(black), "-quality", "90"); err != nil {
		t.Logf("no WebP: %v", err)
	} else {
		tests = append(tests, colorTest{"lossy WebP", file, map[int][3]int{0: {0, 0, 0}, 100: {0, 0, 0}}, 0})
	}
	for _, c := range tests {
		f, err := decodeImage(bytes.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for at, want := range c.want {
			for i, w := range want {
				if d := int(f.Pix[3*at+i]) - w; d < -c.near || d > c.near {
					t.Errorf("%s: pixel %d is %v, want %v", c.name, at, f.Pix[3*at:][:3], want)
					break
				}
			}
		}
	}
}

// Codes of fax machines have the meaning that the file gives their zeros: a line of five black pixels on
// white, written by Pillow.
func TestFax(t *testing.T) {
	for _, c := range []struct {
		compression string
		photometric int
		file        string
	}{
		{"group3", 0, "49492a0014000000001a8004d4d00035000d4000090000010300010000001000000001010300010000000400000002010300010000000100000003010300010000000300000006010300010000000000000011010400010000000800000016010300010000000400000017010400010000000b0000001c010300010000000100000000000000"},
		{"group3", 1, "49492a00180000000013505c007028009a82e0026a0b8000090000010300010000001000000001010300010000000400000002010300010000000100000003010300010000000300000006010300010000000100000011010400010000000800000016010300010000000400000017010400010000000f0000001c010300010000000100000000000000"},
		{"group4", 0, "49492a000e00000093538e00200209000001030001000000100000000101030001000000040000000201030001000000010000000301030001000000040000000601030001000000000000001101040001000000080000001601030001000000040000001701040001000000060000001c010300010000000100000000000000"},
		{"group4", 1, "49492a001400000026a0b9c0a4d417c004004000090000010300010000001000000001010300010000000400000002010300010000000100000003010300010000000400000006010300010000000100000011010400010000000800000016010300010000000400000017010400010000000b0000001c010300010000000100000000000000"},
	} {
		data, err := hex.DecodeString(c.file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := decodeImage(bytes.NewReader(data))
		if err != nil || f.Width != 16 || f.Height != 4 {
			t.Errorf("%s, photometric %d: %v", c.compression, c.photometric, err)
			continue
		}
		for i := range 16 * 4 {
			if black := i/16 == 1 && i%16 < 5; (f.Pix[3*i] == 0) != black {
				t.Errorf("%s, photometric %d: pixel %d is %d", c.compression, c.photometric, i, f.Pix[3*i])
				break
			}
		}
	}
}

// CMYK values by PIL's convert("RGB").
func TestCMYK(t *testing.T) {
	for in, want := range map[color.CMYK][3]uint8{
		{}:                             {255, 255, 255},
		{C: 255, M: 255, Y: 255}:       {0, 0, 0},
		{K: 255}:                       {0, 0, 0},
		{C: 40, M: 120, Y: 200, K: 60}: {164, 103, 42},
		{C: 1, M: 128, Y: 254, K: 17}:  {237, 119, 1},
	} {
		if r, g, b := cmykToRGB(in); [3]uint8{r, g, b} != want {
			t.Errorf("%+v: %d %d %d, want %v", in, r, g, b, want)
		}
	}
}

// An image of a format that cannot be read is rejected by the name of the format.
func TestUnsupportedImages(t *testing.T) {
	for name, head := range map[string]string{
		"HEIC": "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "AVIF": "\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1",
		"JPEG XL": "\xff\x0a\x00\x10", "JPEG 2000": "\x00\x00\x00\x0cjP  \r\n\x87\n", "Photoshop": "8BPS\x00\x01", "SVG": "<svg xmlns=",
		"animated WebP": "RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x0f\x00\x00\x0f\x00\x00",
	} {
		path := filepath.Join(t.TempDir(), "photo.jpg")
		if err := os.WriteFile(path, append([]byte(head), make([]byte, 64)...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadImage(path); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// An image whose header demands more memory than the budget fails before it is decoded.
func TestImageMemory(t *testing.T) {
	large := func(w, h uint32, depth, kind, interlaced byte) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
			t.Fatal(err)
		}
		file := b.Bytes()
		binary.BigEndian.PutUint32(file[16:], w)
		binary.BigEndian.PutUint32(file[20:], h)
		file[24], file[25], file[28] = depth, kind, interlaced
		binary.BigEndian.PutUint32(file[29:], checksum(file[12:29]))
		return file
	}
	memory.SetLimit(200 << 20)
	t.Cleanup(func() { memory.SetLimit(0) })
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"134 million pixels":  {large(11000, 12000, 8, 2, 0), ErrTooLarge},
		"16-bit":              {large(9000, 9000, 16, 6, 0), ErrTooLarge},
		"interlaced":          {large(9000, 9000, 8, 6, 1), ErrTooLarge},
		"above the budget":    {large(5000, 6000, 8, 2, 0), memory.ErrBudget},
		"above every limit":   {large(1<<20, 1<<20, 8, 2, 0), nil},
		"in the budget (bad)": {large(5000, 4000, 8, 0, 0), nil},
	} {
		_, err := decodeImage(bytes.NewReader(c.file))
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	if _, err := memory.Request(200<<20, "all"); err != nil {
		t.Error("the memory of a failed image is not returned:", err)
	}
}

// Whatever a file has, it is an image of the size that it declares, or an error.
func FuzzImage(f *testing.F) {
	cmyk, err := os.ReadFile("testdata/cmyk.jpg")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cmyk)
	f.Add(inJPEG(cmyk, 6))
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		f.Fatal(err)
	}
	f.Add(inPNG(b.Bytes(), 8))
	f.Add([]byte("RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x0f\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, _, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || config.Width*config.Height > 1<<20 {
			return // large images take time
		}
		frame, err := decodeImage(bytes.NewReader(data))
		if err == nil && len(frame.Pix) != 3*frame.Width*frame.Height {
			t.Errorf("%d bytes for %dx%d", len(frame.Pix), frame.Width, frame.Height)
		}
	})
}
