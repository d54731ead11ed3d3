package synth

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Ground is the background: a texture of two shades of a color.
type Ground struct {
	Kind  string // one of Grounds
	Color string // one of Colors, or "" for a dull tone without a name
	A, B  RGB    // the two shades
	Scale float64
	Angle float64 // radians
	Seed  uint64
}

// textures has functions that return the share of shade B, 0 to 1, at a position in units
// of Scale.
var textures = map[string]func(x, y float64, seed uint64) float64{
	"plain":     func(x, y float64, _ uint64) float64 { return 0 },
	"shaded":    func(x, y float64, _ uint64) float64 { return 0.5 + 0.5*math.Sin(x*0.5) },
	"striped":   func(x, y float64, _ uint64) float64 { return soft(math.Sin(x * math.Pi)) },
	"checkered": func(x, y float64, _ uint64) float64 { return soft(2 * math.Sin(x*math.Pi) * math.Sin(y*math.Pi)) },
	"dotted": func(x, y float64, _ uint64) float64 {
		return soft(0.9 - 3*math.Hypot(x-math.Round(x), y-math.Round(y)))
	},
	"noisy": func(x, y float64, seed uint64) float64 {
		return (2*lattice(3*x, 3*y, seed) + lattice(7*x, 7*y, seed+1)) / 3
	},
}

// Grounds lists the kinds of ground.
var Grounds = []string{"plain", "shaded", "striped", "checkered", "dotted", "noisy"}

// newGround returns a random ground that contrasts with all actors.
func newGround(r *rand.Rand, actors []Actor) Ground {
	for {
		g := anyGround(r)
		if !slices.ContainsFunc(actors, func(a Actor) bool { return !g.shows(a.Color) }) {
			return g
		}
	}
}

func anyGround(r *rand.Rand) Ground {
	g := Ground{
		Kind:  Grounds[r.IntN(len(Grounds))],
		Scale: between(r, 0.13, 0.25),
		Angle: between(r, 0, 2*math.Pi),
		Seed:  r.Uint64(),
	}
	if r.IntN(2) == 0 { // a dull tone without a name
		level := between(r, 60, 190)
		for i := range g.A {
			g.A[i] = level + between(r, -25, 25)
		}
	} else {
		c := palette[r.IntN(len(palette))]
		g.Color, g.A = c.name, c.rgb.toward(RGB{128, 128, 128}, between(r, 0, 0.15))
	}
	step := between(r, 28, 55)
	if g.A.brightness() > 110 {
		step = -step
	}
	for i := range g.B {
		g.B[i] = min(max(g.A[i]+step, 0), 255)
	}
	return g
}

// shows reports whether a color contrasts with the ground.
func (g *Ground) shows(name string) bool {
	c := color(name)
	return name != g.Color && distance(c, g.A) > 90 && distance(c, g.B) > 90
}

func distance(a, b RGB) float64 {
	s := 0.0
	for i := range a {
		s += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(s)
}

// soft maps -1..1 to 0..1 by a step with a short slope at 0.
func soft(v float64) float64 { return min(max(0.5+2*v, 0), 1) }

// lattice returns value noise: random values at integer positions, interpolated smoothly.
func lattice(x, y float64, seed uint64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int64(fx), int64(fy)
	u, v := x-fx, y-fy
	u, v = u*u*(3-2*u), v*v*(3-2*v)
	at := func(x, y int64) float64 {
		return float64(mix(uint64(x)*0x9e3779b97f4a7c15^uint64(y)*0xc2b2ae3d27d4eb4f^seed)>>11) / (1 << 53)
	}
	top := at(ix, iy)*(1-u) + at(ix+1, iy)*u
	bottom := at(ix, iy+1)*(1-u) + at(ix+1, iy+1)*u
	return top*(1-v) + bottom*v
}

// mix is the finalizer of SplitMix64; it decorrelates neighboring numbers.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
