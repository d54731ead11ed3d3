package synth

import "math"

// outlines has functions that return the signed distance of a point to the outline of a
// shape of radius 1, negative inside. Shapes rotate, so no shape is a rotation of another.
var outlines = map[string]func(p Vec) float64{
	"circle":   func(p Vec) float64 { return math.Hypot(p.X, p.Y) - 1 },
	"square":   polygon([]Vec{{-0.75, -0.75}, {0.75, -0.75}, {0.75, 0.75}, {-0.75, 0.75}}),
	"triangle": polygon(corners(3, 1, 1)),
	"star":     polygon(corners(10, 1, 0.45)),
	"cross": polygon([]Vec{{-0.33, -1}, {0.33, -1}, {0.33, -0.33}, {1, -0.33}, {1, 0.33}, {0.33, 0.33},
		{0.33, 1}, {-0.33, 1}, {-0.33, 0.33}, {-1, 0.33}, {-1, -0.33}, {-0.33, -0.33}}),
	"ring": func(p Vec) float64 { return math.Abs(math.Hypot(p.X, p.Y)-0.69) - 0.31 },
	speck:  func(p Vec) float64 { return math.Hypot(max(math.Abs(p.X)-0.6, 0), p.Y) - 0.4 },
}

// Shapes lists the names of the shapes.
var Shapes = []string{"circle", "square", "triangle", "star", "cross", "ring"}

// speck is the shape of clutter: small, without a name in captions, and ignored when actors
// are placed.
const speck = "speck"

// mark is the center of the dot that shows a shape's rotation, and markSize its radius.
// Specks have no dot.
var mark = Vec{0.44, 0}

const markSize = 0.18

// corners returns n points around the origin, alternately at an outer and an inner radius.
// The first is at the top.
func corners(n int, outer, inner float64) []Vec {
	points := make([]Vec, n)
	for i := range points {
		radius := outer
		if i%2 == 1 {
			radius = inner
		}
		points[i] = polar(radius, 2*math.Pi*float64(i)/float64(n)-math.Pi/2)
	}
	return points
}

// polygon returns the distance function of a polygon, after Inigo Quilez's
// "2D distance functions".
func polygon(points []Vec) func(Vec) float64 {
	return func(p Vec) float64 {
		nearest, sign := math.Inf(1), 1.0
		for i, a := range points {
			b := points[(i+len(points)-1)%len(points)]
			e, w := Vec{b.X - a.X, b.Y - a.Y}, Vec{p.X - a.X, p.Y - a.Y}
			along := min(max((w.X*e.X+w.Y*e.Y)/(e.X*e.X+e.Y*e.Y), 0), 1)
			dx, dy := w.X-e.X*along, w.Y-e.Y*along
			nearest = min(nearest, dx*dx+dy*dy)
			above, below, left := p.Y >= a.Y, p.Y < b.Y, e.X*w.Y > e.Y*w.X
			if above == below && below == left {
				sign = -sign
			}
		}
		return sign * math.Sqrt(nearest)
	}
}
