package library

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/progress"
)

// A pair is first compared by levels of 8 bits, which takes a quarter of the time. With x = s·l + r,
// an embedding as levels l and the rounding error r, and y = t·m + u likewise,
//
//	|x·y - s·t·(l·m)| <= |r|·|y| + (|x|+|r|)·|u|
//
// by the Cauchy–Schwarz inequality. Only if this allows the cosine of a match, the cosine is
// computed. See the exact search in package vector.
const (
	block       = 8192 // moments that are compared with all that follow, at a time, a multiple of tile
	tile        = 512  // of the latter at a time; their levels fit into a core's cache
	bestMatches = 64   // largest number of matches of a moment
	keepMatches = 4 * bestMatches

	maxLength  = 1.001 // length of an embedding, at most
	floatError = 2e-6  // of float32 in the bound
)

// match is a pair of moments with their cosine or similarity.
type match struct {
	a, b       int
	similarity float64
}

// comparison compares moments of different videos.
type comparison struct {
	l       *Library
	moments []placed
	least   float64 // cosine of a match
	block   int
	threads int // 0 = all
}

// run calls found with the matches a, b with a before b, at most bestMatches of each a.
func (c *comparison) run(ctx context.Context, p progress.Func, found func(match)) error {
	n := len(c.moments)
	bar := p.Start("compare", int64(n)*int64(n-1)/2, "pairs")
	defer bar.Finish()
	for first := 0; first < n; first += c.block {
		a, err := c.read(ctx, first, c.block)
		if err != nil {
			return err
		}
		all, err := c.compare(ctx, a, bar)
		if err != nil {
			return err
		}
		for row := range len(a.scales) {
			var matches []match
			for _, some := range all {
				matches = append(matches, some[row]...)
			}
			for _, m := range best(matches) {
				found(m)
			}
		}
	}
	return nil
}

// compare compares a block with all moments from its first on. It returns the matches of each of
// its moments that each goroutine has found.
func (c *comparison) compare(ctx context.Context, a *embeddings, bar *progress.Stage) ([][][]match, error) {
	var next atomic.Int64 // first moment that no goroutine has claimed
	next.Store(int64(a.first))
	all := make([][][]match, cmp.Or(c.threads, runtime.GOMAXPROCS(0)))
	group, ctx := errgroup.WithContext(ctx)
	for i := range all {
		matches := make([][]match, len(a.scales))
		all[i] = matches
		group.Go(func() error {
			defer crash.Recover()
			for {
				first := int(next.Add(tile)) - tile
				if first >= len(c.moments) {
					return nil
				}
				b, err := c.read(ctx, first, tile)
				if err != nil {
					return err
				}
				bar.Add(c.collect(a, b, matches))
			}
		})
	}
	return all, group.Wait()
}

// embeddings are those of consecutive moments.
type embeddings struct {
	first   int
	vectors []float32 // [n,E]
	levels  []byte    // of each vector, at a multiple of stride
	stride  int
	scales  []float32
	rest    float32 // the greatest norm of a rounding error
}

func (e *embeddings) vector(i int) []float32 {
	width := len(e.vectors) / len(e.scales)
	return e.vectors[i*width:][:width]
}

// read returns the embeddings of up to n moments.
func (c *comparison) read(ctx context.Context, first, n int) (*embeddings, error) {
	moments := c.moments[first:min(first+n, len(c.moments))]
	ids := make([]int64, len(moments))
	for i, m := range moments {
		ids[i] = m.id
	}
	x, err := c.l.vectors.Get(ctx, ids)
	if err != nil {
		return nil, err
	}
	stride := compute.Int8Stride(c.l.settings.Width)
	e := &embeddings{first: first, vectors: x, levels: make([]byte, len(ids)*stride), stride: stride, scales: make([]float32, len(ids))}
	for i := range ids {
		scale, rest := compute.QuantizeRow(e.levels[i*stride:][:stride], e.vector(i))
		e.scales[i], e.rest = scale, max(e.rest, rest)
	}
	return e, nil
}

// consecutive are the numbers of a tile's rows.
var consecutive = compute.Consecutive(tile)

// collect adds the matches of a block's moments with those of a tile that come later, and returns
// the number of such pairs.
func (c *comparison) collect(a, b *embeddings, matches [][]match) (pairs int64) {
	var q compute.Int8Query
	var dots [tile]int32
	least := float32(c.least) - a.rest*maxLength - (maxLength+a.rest)*b.rest - floatError
	for row, scale := range a.scales {
		from := max(0, a.first+row+1-b.first)
		if from >= len(b.scales) {
			break
		}
		pairs += int64(len(b.scales) - from)
		if c.moments[a.first+row].blank {
			continue
		}
		q.Set(a.levels[row*a.stride:][:a.stride])
		q.Dots(dots[:len(b.scales)-from], b.levels, consecutive[from:len(b.scales)])
		limit := least / scale
		for i, t := range b.scales[from:] {
			if t*float32(dots[i]) >= limit {
				matches[row] = c.add(matches[row], a, b, row, from+i)
			}
		}
	}
	return pairs
}

// add adds a row of a block and one of a tile to matches if they are one.
func (c *comparison) add(matches []match, a, b *embeddings, row, column int) []match {
	i, j := a.first+row, b.first+column
	if c.moments[j].blank || c.moments[i].video == c.moments[j].video {
		return matches
	}
	cosine := compute.Dot(a.vector(row), b.vector(column))
	if cosine < c.least {
		return matches
	}
	if matches = append(matches, match{i, j, cosine}); len(matches) == keepMatches {
		return best(matches)
	}
	return matches
}

// best returns the most similar matches.
func best(m []match) []match {
	slices.SortFunc(m, func(x, y match) int { return cmp.Or(cmp.Compare(y.similarity, x.similarity), cmp.Compare(x.b, y.b)) })
	return m[:min(len(m), bestMatches)]
}
