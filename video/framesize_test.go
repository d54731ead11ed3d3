package video

import (
	"errors"
	"testing"
)

func TestSampleBytes(t *testing.T) {
	for _, c := range []struct {
		format string
		depth  int
		want   float64
	}{
		{"yuv420p", 8, 1.5}, {"yuvj422p", 8, 2}, {"yuv444p16le", 16, 6}, {"yuva420p10le", 10, 5}, {"nv12", 8, 1.5}, {"p010le", 10, 3},
		{"gbrpf32le", 32, 12}, {"rgb24", 8, 3}, {"rgba64be", 16, 8}, {"gray", 8, 1}, {"gray10le", 10, 2}, {"pal8", 8, 1}, {"unknown", 0, 4}, {"", 0, 4},
	} {
		if got := sampleBytes(c.format, c.depth); got != c.want {
			t.Errorf("%s: %v bytes, want %v", c.format, got, c.want)
		}
	}
}

// A small file with huge frames is refused before it is decoded.
func TestHugeFrames(t *testing.T) {
	for _, c := range []struct {
		width, height int
		format        string
		depth         int
		want          error
	}{
		{7680, 4320, "yuv444p16le", 16, nil}, {8192, 4320, "yuv420p", 8, nil}, {6400, 6400, "gbrpf32le", 32, ErrTooLarge}, {8192, 8192, "yuv420p", 8, ErrTooLarge},
		{16000, 8000, "gray", 8, ErrTooLarge}, {1 << 20, 1 << 20, "", 0, ErrTooLarge},
	} {
		i := Info{PixelFormat: c.format, BitDepth: c.depth}
		if err := i.setShape(&probed{Width: c.width, Height: c.height, PixelFormat: c.format}); !errors.Is(err, c.want) {
			t.Errorf("%dx%d %s: error %v, want %v", c.width, c.height, c.format, err, c.want)
		}
	}
}
