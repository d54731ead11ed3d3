package library

import (
	"math"
	"math/rand/v2"
	"testing"
)

// painted returns a frame of the given size whose pixels are those of color.
func painted(size int, color func(x, y float64) [3]float64) []byte {
	pix := make([]byte, 0, 3*size*size)
	for y := range size {
		for x := range size {
			for _, v := range color((float64(x)+0.5)/float64(size), (float64(y)+0.5)/float64(size)) {
				pix = append(pix, byte(min(255, max(0, v))))
			}
		}
	}
	return pix
}

func TestIsBlank(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	plain := func(red, green, blue, noise float64) func(x, y float64) [3]float64 {
		return func(_, _ float64) [3]float64 {
			n := func() float64 { return noise * r.NormFloat64() }
			return [3]float64{red + n(), green + n(), blue + n()}
		}
	}
	rainbow := [][3]float64{{235, 235, 235}, {235, 235, 16}, {16, 235, 235}, {16, 235, 16}, {235, 16, 235}, {235, 16, 16}, {16, 16, 235}, {16, 16, 16}}
	gray := func(v float64) [3]float64 { return [3]float64{v, v, v} }
	scene := func(x, y float64) float64 { return 128 + 100*math.Sin(9*x)*math.Cos(7*y) }
	square := func(half float64) func(x, y float64) [3]float64 {
		return func(x, y float64) [3]float64 {
			if math.Abs(x-0.5) < half && math.Abs(y-0.5) < half {
				return [3]float64{220, 30, 30}
			}
			return gray(200)
		}
	}
	for name, c := range map[string]struct {
		color func(x, y float64) [3]float64
		blank bool
	}{
		"black":         {plain(0, 0, 0, 0), true},
		"video black":   {plain(16, 16, 16, 0), true},
		"white":         {plain(255, 255, 255, 0), true},
		"blue screen":   {plain(0, 0, 255, 0), true},
		"gray":          {plain(128, 128, 128, 0), true},
		"tape noise":    {plain(20, 18, 22, 6), true},
		"snow":          {plain(128, 128, 128, 40), true},
		"end of a fade": {func(x, y float64) [3]float64 { return gray(0.03 * scene(x, y)) }, true},
		"color bars":    {func(x, _ float64) [3]float64 { return rainbow[int(8*x)] }, true},
		"SMPTE bars": {func(x, y float64) [3]float64 {
			switch {
			case y < 0.67:
				return rainbow[int(7*x)]
			case y < 0.75:
				return rainbow[6-int(7*x)]
			}
			return gray(16 + 200*math.Floor(4*x)/4)
		}, true},
		"scene":             {func(x, y float64) [3]float64 { return gray(scene(x, y)) }, false},
		"dark scene":        {func(x, y float64) [3]float64 { return gray(0.2 * scene(x, y)) }, false},
		"square":            {square(0.2), false},
		"small square":      {square(0.03), false},
		"horizon":           {func(_, y float64) [3]float64 { return gray(200 - 100*math.Round(y)) }, false},
		"pole":              {func(x, _ float64) [3]float64 { return gray(200 - 150*math.Round(max(0, 1-10*math.Abs(x-0.5)))) }, false},
		"noisy scene":       {func(x, y float64) [3]float64 { return gray(scene(x, y) + 20*r.NormFloat64()) }, false},
		"checkered pattern": {func(x, y float64) [3]float64 { return gray(200 * float64((int(6*x)+int(6*y))%2)) }, false},
	} {
		for _, size := range []int{64, 224, 336} {
			if got := isBlank(painted(size, c.color), size, size); got != c.blank {
				t.Errorf("%s at %d pixels: blank %v", name, size, got)
			}
		}
	}
	if isBlank(make([]byte, 3), 1, 1) {
		t.Error("a frame of one pixel is blank")
	}
}
