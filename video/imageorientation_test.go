package video

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/image/tiff"
)

// exif returns a TIFF structure with an orientation.
func exif(o byte, order binary.AppendByteOrder) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	if order == binary.BigEndian {
		b = []byte("MM\x00*\x00\x00\x00\x08")
	}
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, uint16(o))
	return append(b, 0, 0, 0, 0, 0, 0)
}

// inJPEG, inPNG, inWebP and inTIFF add an orientation to an encoded image.
func inJPEG(file []byte, o byte) []byte {
	data := append([]byte("Exif\x00\x00"), exif(o, binary.BigEndian)...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(data)+2))
	return append(append(append([]byte{}, file[:2]...), append(segment, data...)...), file[2:]...)
}

// checksum is that of a PNG chunk.
func checksum(data []byte) uint32 { return crc32.ChecksumIEEE(data) }

func inPNG(file []byte, o byte) []byte {
	data := append([]byte("eXIf"), exif(o, binary.LittleEndian)...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)-4))
	chunk = binary.BigEndian.AppendUint32(append(chunk, data...), checksum(data))
	const header = 33 // signature and IHDR
	return append(append(append([]byte{}, file[:header]...), chunk...), file[header:]...)
}

func inTIFF(file []byte, o byte) []byte {
	// The encoder does not write the tag: the directory, which it places last, gets it.
	at := int(binary.LittleEndian.Uint32(file[4:]))
	n := int(binary.LittleEndian.Uint16(file[at:]))
	out := binary.LittleEndian.AppendUint16(append([]byte{}, file[:at]...), uint16(n+1))
	entry := exif(o, binary.LittleEndian)[10:22]
	for i, added := 0, false; i < n; i++ {
		e := file[at+2+12*i:][:12]
		if !added && binary.LittleEndian.Uint16(e) > 0x0112 {
			out, added = append(out, entry...), true
		}
		// Values outside of the directory move by one entry.
		e = bytes.Clone(e)
		size := map[uint16]uint32{3: 2, 4: 4, 5: 8}[binary.LittleEndian.Uint16(e[2:])] * binary.LittleEndian.Uint32(e[4:])
		if v := binary.LittleEndian.Uint32(e[8:]); size > 4 && int(v) > at {
			binary.LittleEndian.PutUint32(e[8:], v+12)
		}
		out = append(out, e...)
	}
	return append(out, file[at+2+12*n:]...)
}

func inWebP(file []byte, o byte, w, h int) []byte {
	chunk := func(name string, data []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data)))
		return append(append(b, data...), make([]byte, len(data)%2)...)
	}
	extended := chunk("VP8X", []byte{1 << 3, 0, 0, 0, byte(w - 1), 0, 0, byte(h - 1), 0, 0})
	body := append(append(append([]byte("WEBP"), extended...), file[12:]...), chunk("EXIF", exif(o, binary.LittleEndian))...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// All eight orientations give the image that a viewer shows, in every format that has
// one.
func TestImageOrientation(t *testing.T) {
	const w, h = 48, 32
	stored := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			// Four different quarters.
			stored.SetNRGBA(x, y, color.NRGBA{uint8(x / (w / 2) * 200), uint8(y / (h / 2) * 200), 90, 255})
		}
	}
	encode := func(f func(b *bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	pngFile := encode(func(b *bytes.Buffer) error { return png.Encode(b, stored) })
	tiffFile := encode(func(b *bytes.Buffer) error { return tiff.Encode(b, stored, nil) })
	jpegFile := encode(func(b *bytes.Buffer) error { return jpeg.Encode(b, stored, &jpeg.Options{Quality: 100}) })
	forms := map[string]func(o byte) []byte{
		"png":  func(o byte) []byte { return inPNG(pngFile, o) },
		"tiff": func(o byte) []byte { return inTIFF(tiffFile, o) },
		"jpeg": func(o byte) []byte { return inJPEG(jpegFile, o) },
	}
	if file, err := webp(t, pngFile); err == nil {
		forms["webp"] = func(o byte) []byte { return inWebP(file, o, w, h) }
	} else {
		t.Logf("no WebP: %v", err)
	}
	// The stored corners (top left, top right, bottom left, bottom right) as they appear
	// in the same order, by the definition of the tag.
	corners := []string{"0123", "1032", "3210", "2301", "0213", "2031", "3120", "1302"}
	for name, make := range forms {
		for i, want := range corners {
			f, err := decodeImage(bytes.NewReader(make(byte(i + 1))))
			if err != nil {
				t.Fatalf("%s %d: %v", name, i+1, err)
			}
			wantW, wantH := w, h
			if i >= 4 {
				wantW, wantH = h, w
			}
			got := ""
			for _, at := range []int{4*f.Width + 4, 5*f.Width - 5, (f.Height-5)*f.Width + 4, (f.Height-4)*f.Width - 5} {
				p := f.Pix[3*at:]
				got += string('0' + p[0]/150 + 2*(p[1]/150))
			}
			if f.Width != wantW || f.Height != wantH || got != want {
				t.Errorf("%s, orientation %d: %dx%d with corners %s, want %dx%d and %s", name, i+1, f.Width, f.Height, got, wantW, wantH, want)
			}
		}
		for _, o := range []byte{0, 9, 200} {
			if f, err := decodeImage(bytes.NewReader(make(o))); err != nil || f.Width != w {
				t.Errorf("%s, orientation %d: width %d, error %v", name, o, f.Width, err)
			}
		}
	}
	// Damaged metadata do not make an image unreadable.
	bad := inJPEG(jpegFile, 6)
	copy(bad[12:], bytes.Repeat([]byte{0xff}, 16))
	if f, err := decodeImage(bytes.NewReader(bad)); err != nil || f.Width != w {
		t.Errorf("damaged EXIF: width %d, error %v", f.Width, err)
	}
}

// webp encodes an image without loss.
func webp(t *testing.T, file []byte, args ...string) ([]byte, error) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		return nil, err
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "a.png"), filepath.Join(dir, "a.webp")
	if err := os.WriteFile(in, file, 0o600); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		args = []string{"-lossless", "1"}
	}
	args = append(append([]string{"-v", "error", "-i", in, "-c:v", "libwebp"}, args...), out)
	if err := exec.Command("ffmpeg", args...).Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}
