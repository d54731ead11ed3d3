package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A class is a way to move. Those that come in pairs show the same pictures in
// the opposite order, so that only time tells them apart. Each of them directs
// the second of two actors, both of which stand still so far; the first stays a
// bystander unless the class needs two.
var classes = []struct {
	name   string
	direct func(s *Scene, r *rand.Rand, seconds float64)
}{
	{"moving left", moving(Vec{-1, 0})},
	{"moving right", moving(Vec{1, 0})},
	{"moving up", moving(Vec{0, -1})},
	{"moving down", moving(Vec{0, 1})},
	{"growing", growing(1)},
	{"shrinking", growing(-1)},
	{"appearing", func(s *Scene, r *rand.Rand, seconds float64) { s.Actors[1].Motion.Appear = ramp(r, seconds) }},
	{"vanishing", func(s *Scene, r *rand.Rand, seconds float64) { s.Actors[1].Motion.Vanish = ramp(r, seconds) }},
	{"turning clockwise", turning(1)},
	{"turning counter-clockwise", turning(-1)},
	{"circling clockwise", circling(1)},
	{"circling counter-clockwise", circling(-1)},
	{"swinging from side to side", func(s *Scene, r *rand.Rand, seconds float64) {
		s.Actors[1].At.X *= 0.6
		s.Actors[1].Motion.Swing = Wave{between(r, 0.15, 0.25), between(r, 1.5, 2.5) / seconds, r.Float64()}
	}},
	{"bouncing up and down", func(s *Scene, r *rand.Rand, seconds float64) {
		hop := between(r, 0.3, 0.5)
		s.Actors[1].At.Y = 0.6*s.Actors[1].At.Y + hop/2
		s.Actors[1].Motion.Bounce = Wave{hop, between(r, 2.5, 4) / seconds, r.Float64()}
	}},
	{"coming together", meeting(1)},
	{"moving apart", meeting(-1)},
}

// Classes returns the names of all classes, such as "moving left".
func Classes() []string {
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.name
	}
	return names
}

// NewScene makes up a scene of a class that fills a video of some seconds. All
// but the motion is drawn from the same distributions for each class.
func NewScene(class string, r *rand.Rand, seconds float64) (*Scene, error) {
	i := slices.Index(Classes(), class)
	if i < 0 {
		return nil, fmt.Errorf("no class %q; there are %q", class, Classes())
	}
	s := &Scene{
		Ground: newGround(r),
		Drift:  polar(between(r, 0, 0.08), between(r, 0, 2*math.Pi)),
		Noise:  r.IntN(8),
		Seed:   r.Uint64(),
	}
	colours := s.Ground.contrasting(r)
	s.Actors = make([]Actor, 2)
	for n := range s.Actors {
		s.Actors[n] = Actor{
			Shape:  Shapes[r.IntN(len(Shapes))],
			Colour: colours[n],
			Shade:  between(r, 0.8, 1),
			At:     Vec{between(r, -0.25, 0.25), between(r, -0.25, 0.25)},
			Size:   between(r, 0.1, 0.17),
			Angle:  between(r, 0, 2*math.Pi),
		}
	}
	// The bystander is not to be in the way, as far as a few tries help.
	a, b := &s.Actors[0], &s.Actors[1]
	for try := 0; try < 20 && math.Hypot(a.At.X-b.At.X, a.At.Y-b.At.Y) < a.Size+b.Size; try++ {
		a.At = Vec{between(r, -0.35, 0.35), between(r, -0.35, 0.35)}
	}
	classes[i].direct(s, r, seconds)
	return s, nil
}

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// moving shapes start anywhere and come back on the other side, so that where
// they are tells nothing of where they go.
func moving(direction Vec) func(*Scene, *rand.Rand, float64) {
	return func(s *Scene, r *rand.Rand, seconds float64) {
		a := &s.Actors[1]
		if direction.X != 0 {
			a.At.X = between(r, -0.5, 0.5)
		} else {
			a.At.Y = between(r, -0.5, 0.5)
		}
		a.Motion.Velocity = direction.times(between(r, 0.6, 1) / seconds)
		a.Motion.Wrap = true
	}
}

func growing(sign float64) func(*Scene, *rand.Rand, float64) {
	return func(s *Scene, r *rand.Rand, seconds float64) {
		a := &s.Actors[1]
		a.Motion.Growth = sign * between(r, 0.8, 1.2) / seconds
		a.Size *= math.Exp(-a.Motion.Growth * seconds / 2) // as large as others half-way
	}
}

func turning(sign float64) func(*Scene, *rand.Rand, float64) {
	return func(s *Scene, r *rand.Rand, seconds float64) {
		s.Actors[1].Motion.Spin = sign * 2 * math.Pi * between(r, 0.6, 1.2) / seconds
	}
}

func circling(sign float64) func(*Scene, *rand.Rand, float64) {
	return func(s *Scene, r *rand.Rand, seconds float64) {
		s.Actors[1].At = s.Actors[1].At.times(0.6)
		s.Actors[1].Motion.Orbit = Wave{between(r, 0.18, 0.28), sign * between(r, 0.8, 1.4) / seconds, r.Float64()}
	}
}

// meeting actors come together where sign is positive; the opposite is the same
// film backwards.
func meeting(sign float64) func(*Scene, *rand.Rand, float64) {
	return func(s *Scene, r *rand.Rand, seconds float64) {
		middle := Vec{between(r, -0.1, 0.1), between(r, -0.1, 0.1)}
		way := polar(1, between(r, 0, 2*math.Pi))
		near := (s.Actors[0].Size + s.Actors[1].Size) / 2
		far := near + between(r, 0.18, 0.28)
		start, end := far, near
		if sign < 0 {
			start, end = near, far
		}
		for n, side := range []float64{-1, 1} {
			s.Actors[n].At = middle.plus(way.times(side * start))
			s.Actors[n].Motion.Velocity = way.times(side * (end - start) / seconds)
		}
	}
}

// ramp is a change in the middle of the video.
func ramp(r *rand.Rand, seconds float64) Ramp {
	length := between(r, 0.1, 0.3)
	return Ramp{At: between(r, 0.25, 0.75-length) * seconds, For: length * seconds}
}
