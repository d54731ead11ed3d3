package towers

import (
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// Rotary describes rotations of queries and keys by the position of a patch (Su et al. 2021, in
// two dimensions). The first half of a head's pairs of columns turns by one coordinate, the second
// half by the other. The zero value means none.
type Rotary struct {
	Order  string  // "xy" or "yx": which coordinate comes first
	Offset float64 // added to coordinates
	Grid   int     // coordinates are scaled as in an image with this many patches per side; 0 does not scale
}

// table returns the cosines and sines [first+grid²,head] of all positions of an image whose heads
// are head wide. Rows before the patches do not turn.
func (r Rotary) table(d compute.Device, head, grid, first int) compute.Matrix {
	bands, scale := head/4, 1.
	if r.Grid != 0 {
		scale = float64(r.Grid) / float64(grid)
	}
	values := make([]float32, (first+grid*grid)*head)
	for row := range first + grid*grid {
		cosines := values[row*head : row*head+head/2]
		sines := values[row*head+head/2 : (row+1)*head]
		x, y := float64((row-first)%grid), float64((row-first)/grid)
		coordinates := [2]float64{y, x}
		if r.Order == "xy" {
			coordinates = [2]float64{x, y}
		}
		for k := range cosines {
			angle := 0.
			if row >= first {
				frequency := math.Pow(10000, -float64(k%bands)/float64(bands))
				angle = (coordinates[k/bands] + r.Offset) * scale * frequency
			}
			cosines[k], sines[k] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	table := d.New(first+grid*grid, head)
	d.Upload(table, values)
	return table
}
