package report

import (
	"cmp"
	"slices"
)

// Confusion counts videos by label and prediction. With many classes, the page shows
// only the most frequent confusions.
type Confusion struct {
	Classes []string // in the order of rows and columns
	Cells   []Cell   // those that are not 0
}

// Cell is the number of videos of one label with one prediction.
type Cell struct {
	Label, Predicted string
	Videos           int
}

const (
	matrixClasses = 20 // up to which the whole matrix is shown
	mostConfused  = 20 // pairs otherwise
)

// Whole reports whether the page shows the full matrix.
func (c *Confusion) Whole() bool { return len(c.Classes) <= matrixClasses }

// Square is a cell as it is drawn.
type Square struct {
	Cell
	Share float64 // of the row
	Right bool
}

// Matrix returns the matrix [label][predicted].
func (c *Confusion) Matrix() [][]Square {
	out, place := make([][]Square, len(c.Classes)), map[string]int{}
	for i, label := range c.Classes {
		place[label] = i
		out[i] = make([]Square, len(c.Classes))
		for j, predicted := range c.Classes {
			out[i][j] = Square{Cell: Cell{label, predicted, 0}, Right: i == j}
		}
	}
	sum := c.rows()
	for _, x := range c.Cells {
		i, known := place[x.Label]
		j, too := place[x.Predicted]
		if known && too {
			out[i][j].Videos, out[i][j].Share = x.Videos, float64(x.Videos)/float64(max(1, sum[x.Label]))
		}
	}
	return out
}

func (c *Confusion) rows() map[string]int {
	sum := map[string]int{}
	for _, x := range c.Cells {
		sum[x.Label] += x.Videos
	}
	return sum
}

// Worst returns the most frequent confusions, by decreasing number of videos.
func (c *Confusion) Worst() []Square {
	sum := c.rows()
	var out []Square
	for _, x := range c.Cells {
		if x.Label != x.Predicted && x.Videos > 0 {
			out = append(out, Square{Cell: x, Share: float64(x.Videos) / float64(sum[x.Label])})
		}
	}
	slices.SortStableFunc(out, func(a, b Square) int {
		return cmp.Or(cmp.Compare(b.Videos, a.Videos), cmp.Compare(b.Share, a.Share))
	})
	return out[:min(len(out), mostConfused)]
}
