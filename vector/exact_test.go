package vector

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
)

// worlds are sets of vectors that are hard to distinguish, for various reasons.
var worlds = map[string]func(rng *rand.Rand, n, width int) []float32{
	"anywhere": func(rng *rand.Rand, n, width int) []float32 {
		return fill(n, width, func([]float32) float64 { return rng.NormFloat64() })
	},
	"one and the same": func(rng *rand.Rand, n, width int) []float32 {
		return slices.Repeat(fill(1, width, func([]float32) float64 { return rng.NormFloat64() }), n)
	},
	"near ties": func(rng *rand.Rand, n, width int) []float32 {
		// The differences are below 8 bits, and sometimes below 24.
		center := fill(1, width, func([]float32) float64 { return rng.NormFloat64() })
		return fill(n, width, func(x []float32) float64 {
			return float64(center[len(x)]) + math.Pow(10, -3-6*rng.Float64())*rng.NormFloat64()
		})
	},
	"one large element": func(rng *rand.Rand, n, width int) []float32 {
		// The levels of all other elements are close to zero.
		return fill(n, width, func(x []float32) float64 {
			if len(x) == width/2 {
				return 40
			}
			return 0.2 * rng.NormFloat64()
		})
	},
	"corners": func(rng *rand.Rand, n, width int) []float32 {
		return fill(n, width, func([]float32) float64 { return float64(rng.IntN(2)*2 - 1) })
	},
	"axes": func(rng *rand.Rand, n, width int) []float32 {
		var at int
		return fill(n, width, func(x []float32) float64 {
			if len(x) == 0 {
				at = rng.IntN(width)
			}
			if len(x) == at {
				return 1
			}
			return 0
		})
	},
}

// fill returns n unit vectors. next returns the next element of a vector before normalization,
// given the elements before it.
func fill(n, width int, next func(x []float32) float64) []float32 {
	all := make([]float32, 0, n*width)
	for range n {
		x := make([]float32, 0, width)
		for range width {
			x = append(x, float32(next(x)))
		}
		length := math.Sqrt(compute.Dot(x, x))
		for _, v := range x {
			all = append(all, float32(float64(v)/length))
		}
	}
	return all
}

// brute returns the result that exact must return bitwise.
func brute(s *store, query []float32, k int) []Hit {
	var hits []Hit
	for row := range s.ids {
		if s.alive(int32(row)) {
			x := floats(s.vectorMap.data[row*s.width*4:][:s.width*4])
			hits = append(hits, Hit{s.ids[row], float32(compute.Dot(query, x))})
		}
	}
	slices.SortFunc(hits, better)
	return hits[:min(k, len(hits))]
}

// The bounds of the scan lose no hit, even if scores are very close.
func TestExactIsBruteForce(t *testing.T) {
	for name, world := range worlds {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(31, 32))
			for _, width := range []int{1, 2, 64, 100, 512} {
				const n = 1500
				x, err := openFolder(t.TempDir(), width, Options{})
				if err != nil {
					t.Fatal(err)
				}
				ids := make([]int64, n)
				for i := range ids {
					ids[i] = int64(rng.Uint64()>>2)<<12 | int64(i)
				}
				vectors := world(rng, n, width)
				if err := x.Add(t.Context(), ids, vectors); err != nil {
					t.Fatal(err)
				}
				if err := x.Delete(t.Context(), ids[:100]); err != nil {
					t.Fatal(err)
				}
				for round := range 12 {
					query := worlds["anywhere"](rng, 1, width)
					if round%2 == 0 {
						query = vectors[rng.IntN(n)*width:][:width]
					}
					for _, k := range []int{1, 10, 200, n} {
						got, err := x.store.exact(context.Background(), query, k)
						if err != nil {
							t.Fatal(err)
						}
						if want := brute(x.store, query, k); !slices.Equal(got, want) {
							t.Fatalf("width %d, %d nearest: not what brute force finds", width, k)
						}
					}
				}
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Every score is within the bounds from the levels.
func TestBoundsHold(t *testing.T) {
	for name, world := range worlds {
		rng := rand.New(rand.NewPCG(33, 34))
		for range 6 {
			width := 1 + rng.IntN(600)
			vectors, query := world(rng, 50, width), world(rng, 1, width)
			s := storeOf(t, vectors, width)
			all, err := s.scan(t.Context(), query, 50, 0) // all, as no bound is above 50
			if err != nil || len(all) != 50 {
				t.Fatalf("%s: %d of 50 rows, %v", name, len(all), err)
			}
			var q compute.Int8Query
			step, rest := q.Quantize(query)
			for _, b := range all {
				x := vectors[int(b.row)*width:][:width]
				var dot [1]int32
				q.Dots(dot[:], s.levelMap.data, []int32{b.row})
				score := compute.Dot(query, x)
				middle := float64(step) * float64(s.scales[b.row]) * float64(dot[0])
				margin := float64(s.rests[b.row])*(1+float64(rest)) + 1.001*float64(rest) + slack
				if score > float64(b.upper) || math.Abs(score-middle) > margin {
					t.Fatalf("%s: score %v, at most %v, %v ± %v", name, score, b.upper, middle, margin)
				}
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// storeOf returns a generation with these vectors under the ids 0, 1, 2, ….
func storeOf(t *testing.T, vectors []float32, width int) *store {
	t.Helper()
	dir := t.TempDir() + "/000001"
	if err := createStore(dir, width, openFile); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir, width, true, openFile)
	if err != nil {
		t.Fatal(err)
	}
	c := change{vectors: vectors}
	for i := range len(vectors) / width {
		c.ids = append(c.ids, int64(i))
	}
	next, records, err := s.write(c)
	if err == nil {
		err = s.take(next, records)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
