package suite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/clipcue/clipcue/internal/compute"
)

const (
	searchWidth = 512
	searchFinds = 10
)

// Search measures an exact search for the ten nearest of n vectors: all dot products
// and the selection of the best.
func (b *Bench) Search(ctx context.Context, vectors int) (Result, error) {
	d, rng := b.device, rand.New(rand.NewPCG(1, 3))
	all, row := d.New(vectors, searchWidth), make([]float32, searchWidth)
	draw := func(to compute.Matrix) {
		for i := range row {
			row[i] = rng.Float32() - 0.5
		}
		d.Upload(to, row)
	}
	for i := range vectors {
		draw(all.RowRange(i, i+1))
	}
	query, out, scores := d.New(1, searchWidth), d.New(1, vectors), make([]float32, vectors)
	draw(query)
	return b.measure(ctx, work{
		name: "search", sizes: fmt.Sprintf("the best %d of %d × %d", searchFinds, vectors, searchWidth), unit: "queries",
		items: 1, flops: 2 * float64(vectors) * searchWidth,
		run: func() error {
			d.MulNT(out, query, all, 1, false)
			d.Download(scores, out)
			best(scores, searchFinds)
			return nil
		},
	})
}

// best returns the indices of the n highest scores in decreasing order. Among equal scores,
// the first has precedence.
func best(scores []float32, n int) []int {
	n = min(n, len(scores))
	places := make([]int, 0, n+1)
	for i, s := range scores {
		if len(places) == n && s <= scores[places[n-1]] {
			continue
		}
		at := sort.Search(len(places), func(j int) bool { return scores[places[j]] < s })
		places = slices.Insert(places, at, i)
		places = places[:min(len(places), n)]
	}
	return places
}
