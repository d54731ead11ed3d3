package feature

import (
	"bytes"
	"fmt"

	"github.com/clipcue/clipcue/clip"
)

// A static camera, slides and a recorded screen give frames that differ by noise only. With
// Options.Still, such a frame gets the feature of the last frame that was encoded. It is compared
// with the pixels of that frame, and not with the frame before it, so a slow change does not go
// unnoticed.
//
// Noise differs from pixel to pixel, so the frames are averaged over cells of a few pixels before
// they are compared. A small object that moves changes few cells by much, so the bound applies to
// each block of cells.

const (
	stillCell  = 4  // side in pixels
	stillBlock = 16 // side in pixels
)

// likeness says how a frame compares with the last one that was encoded.
type likeness int

const (
	differs likeness = iota
	similar          // within the bound of Options.Still
	equal
)

// like compares a frame of size×size pixels with the last one that was encoded, or nil.
func (o Options) like(pix, encoded []byte, size int) likeness {
	switch {
	case encoded == nil:
		return differs
	case bytes.Equal(pix, encoded):
		return equal
	case o.Still > 0 && within(o.Still, pix, encoded, size):
		return similar
	}
	return differs
}

// within reports whether in every block of two frames the mean absolute difference of the cells
// is at most eps levels of 255.
func within(eps float64, a, b []byte, size int) bool {
	for top := 0; top < size; top += stillBlock {
		for left := 0; left < size; left += stillBlock {
			bottom, right := min(top+stillBlock, size), min(left+stillBlock, size)
			sum := 0
			for y := top; y < bottom; y += stillCell {
				for x := left; x < right; x += stillCell {
					sum += cellDistance(a, b, size, x, y, min(x+stillCell, right), min(y+stillCell, bottom))
				}
			}
			if float64(sum) > eps*float64(3*(right-left)*(bottom-top)) {
				return false
			}
		}
	}
	return true
}

// cellDistance returns the sum over the colors of the absolute difference of the sums of a cell.
func cellDistance(a, b []byte, size, left, top, right, bottom int) int {
	var red, green, blue int
	for y := top; y < bottom; y++ {
		p, q := a[3*(y*size+left):3*(y*size+right)], b[3*(y*size+left):3*(y*size+right)]
		for i := 2; i < len(p) && i < len(q); i += 3 {
			red += int(p[i-2]) - int(q[i-2])
			green += int(p[i-1]) - int(q[i-1])
			blue += int(p[i]) - int(q[i])
		}
	}
	return max(red, -red) + max(green, -green) + max(blue, -blue)
}

// preprocessing returns how frames are prepared and which of them are encoded, for provenance.
func (o Options) preprocessing(c clip.Config) string {
	s := Preprocessing(c)
	if o.Still > 0 {
		s += fmt.Sprintf(", still %v", o.Still)
	}
	return s
}
