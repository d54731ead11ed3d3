package feature

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"testing"
)

// Numbered images are one video, which has changed if one of the images has.
func TestExtractPictures(t *testing.T) {
	dir := t.TempDir()
	picture := func(n int, grey uint8) {
		m := image.NewGray(image.Rect(0, 0, 64, 48))
		for i := range m.Pix {
			m.Pix[i] = grey
		}
		m.SetGray(n, n, color.Gray{255})
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, fmt.Sprintf("f%02d.png", n)), b.String())
	}
	for n := 3; n < 7; n++ {
		picture(n, 50)
	}
	film(t, filepath.Join(dir, "one.mp4"), "one") // skips without ffmpeg
	s := create(t)
	sources := discover(t, filepath.Join(dir, "f%02d.png"))
	if r := extract(t, newFake(), sources, s, Options{}); r.Done != 1 || r.Frames != 4 {
		t.Errorf("%+v", r)
	}
	if r := extract(t, newFake(), sources, s, Options{}); r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
	picture(6, 51)
	if r := extract(t, newFake(), sources, s, Options{}); r.Done != 1 {
		t.Errorf("after a picture has changed: %+v", r)
	}
}
