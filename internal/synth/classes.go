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
	direct func(actors []Actor, r *rand.Rand, seconds float64)
	both   bool // need two actors
}{
	{"moving left", moving(Vec{-1, 0}), false},
	{"moving right", moving(Vec{1, 0}), false},
	{"moving up", moving(Vec{0, -1}), false},
	{"moving down", moving(Vec{0, 1}), false},
	{"growing", growing(1), false},
	{"shrinking", growing(-1), false},
	{"appearing", func(actors []Actor, r *rand.Rand, seconds float64) { actors[1].Motion.Appear = ramp(r, seconds) }, false},
	{"vanishing", func(actors []Actor, r *rand.Rand, seconds float64) { actors[1].Motion.Vanish = ramp(r, seconds) }, false},
	{"turning clockwise", turning(1), false},
	{"turning counter-clockwise", turning(-1), false},
	{"circling clockwise", circling(1), false},
	{"circling counter-clockwise", circling(-1), false},
	{"swinging from side to side", func(actors []Actor, r *rand.Rand, seconds float64) {
		a := &actors[1]
		a.At.X *= 0.6
		a.Motion.Swing = Wave{between(r, 0.15, 0.25), between(r, 1.5, 2.5) / seconds, r.Float64()}
	}, false},
	{"bouncing up and down", func(actors []Actor, r *rand.Rand, seconds float64) {
		a := &actors[1]
		hop := between(r, 0.3, 0.5)
		a.At.Y = 0.6*a.At.Y + hop/2
		a.Motion.Bounce = Wave{hop, between(r, 2.5, 4) / seconds, r.Float64()}
	}, false},
	{"coming together", meeting(1), true},
	{"moving apart", meeting(-1), true},
	{"swapping places", swapping, true},
}

// Classes returns the names of all ways to move, such as "moving left".
func Classes() []string { return names(true) }

// names returns the names of the classes, with those that need two actors or
// without.
func names(both bool) []string {
	var names []string
	for _, c := range classes {
		if both || !c.both {
			names = append(names, c.name)
		}
	}
	return names
}

// NewScene makes up a scene of a class that fills a video of some seconds, with
// two of the given objects. All but the motion is drawn from the same
// distributions for each class.
func NewScene(class string, set []Object, r *rand.Rand, seconds float64) (*Scene, error) {
	i := slices.Index(Classes(), class)
	if i < 0 {
		return nil, fmt.Errorf("no class %q; there are %q", class, Classes())
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("no objects to show")
	}
	actors := cast(set, r, anySize(r))
	classes[i].direct(actors, r, seconds)
	return newScene(r, seconds, []Act{{0, seconds, class, actors}}), nil
}

// simplify takes out the shape that only stands by, and the camera's drift.
func (s *Scene) simplify() {
	s.Drift = Vec{}
	if a := &s.Acts[0]; slices.Contains(names(false), a.Class) {
		a.Actors = a.Actors[1:]
	}
}

// objectScene makes up a scene in which the object that a class names, and no
// other, does anything that one can do alone.
func objectScene(class string, r *rand.Rand, seconds float64) (*Scene, error) {
	o, ok := object(class)
	if !ok {
		return nil, fmt.Errorf("no object %q", class)
	}
	motions := names(false)
	s, err := NewScene(motions[r.IntN(len(motions))], []Object{o}, r, seconds)
	if err == nil {
		s.Acts[0].Actors = s.Acts[0].Actors[1:]
	}
	return s, err
}

// cast places two actors, of two colors and shapes where the set allows it; the
// second has a radius within size.
func cast(set []Object, r *rand.Rand, size [2]float64) []Actor {
	one, other := set[r.IntN(len(set))], set[r.IntN(len(set))]
	for try := 0; try < 50 && (one.Color == other.Color || one.Shape == other.Shape); try++ {
		other = set[r.IntN(len(set))]
	}
	actors := []Actor{newActor(r, other, [2]float64{0.13, 0.16}), newActor(r, one, size)}
	for i := range actors {
		actors[i].At = Vec{between(r, -0.25, 0.25), between(r, -0.25, 0.25)}
	}
	// The bystander is not to be in the way, as far as a few tries help.
	for try := 0; try < 20 && !apart(actors[0], actors[1:]); try++ {
		actors[0].At = Vec{between(r, -0.35, 0.35), between(r, -0.35, 0.35)}
	}
	return actors
}

// moving shapes start anywhere and come back on the other side, so that where
// they are tells nothing of where they go.
func moving(direction Vec) func([]Actor, *rand.Rand, float64) {
	return func(actors []Actor, r *rand.Rand, seconds float64) {
		a := &actors[1]
		if direction.X != 0 {
			a.At.X = between(r, -0.5, 0.5)
		} else {
			a.At.Y = between(r, -0.5, 0.5)
		}
		a.Motion.Velocity = direction.times(between(r, 0.6, 1) / seconds)
		a.Motion.Wrap = true
	}
}

func growing(sign float64) func([]Actor, *rand.Rand, float64) {
	return func(actors []Actor, r *rand.Rand, seconds float64) {
		a := &actors[1]
		a.Motion.Growth = sign * between(r, 0.8, 1.2) / seconds
		a.Size *= math.Exp(-a.Motion.Growth * seconds / 2) // as large as others half-way
	}
}

// turning shapes begin at any angle. If they began upright, each frame would show
// which way they have turned so far.
func turning(sign float64) func([]Actor, *rand.Rand, float64) {
	return func(actors []Actor, r *rand.Rand, seconds float64) {
		actors[1].Angle = between(r, 0, 2*math.Pi)
		actors[1].Motion.Spin = sign * 2 * math.Pi * between(r, 0.6, 1.2) / seconds
	}
}

func circling(sign float64) func([]Actor, *rand.Rand, float64) {
	return func(actors []Actor, r *rand.Rand, seconds float64) {
		a := &actors[1]
		a.At = a.At.times(0.6)
		a.Motion.Orbit = Wave{between(r, 0.18, 0.28), sign * between(r, 0.8, 1.4) / seconds, r.Float64()}
	}
}

// meeting actors come together where sign is positive; the opposite is the same
// film backwards.
func meeting(sign float64) func([]Actor, *rand.Rand, float64) {
	return func(actors []Actor, r *rand.Rand, seconds float64) {
		middle := Vec{between(r, -0.1, 0.1), between(r, -0.1, 0.1)}
		way := polar(1, between(r, 0, 2*math.Pi))
		near := (actors[0].Size + actors[1].Size) / 2
		far := near + between(r, 0.15, 0.25)
		start, end := far, near
		if sign < 0 {
			start, end = near, far
		}
		for n, side := range []float64{-1, 1} {
			actors[n].At = middle.plus(way.times(side * start))
			actors[n].Motion.Velocity = way.times(side * (end - start) / seconds)
		}
	}
}

// swapping actors go half a turn round the middle between them.
func swapping(actors []Actor, r *rand.Rand, seconds float64) {
	middle := Vec{between(r, -0.1, 0.1), between(r, -0.1, 0.1)}
	radius := (actors[0].Size+actors[1].Size)/2 + between(r, 0.02, 0.15)
	rate := 0.5 / seconds
	if r.IntN(2) == 0 {
		rate = -rate
	}
	phase := r.Float64()
	for n := range actors {
		actors[n].At = middle
		actors[n].Motion.Orbit = Wave{radius, rate, phase + float64(n)/2}
	}
}

// ramp is a change in the middle of the video.
func ramp(r *rand.Rand, seconds float64) Ramp {
	length := between(r, 0.1, 0.3)
	return Ramp{At: between(r, 0.25, 0.75-length) * seconds, For: length * seconds}
}
