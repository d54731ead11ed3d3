package library

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"

	"github.com/clipcue/clipcue/video"
)

// Frames without content are alike in all videos: black or one color, as before, between
// and after recordings; noise without a signal; color bars. They are no evidence that two
// videos show the same.

const (
	// blankShare is the share of blank frames above which a moment is blank.
	blankShare = 0.5

	grid       = 8   // the frame is compared in grid × grid cells
	cellRange  = 12  // largest difference of cell means of a uniform frame, of 255
	faint      = 4.0 // standard deviation that nobody sees
	correlated = 0.7 // neighboring pixels of noise are less alike than this
)

// isBlank reports whether a frame of RGB pixels shows nothing.
func isBlank(pix []byte, width, height int) bool {
	if width < grid || height < grid {
		return false
	}
	return uniform(pix, width, height) || bars(pix, width, height)
}

// uniform reports whether a frame has one color everywhere, apart from noise: all cells
// have the same mean, and what differs within them is faint or noise.
func uniform(pix []byte, width, height int) bool {
	for channel := range 3 {
		c := measure(pix, width, height, channel)
		noise := c.correlation < correlated
		if c.deviation > faint && !noise {
			return false
		}
		limit := float64(cellRange)
		if noise { // the means of cells of noise differ by chance
			limit = max(limit, 8*c.deviation*grid/math.Sqrt(float64(width*height)))
		}
		if c.spread > limit {
			return false
		}
	}
	return true
}

// contrast describes how the values of a channel differ.
type contrast struct {
	spread      float64 // of the means of cells: highest minus lowest
	deviation   float64 // standard deviation of the pixels
	correlation float64 // of horizontal neighbors
}

func measure(pix []byte, width, height, channel int) contrast {
	var sum, squares, products float64
	least, most := 255., 0.
	for cell := range grid * grid {
		x0, x1 := cell%grid*width/grid, (cell%grid+1)*width/grid
		y0, y1 := cell/grid*height/grid, (cell/grid+1)*height/grid
		total := 0.
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				v := float64(pix[3*(y*width+x)+channel])
				total += v
				squares += v * v
				products += v * float64(pix[3*(y*width+min(x+1, width-1))+channel])
			}
		}
		mean := total / float64((x1-x0)*(y1-y0))
		least, most, sum = min(least, mean), max(most, mean), sum+total
	}
	n := float64(width * height)
	variance := squares/n - sum/n*sum/n
	return contrast{most - least, math.Sqrt(max(0, variance)), (products/n - sum/n*sum/n) / max(variance, 1e-9)}
}

const (
	barBands  = 4  // color bars have at most this many rows of bars
	barCount  = 5  // bars in the highest row
	sameLevel = 8  // mean difference of pixel rows of one row of bars
	barEdge   = 24 // difference of colors between bars
)

// bars reports whether a frame shows color bars: a few bands of equal pixel rows, the
// largest of at least half of the height and of several bars.
func bars(pix []byte, width, height int) bool {
	row := func(y int) []byte { return pix[3*y*width : 3*(y+1)*width] }
	from, bands, largest, first := 0, 1, 0, 0
	for y := 1; y <= height; y++ {
		if y < height && difference(row(y), row(from)) <= sameLevel {
			continue
		}
		if y-from > largest {
			largest, first = y-from, from
		}
		if y < height {
			from, bands = y, bands+1
		}
		if bands > 2*barBands { // resizing blurs the borders of bands
			return false
		}
	}
	return 2*largest >= height && edges(row(first+largest/2)) >= barCount-1
}

// difference returns the mean difference of the values of two pixel rows.
func difference(a, b []byte) int {
	sum := 0
	for i := range a {
		sum += abs(int(a[i]) - int(b[i]))
	}
	return sum / len(a)
}

// edges counts the places of a pixel row at which the color changes.
func edges(row []byte) (n int) {
	inside := false
	for x := 3; x < len(row); x += 3 {
		change := 0
		for c := range 3 {
			change = max(change, abs(int(row[x+c])-int(row[x+c-3])))
		}
		if edge := change > barEdge; edge != inside {
			if inside = edge; edge {
				n++
			}
		}
	}
	return n
}

func abs(x int) int { return max(x, -x) }

// blankThumbnail reports whether a JPEG file shows nothing.
func blankThumbnail(data []byte) bool {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width > maxThumbnailSide || config.Height > maxThumbnailSide {
		return false
	}
	picture, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return false
	}
	b := picture.Bounds()
	pix := make([]byte, 0, 3*b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			red, green, blue, _ := picture.At(x, y).RGBA()
			pix = append(pix, byte(red>>8), byte(green>>8), byte(blue>>8))
		}
	}
	return isBlank(pix, b.Dx(), b.Dy())
}

// rgba returns a copy of a frame as an image.
func rgba(frame video.Frame) *image.RGBA {
	picture := image.NewRGBA(image.Rect(0, 0, frame.Width, frame.Height))
	for i := range frame.Width * frame.Height {
		copy(picture.Pix[4*i:], frame.Pix[3*i:3*i+3])
		picture.Pix[4*i+3] = 255
	}
	return picture
}
