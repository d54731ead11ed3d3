package video

import "strings"

const (
	// maxFrame is the number of pixels of the largest frame of a video. It is in memory
	// several times as RGB.
	maxFrame = 40 << 20
	// maxStored is the size in bytes of the largest decoded frame. A decoder holds several,
	// and a file of a few megabytes can declare the largest ones.
	maxStored = 300 << 20
	// manyThreads is the size in bytes of the largest frame that is decoded with several
	// threads, each of which holds frames.
	manyThreads = 100 << 20
)

// samples has the numbers of samples per pixel of pixel formats, by a part of their names.
var samples = []struct {
	part string
	n    float64
}{
	{"yuva444", 4}, {"yuva422", 3}, {"yuva420", 2.5}, {"444", 3}, {"440", 2}, {"422", 2}, {"420", 1.5}, {"411", 1.5}, {"410", 1.125},
	{"nv24", 3}, {"nv16", 2}, {"nv", 1.5}, {"p4", 3}, {"p2", 2}, {"p0", 1.5}, {"gbrap", 4}, {"gbr", 3}, {"rgba", 4}, {"bgra", 4}, {"argb", 4}, {"abgr", 4},
	{"rgb", 3}, {"bgr", 3}, {"gray", 1}, {"ya", 2}, {"pal8", 1}, {"mono", 1}, {"y2", 2}, {"uyvy", 2}, {"yuyv", 2},
}

// stored returns the bytes of a decoded frame, before it is RGB.
func (i *Info) stored() int64 {
	return int64(sampleBytes(i.PixelFormat, i.BitDepth) * float64(i.pixels))
}

// sampleBytes returns the bytes per pixel of a decoded frame.
func sampleBytes(format string, depth int) float64 {
	bytes := 1.
	switch {
	case strings.Contains(format, "f32"):
		bytes = 4
	case depth > 8 || strings.Contains(format, "16") || strings.Contains(format, "f16"):
		bytes = 2
	}
	for _, s := range samples {
		if strings.Contains(format, s.part) {
			return bytes * s.n
		}
	}
	return bytes * 4
}
