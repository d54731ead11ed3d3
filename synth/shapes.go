package synth

import "math"

// outlines give the distance of a point to the outline of a shape of radius 1,
// negative inside.
var outlines = map[string]func(p Vec) float64{
	"circle":   func(p Vec) float64 { return math.Hypot(p.X, p.Y) - 1 },
	"ring":     func(p Vec) float64 { return math.Abs(math.Hypot(p.X, p.Y)-0.7) - 0.3 },
	"square":   polygon(corners(4, 1, 1)),
	"triangle": polygon(corners(3, 1, 1)),
	"star":     polygon(corners(10, 1, 0.5)),
	"cross": polygon([]Vec{{-0.33, -1}, {0.33, -1}, {0.33, -0.33}, {1, -0.33}, {1, 0.33}, {0.33, 0.33},
		{0.33, 1}, {-0.33, 1}, {-0.33, 0.33}, {-1, 0.33}, {-1, -0.33}, {-0.33, -0.33}}),
}

// Shapes are the names of the shapes.
var Shapes = []string{"circle", "ring", "square", "triangle", "star", "cross"}

// corners are n points round a circle, by turns at an outer and an inner
// radius; the first is at the top.
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

// palette has the colours of actors.
var palette = []struct {
	name string
	rgb  RGB
}{
	{"red", RGB{220, 30, 30}}, {"green", RGB{30, 170, 50}}, {"blue", RGB{30, 60, 220}}, {"yellow", RGB{245, 225, 40}},
	{"orange", RGB{250, 140, 20}}, {"purple", RGB{130, 30, 170}}, {"pink", RGB{250, 130, 190}}, {"cyan", RGB{40, 210, 220}},
	{"white", RGB{250, 250, 250}}, {"black", RGB{15, 15, 15}},
}

// Colours returns the names of the colours that actors have.
func Colours() []string {
	names := make([]string, len(palette))
	for i, c := range palette {
		names[i] = c.name
	}
	return names
}

func colour(name string) RGB {
	for _, c := range palette {
		if c.name == name {
			return c.rgb
		}
	}
	return RGB{}
}
