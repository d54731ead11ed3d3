package computetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"pgregory.net/rapid"
)

func testCrossEntropy(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 6).Draw(t, "m"), rapid.IntRange(2, 20).Draw(t, "n")
		z := random(rng, m, n)
		target := make([]int32, m)
		for i := range target {
			target[i] = int32(rng.IntN(n))
		}
		apply := func() wide {
			var loss float64
			for i, r := range z {
				var s float64
				for _, v := range r {
					s += math.Exp(v)
				}
				loss += (math.Log(s) - r[target[i]]) / float64(m)
			}
			return wide{{loss}}
		}
		dz := put(d, newWide(m, n))
		loss := d.CrossEntropy(dz, put(d, z), target)
		near(t, "loss", wide{{loss}}, apply(), 1e-5)
		near(t, "dlogits", get(d, dz), slopes(z, wide{{1}}, apply), 1e-4)
		if again := d.CrossEntropy(compute.Matrix{}, put(d, z), target); again != loss {
			t.Fatalf("loss %v without the gradient, %v with it", again, loss)
		}
	})
}

func testFocal(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		m, n := rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 3).Draw(t, "n")
		alpha := rapid.SampledFrom([]float64{0, 0.25}).Draw(t, "alpha")
		gamma := rapid.SampledFrom([]float64{0, 1, 2}).Draw(t, "gamma")
		x, target := random(rng, m, n), newWide(m, n)
		for i := range target {
			for j := range target[i] {
				target[i][j] = []float64{0, 1, 0.25, -1}[rng.IntN(4)]
			}
		}
		loss := func() wide {
			sum := 0.0
			for i := range x {
				for j, v := range x[i] {
					t, p := target[i][j], 1/(1+math.Exp(-v))
					if t < 0 {
						continue
					}
					w := 1.0
					if alpha > 0 {
						w = alpha*t + (1-alpha)*(1-t)
					}
					sum -= w * math.Pow(math.Abs(t-p), gamma) * (t*math.Log(p) + (1-t)*math.Log(1-p))
				}
			}
			return wide{{0.5 * sum}}
		}
		dx := put(d, random(rng, m, n))
		got := d.FocalLoss(dx, put(d, x), put(d, target), alpha, gamma, 0.5)
		near(t, "loss", wide{{got}}, loss(), 1e-6)
		nearAbs(t, "gradient", get(d, dx), slopes(x, wide{{1}}, loss), 1e-5)
	})
}

// Logits beyond the range of the exponential have a finite loss and gradient.
func testFocalFarOut(t *testing.T, open Open) {
	for name, d := range devices(open) {
		dx := d.New(1, 4)
		loss := d.FocalLoss(dx, put(d, wide{{1000, -1000, 1000, -1000}}), put(d, wide{{0, 1, 1, 0}}), 0, 2, 1)
		near(t, name, wide{{loss}}, wide{{2000}}, 1e-6)
		near(t, name, get(d, dx), wide{{1, -1, 0, 0}}, 1e-6)
	}
}

func testIntervals(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		n := rapid.IntRange(1, 9).Draw(t, "n")
		x, target := random(rng, n, 2), random(rng, n, 2)
		for i := range target {
			for j := range target[i] {
				// If two ends coincide, the loss has a kink and no derivative.
				if math.Abs(target[i][j]-x[i][j]) < 1e-3 {
					target[i][j] += 1e-2
				}
				target[i][j] = float64(float32(math.Exp(target[i][j])))
			}
		}
		overlaps := newWide(n, 1)
		loss := func() wide {
			sum := 0.0
			for i := range x {
				// The definition, in one dimension.
				s, e, a, b := -math.Exp(x[i][0]), math.Exp(x[i][1]), -target[i][0], target[i][1]
				both := min(e, b) - max(s, a)
				overlaps[i][0] = both / (e - s + b - a - both)
				apart := ((s+e)/2 - (a+b)/2) / (max(e, b) - min(s, a))
				sum += 1 - overlaps[i][0] + apart*apart
			}
			return wide{{2 * sum}}
		}
		dx, iou := put(d, random(rng, n, 2)), put(d, newWide(n, 1))
		got := d.IntervalLoss(dx, iou, put(d, x), put(d, target), 2)
		near(t, "loss", wide{{got}}, loss(), 1e-5)
		near(t, "overlap", get(d, iou), overlaps, 1e-5)
		nearAbs(t, "gradient", get(d, dx), slopes(x, wide{{1}}, loss), 1e-4)
	})
}
