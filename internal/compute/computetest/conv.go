package computetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"pgregory.net/rapid"
)

// windowed calls f for every output pixel and every pixel of its window inside the image, with
// the rows of both and the index of the tap.
func windowed(images int, w compute.Window, f func(out, in, tap int)) {
	side := w.Out()
	for n := range images {
		for o := range w.Area(side) {
			for tap := range w.Area(w.Kernel) {
				y, x := o/side*w.Stride-w.Pad+tap/w.Kernel, o%side*w.Stride-w.Pad+tap%w.Kernel
				if w.Line {
					y = 0
				}
				if y >= 0 && y < w.Side && x >= 0 && x < w.Side {
					f(n*w.Area(side)+o, n*w.Area(w.Side)+y*w.Side+x, tap)
				}
			}
		}
	}
}

func gelu(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 }

func testDepthwise(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		w := compute.Window{Side: rapid.IntRange(1, 21).Draw(t, "side"), Kernel: rapid.SampledFrom([]int{1, 2, 3, 7}).Draw(t, "kernel"),
			Stride: rapid.IntRange(1, 3).Draw(t, "stride"), Line: rapid.Bool().Draw(t, "line")}
		if w.Line && rapid.Bool().Draw(t, "wide") {
			w.Kernel = 11
		}
		w.Pad = w.Kernel / 2
		n, channels := rapid.IntRange(1, 2).Draw(t, "images"), rapid.SampledFrom([]int{1, 5, 8, 16, 35}).Draw(t, "channels")
		act := rapid.SampledFrom([]compute.Activation{compute.Identity, compute.GELU}).Draw(t, "activation")
		x, taps, bias := random(rng, n*w.Area(w.Side), channels), random(rng, w.Area(w.Kernel), channels), random(rng, 1, channels)
		want := newWide(n*w.Area(w.Out()), channels)
		for _, row := range want {
			copy(row, bias[0])
		}
		windowed(n, w, func(out, in, tap int) {
			for c := range channels {
				want[out][c] += x[in][c] * taps[tap][c]
			}
		})
		for _, row := range want {
			for c, v := range row {
				if act == compute.GELU {
					row[c] = gelu(v)
				}
			}
		}
		y := put(d, random(rng, len(want), channels))
		d.Depthwise(y, put(d, x), put(d, taps), put(d, bias), w, act)
		nearAbs(t, "y", get(d, y), want, 5e-6)
	})
}

func testUnfoldImages(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		w := compute.Window{Side: rapid.IntRange(3, 9).Draw(t, "side"), Kernel: rapid.IntRange(1, 3).Draw(t, "kernel"), Stride: rapid.IntRange(1, 3).Draw(t, "stride")}
		w.Pad = rapid.IntRange(0, w.Kernel/2).Draw(t, "pad")
		const n = 2
		plane, taps := w.Side*w.Side, w.Kernel*w.Kernel
		images := random(rng, n, 3*plane)
		want := newWide(n*w.Out()*w.Out(), 3*taps)
		windowed(n, w, func(out, in, tap int) {
			for channel := range 3 {
				want[out][channel*taps+tap] = images[in/plane][channel*plane+in%plane]
			}
		})
		dst := put(d, random(rng, len(want), 3*taps))
		d.UnfoldImages(dst, put(d, images), w)
		near(t, "windows", get(d, dst), want, 0)
	})
}

func testGate(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		images, each, channels := rapid.IntRange(1, 3).Draw(t, "images"), rapid.IntRange(1, 4).Draw(t, "rows"), rapid.IntRange(1, 20).Draw(t, "channels")
		x, gates := random(rng, images*each, channels), random(rng, images, channels)
		want := newWide(images*each, channels)
		for i, row := range want {
			for c := range row {
				row[c] = gelu(x[i][c] / (1 + math.Exp(-gates[i/each][c])))
			}
		}
		y := put(d, x)
		d.Gate(y, y, put(d, gates), compute.GELU)
		nearAbs(t, "y", get(d, y), want, 1e-6)
		d.Rectify(y)
		for _, row := range want {
			for c, v := range row {
				row[c] = max(v, 0)
			}
		}
		nearAbs(t, "rectified", get(d, y), want, 1e-6)
	})
}
