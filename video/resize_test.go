package video

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

// The fixtures are pictures and what PIL and torchvision make of them.
func TestResizeEqualsPIL(t *testing.T) {
	f := fixture.Load(t, "preprocess/bicubic.safetensors")
	var shared Resizer // also used from one size to the next
	cases := 0
	for name, image := range f.Tensors {
		number, ok := strings.CutSuffix(name, ".image")
		if !ok {
			continue
		}
		cases++
		want := f.Tensors[number+".expected"]
		h, w, size := image.Shape[0], image.Shape[1], want.Shape[0]
		in := Frame{Width: w, Height: h, Pix: image.Data}
		for _, r := range []*Resizer{new(Resizer), &shared, &shared} {
			got, err := r.Resize(in, size, Fit{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Width != size || got.Height != size || !bytes.Equal(got.Pix, want.Data) {
				t.Errorf("%dx%d to %d: the result is not PIL's", w, h, size)
			}
		}
	}
	if cases == 0 {
		t.Error("the fixture has no cases")
	}
}

// The fixtures are pictures, ways to make them square, and the results of PIL and
// torchvision.
func TestFitEqualsPIL(t *testing.T) {
	f := fixture.Load(t, "preprocess/fit.safetensors")
	for _, name := range []string{"squash", "squash-bilinear", "bilinear", "resized", "resized-bilinear", "squash-resized", "enlarged"} {
		image, want := f.Tensors[name+".image"], f.Tensors[name+".expected"]
		fit, err := f.Tensors[name+".fit"].Int64s()
		if err != nil {
			t.Fatal(err)
		}
		var r Resizer
		got, err := r.Resize(Frame{Width: image.Shape[1], Height: image.Shape[0], Pix: image.Data}, want.Shape[0],
			Fit{Resized: int(fit[0]), Squash: fit[1] == 1, Bilinear: fit[2] == 1})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Pix, want.Data) {
			t.Errorf("%s: the result is not PIL's", name)
		}
	}
}

func TestResizeRefuses(t *testing.T) {
	tests := []struct {
		w, h, bytes, size int
	}{
		{0, 0, 0, 8}, {-1, -1, 3, 8}, {4, 4, 47, 8}, {4, 4, 48, 0}, {4, 4, 48, -8}, {4, 4, 48, 1 << 40},
		{1 << 62, 1 << 62, 3, 8}, {1 << 20, 1 << 20, 3, 8},
	}
	for _, c := range tests {
		var r Resizer
		if _, err := r.Resize(Frame{Width: c.w, Height: c.h, Pix: make([]byte, c.bytes)}, c.size, Fit{}); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	for _, fit := range []Fit{{Resized: 7}, {Resized: -1}, {Resized: 1 << 40}} {
		var r Resizer
		if _, err := r.Resize(Frame{Width: 4, Height: 4, Pix: make([]byte, 48)}, 8, fit); err == nil {
			t.Errorf("%+v: no error", fit)
		}
	}
}

func TestSquared(t *testing.T) {
	tests := []struct {
		w, h         int
		aspect       float64
		wantW, wantH int
	}{
		{340, 256, 1, 340, 256},
		{340, 256, 64. / 51, 427, 256},
		{426, 320, 640. / 639, 426, 320}, // less than a pixel
		{720, 576, 16. / 15, 768, 576},
		{720, 480, 8. / 9, 720, 540},
		{10, 1000, 2, 20, 1000},
	}
	for _, c := range tests {
		if w, h := squared(c.w, c.h, c.aspect); w != c.wantW || h != c.wantH {
			t.Errorf("%dx%d with pixels %.3f wide: %dx%d, want %dx%d", c.w, c.h, c.aspect, w, h, c.wantW, c.wantH)
		}
	}
}

func TestResizeAllocatesOnce(t *testing.T) {
	f := Frame{Width: 64, Height: 48, Pix: make([]byte, 3*64*48)}
	var r Resizer
	r.Resize(f, 32, Fit{})
	if n := testing.AllocsPerRun(10, func() { r.Resize(f, 32, Fit{}) }); n != 0 {
		t.Errorf("%v allocations a picture", n)
	}
}

func BenchmarkResize(b *testing.B) {
	for _, c := range []struct{ w, h int }{{340, 256}, {320, 240}, {1280, 720}, {1920, 1080}, {576, 1024}} {
		b.Run(fmt.Sprintf("%dx%d", c.w, c.h), func(b *testing.B) {
			f := Frame{Width: c.w, Height: c.h, Pix: make([]byte, 3*c.w*c.h)}
			for i := range f.Pix {
				f.Pix[i] = byte(i * i >> 3)
			}
			var r Resizer
			b.SetBytes(int64(len(f.Pix)))
			for b.Loop() {
				if _, err := r.Resize(f, 224, Fit{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Immich rounds the place of a crop and the longer side down.
func TestFloor(t *testing.T) {
	for _, c := range []struct{ w, h, scaledW, scaledH, cropX, cropY int }{
		{231, 224, 231, 224, 3, 0}, // torchvision crops at 4
		{224, 231, 224, 231, 0, 3},
		{75, 100, 224, 298, 0, 37},
		{49, 50, 224, 228, 0, 2},
	} {
		s := shapeOf(c.w, c.h, 1, 224, Fit{Floor: true})
		if s.scaledW != c.scaledW || s.scaledH != c.scaledH || s.cropX != c.cropX || s.cropY != c.cropY {
			t.Errorf("%dx%d: %+v", c.w, c.h, s)
		}
	}
}
