package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A class is a kind of motion. Classes that form a pair show the same frames in opposite
// order, so only time distinguishes them. direct gets two actors without motion and sets
// the motion of the second. The first is a bystander unless the class needs both.
var classes = []struct {
	name   string
	direct func(actors []Actor, r *rand.Rand, seconds float64)
	both   bool // needs both actors
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

// Classes returns the names of all motion classes, such as "moving left".
func Classes() []string { return names(true) }

// names returns the names of the classes, with or without those that need both actors.
func names(both bool) []string {
	var names []string
	for _, c := range classes {
		if both || !c.both {
			names = append(names, c.name)
		}
	}
	return names
}

// NewScene returns a random scene with an act of a class that lasts the given number of
// seconds, and two of the objects in set. Only the motion depends on the class.
func NewScene(class string, set []Object, r *rand.Rand, seconds float64) (*Scene, error) {
	i := slices.Index(Classes(), class)
	if i < 0 {
		return nil, fmt.Errorf("unknown class %q; available: %q", class, Classes())
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("a scene needs at least one object")
	}
	actors := cast(set, r, anySize(r))
	classes[i].direct(actors, r, seconds)
	return newScene(r, seconds, []Act{{0, seconds, class, actors}}), nil
}

// simplify removes the bystander and the camera's motion.
func (s *Scene) simplify() {
	s.Drift = Vec{}
	if a := &s.Acts[0]; slices.Contains(names(false), a.Class) {
		a.Actors = a.Actors[1:]
	}
}

// objectScene returns a random scene in which the object of the given name, alone, performs
// a motion that needs no second actor.
func objectScene(class string, r *rand.Rand, seconds float64) (*Scene, error) {
	o, ok := object(class)
	if !ok {
		return nil, fmt.Errorf("unknown object %q", class)
	}
	motions := names(false)
	s, err := NewScene(motions[r.IntN(len(motions))], []Object{o}, r, seconds)
	if err == nil {
		s.Acts[0].Actors = s.Acts[0].Actors[1:]
	}
	return s, err
}

// cast returns two actors at random positions, the second with a radius within size. They
// differ in color and shape if the set allows it.
func cast(set []Object, r *rand.Rand, size [2]float64) []Actor {
	one, other := set[r.IntN(len(set))], set[r.IntN(len(set))]
	for try := 0; try < 50 && (one.Color == other.Color || one.Shape == other.Shape); try++ {
		other = set[r.IntN(len(set))]
	}
	actors := []Actor{newActor(r, other, [2]float64{0.13, 0.16}), newActor(r, one, size)}
	for i := range actors {
		actors[i].At = Vec{between(r, -0.25, 0.25), between(r, -0.25, 0.25)}
	}
	// Move the bystander until it does not overlap the other actor, with few attempts.
	for try := 0; try < 20 && !apart(actors[0], actors[1:]); try++ {
		actors[0].At = Vec{between(r, -0.35, 0.35), between(r, -0.35, 0.35)}
	}
	return actors
}

// moving lets shapes start anywhere and wrap around, so that their position does not reveal
// the direction.
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
		a.Size *= math.Exp(-a.Motion.Growth * seconds / 2) // normal size halfway
	}
}

// turning lets shapes start at a random angle. If they started upright, a single frame
// would show the direction.
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

// meeting moves the actors together if sign is positive. A negative sign plays the same
// motion backward.
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

// swapping moves both actors half a turn around the point between them.
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

// ramp returns a random ramp in the middle of the video.
func ramp(r *rand.Rand, seconds float64) Ramp {
	length := between(r, 0.1, 0.3)
	return Ramp{At: between(r, 0.25, 0.75-length) * seconds, For: length * seconds}
}
