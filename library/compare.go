package library

import (
	"cmp"
	"context"
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/progress"
)

const (
	block       = 2048 // moments are compared in blocks of this number
	bestMatches = 64   // largest number of matches of a moment
	keepMatches = 4 * bestMatches
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
	device  compute.Device
}

// run calls found with the matches a, b with a before b, at most bestMatches of each a.
func (c *comparison) run(ctx context.Context, p progress.Func, found func(match)) error {
	n := len(c.moments)
	bar := p.Start("compare", int64(n)*int64(n+1)/2, "pairs")
	defer bar.Finish()
	cosines := make([]float32, block*block)
	for i := 0; i < n; i += block {
		matches := make([][]match, min(block, n-i))
		for j := i; j < n; j += block {
			rows, columns, err := c.multiply(ctx, i, j, cosines)
			if err != nil {
				return err
			}
			c.collect(i, j, rows, columns, cosines, matches)
			if pairs := int64(rows) * int64(columns); j == i {
				bar.Add((pairs + int64(rows)) / 2)
			} else {
				bar.Add(pairs)
			}
		}
		for _, row := range matches {
			for _, m := range best(row) {
				found(m)
			}
		}
	}
	return nil
}

// multiply computes the cosines [rows,columns] of the blocks that start at i and j.
func (c *comparison) multiply(ctx context.Context, i, j int, cosines []float32) (rows, columns int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	mark := c.device.Mark()
	defer c.device.Release(mark)
	a, err := c.read(ctx, i)
	if err != nil {
		return 0, 0, err
	}
	b := a
	if j != i {
		if b, err = c.read(ctx, j); err != nil {
			return 0, 0, err
		}
	}
	y := c.device.Temp(a.Rows, b.Rows)
	c.device.MulNT(y, a, b, 1, false)
	c.device.Download(cosines[:a.Rows*b.Rows], y)
	return a.Rows, b.Rows, nil
}

// read returns the vectors of a block.
func (c *comparison) read(ctx context.Context, from int) (compute.Matrix, error) {
	to := min(from+block, len(c.moments))
	ids := make([]int64, 0, to-from)
	for _, m := range c.moments[from:to] {
		ids = append(ids, m.id)
	}
	x, err := c.l.vectors.Get(ctx, ids)
	if err != nil {
		return compute.Matrix{}, err
	}
	y := c.device.Temp(to-from, c.l.settings.Width)
	c.device.Upload(y, x)
	return y, nil
}

// collect adds the matches of two blocks to those of the first.
func (c *comparison) collect(i, j, rows, columns int, cosines []float32, matches [][]match) {
	few := float32(c.least - 1e-6) // most are below
	for row := range rows {
		a := c.moments[i+row]
		if a.blank {
			continue
		}
		for column, x := range cosines[row*columns : (row+1)*columns] {
			if x < few || float64(x) < c.least || j+column <= i+row {
				continue
			}
			if b := c.moments[j+column]; b.blank || a.video == b.video {
				continue
			}
			if matches[row] = append(matches[row], match{i + row, j + column, float64(x)}); len(matches[row]) == keepMatches {
				matches[row] = best(matches[row])
			}
		}
	}
}

// best returns the most similar matches.
func best(m []match) []match {
	slices.SortFunc(m, func(x, y match) int { return cmp.Or(cmp.Compare(y.similarity, x.similarity), cmp.Compare(x.b, y.b)) })
	return m[:min(len(m), bestMatches)]
}
