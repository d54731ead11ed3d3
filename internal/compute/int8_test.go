package compute

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// extremeWeights are patterns of weights whose sums of products are as large as possible.
var extremeWeights = map[string]func(rng *rand.Rand, i int) float32{
	"largest":     func(*rand.Rand, int) float32 { return 127 },
	"smallest":    func(*rand.Rand, int) float32 { return -128 },
	"alternating": func(_ *rand.Rand, i int) float32 { return 127 - 254*float32(i%2) },
	"pairs":       func(_ *rand.Rand, i int) float32 { return 127 - 254*float32(i/2%2) },
	"one word":    func(_ *rand.Rand, i int) float32 { return float32(1 - min(i/8, 1)) },
	"signs":       func(rng *rand.Rand, _ int) float32 { return float32(rng.IntN(2)*2 - 1) },
	"halves":      func(rng *rand.Rand, _ int) float32 { return float32(rng.IntN(256)) - 127.5 },
	"normal":      func(rng *rand.Rand, _ int) float32 { return float32(rng.NormFloat64()) },
}

// The sums of levels are exact with every instruction set, also of the largest levels of
// activations and weights. Rows whose minimum is 0 have no rounding besides.
func TestInt8SumsAreExact(t *testing.T) {
	for name, weight := range extremeWeights {
		for _, k := range available()[1:] {
			rng := rand.New(rand.NewPCG(31, 32))
			for range 30 {
				rows, cols, depth := 1+rng.IntN(20), 1+rng.IntN(150), 2+rng.IntN(400)
				x, w := make([]float32, rows*depth), make([]float32, cols*depth)
				for i := range x {
					x[i] = float32(min(rng.IntN(3), 1)) * 7
					if i%depth == 0 {
						x[i] = 0
					}
				}
				for i := range w {
					w[i] = weight(rng, i%depth)
				}
				run := func(k *kernels) string {
					d := newCPU(1, k)
					y := d.New(rows, cols)
					d.Linear(y, uploaded(d, rows, depth, x), d.Pack(uploaded(d, cols, depth, w), ForwardInt8), Epilogue{})
					return fmt.Sprint(downloaded(d, y))
				}
				if run(k) != run(generic) {
					t.Fatalf("%s, weights %s, %d×%d×%d: not the sums of plain Go", k.name, name, rows, cols, depth)
				}
			}
		}
	}
}

// The levels of weights never exceed what fits into 16 bits when multiplied by the largest
// level of activations.
func TestInt8WordsFit(t *testing.T) {
	for name, weight := range extremeWeights {
		rng := rand.New(rand.NewPCG(33, 34))
		for range 300 {
			d := newCPU(1, generic)
			w := make([]float32, 1+rng.IntN(300))
			for i := range w {
				w[i] = weight(rng, i)
			}
			p := d.Pack(uploaded(d, 1, len(w), w), ForwardInt8).Packed.(*packedWeight).ints
			words := map[[3]int]int{}
			for i := range len(w) {
				level := int(int8(p.data[i/4*4*generic.ints.cols+i%4]))
				words[[3]int{i / (4 * wordGroups), i / 2 % 2, min(1, max(0, level))}] += level
			}
			for at, sum := range words {
				if max(sum, -sum)*maxLevel > 32767 {
					t.Fatalf("weights %s: levels add up to %d in word %v", name, sum, at)
				}
			}
		}
	}
}
