package library

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/vector"
)

// held is an index that only returns vectors; the id of each is its place.
type held struct {
	vector.Index
	width   int
	vectors []float32
}

func (m held) Get(_ context.Context, ids []int64) ([]float32, error) {
	var x []float32
	for _, id := range ids {
		x = append(x, m.vectors[int(id)*m.width:][:m.width]...)
	}
	return x, nil
}

// randomComparison compares n random embeddings of videos of seven moments. Every third is near
// another one.
func randomComparison(n, width int, least float64) comparison {
	random := rand.New(rand.NewPCG(1, uint64(width)))
	x := make([]float32, n*width)
	c := comparison{l: &Library{vectors: held{width: width, vectors: x}, settings: Settings{Width: width}}, least: least, block: block}
	for i := range n {
		row := x[i*width:][:width]
		near, noise := random.IntN(i+1), random.Float64()/math.Sqrt(float64(width))
		for j := range row {
			row[j] = float32(random.NormFloat64())
			if i%3 == 0 {
				row[j] = x[near*width+j] + float32(noise)*row[j]
			}
		}
		length := float32(math.Sqrt(compute.Dot(row, row)))
		for j := range row {
			row[j] /= length
		}
		c.moments = append(c.moments, placed{id: int64(i), video: int64(i / 7), blank: i%11 == 0})
	}
	return c
}

// Exactly the pairs are found that a comparison of all embeddings finds, on any number of threads,
// and of each moment the most similar ones.
func TestCompare(t *testing.T) {
	for _, width := range []int{5, 64, 100} {
		c := randomComparison(3*tile+50, width, 0.97)
		c.block = tile
		var want, got []match
		for i, a := range c.moments {
			var row []match
			for j, b := range c.moments[i+1:] {
				if j += i + 1; a.blank || b.blank || a.video == b.video {
					continue
				}
				x := c.l.vectors.(held).vectors
				if cosine := compute.Dot(x[i*width:][:width], x[j*width:][:width]); cosine >= c.least {
					row = append(row, match{i, j, cosine})
				}
			}
			want = append(want, best(row)...)
		}
		for c.threads = range 4 {
			got = got[:0]
			if err := c.run(t.Context(), nil, func(m match) { got = append(got, m) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("width %d, %d threads: %d pairs instead of %d", width, c.threads, len(got), len(want))
			}
		}
	}
}

// BenchmarkCompare compares random embeddings.
func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{10_000, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := randomComparison(n, 512, 0.95)
			for b.Loop() {
				if err := c.run(b.Context(), nil, func(match) {}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(n-1)/2*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpairs/s")
		})
	}
}
