package synth

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// untrimmed makes up a scene in which one of two actors does one to four of the
// given things, each of them from where the last one left it. The frame is as
// large as given.
func untrimmed(classes []string, set []Object, r *rand.Rand, seconds float64, frame Vec) *Scene {
	lengths := make([]float64, 1+r.IntN(4))
	pauses := make([]float64, len(lengths)+1)
	rest, sum := seconds, 0.0
	for i := range lengths {
		lengths[i] = between(r, 0.08, 0.18) * seconds
		rest -= lengths[i]
	}
	for i := range pauses {
		pauses[i] = between(r, 0.3, 1)
		sum += pauses[i]
	}
	// Of medium size, it can both grow and shrink.
	actors := cast(set, r, medium)
	var acts []Act
	start := 0.0
	for i, length := range lengths {
		start += pauses[i] / sum * rest
		a := Act{Start: thousandth(start), End: thousandth(start + length), Actors: actors}
		start += length
		if !a.choose(classes, r, frame, i == 0) {
			break // after this there is nothing that can be done
		}
		acts = append(acts, a)
		actors = a.left(frame)
	}
	// What turns in any act stands at any angle from the first on: see turning.
	if slices.ContainsFunc(acts, func(a Act) bool { return a.Actors[1].Motion.Spin != 0 }) {
		angle := between(r, 0, 2*math.Pi)
		for _, a := range acts {
			a.Actors[1].Angle += angle
		}
	}
	return newScene(r, seconds, acts)
}

// thousandth rounds a time to what a manifest says of it.
func thousandth(t float64) float64 { return math.Round(t*1000) / 1000 }

// choose gives an act a class and its second actor a motion that goes on from
// where the actor is, in sight and at a size that can be seen. Only what is not
// there can appear, and it can do nothing else. It returns whether it found one.
// The first act begins as it likes and always has one, which would be the last one
// tried if none were in sight.
func (a *Act) choose(names []string, r *rand.Rand, frame Vec, first bool) bool {
	before, seconds := a.Actors, a.End-a.Start
	from := before[1].pose(0)
	for range 500 {
		a.Class = names[r.IntN(len(names))]
		a.Actors = slices.Clone(before)
		subject := &a.Actors[1]
		subject.Motion = Motion{}
		classes[slices.Index(Classes(), a.Class)].direct(a.Actors, r, seconds)
		// Outside its act, nothing changes; inside, it does so all the time.
		for _, ramp := range []*Ramp{&subject.Motion.Appear, &subject.Motion.Vanish} {
			if ramp.For > 0 {
				*ramp = Ramp{0, seconds}
			}
		}
		begin := subject.pose(0)
		if !first {
			if begin.opacity != from.opacity {
				continue
			}
			subject.At = subject.At.plus(from.at.minus(begin.at))
			subject.Size *= from.size / begin.size
			subject.Angle += from.angle - begin.angle
		}
		if subject.seen(seconds, frame) {
			return true
		}
	}
	return first
}

// seen tells whether an actor stays within the frame, or at least comes back
// there at the end, and is of a size that shapes have.
func (a *Actor) seen(seconds float64, frame Vec) bool {
	const steps = 16
	for i := range steps + 1 {
		p := a.pose(seconds * float64(i) / steps)
		if a.Motion.Wrap {
			if i > 0 && i < steps {
				continue
			}
			p = p.within(frame)
		}
		if math.Abs(p.at.X) > 0.4*frame.X || math.Abs(p.at.Y) > 0.4*frame.Y || p.size < 0.06 || p.size > 0.5 {
			return false
		}
	}
	return true
}

// left returns the actors as they are when the act is over.
func (a *Act) left(frame Vec) []Actor {
	actors := slices.Clone(a.Actors)
	s := &actors[1]
	p := s.pose(a.End - a.Start)
	if s.Motion.Wrap {
		p = p.within(frame)
	}
	s.At, s.Size, s.Angle, s.Motion = p.at, p.size, p.angle, Motion{}
	if p.opacity == 0 {
		s.Motion.Vanish = Ramp{-1, 1} // it has gone before
	}
	return actors
}

// doing says what happens, of several things the first two.
func (s *Scene) doing() string {
	var names []string
	for _, a := range s.Acts[:min(len(s.Acts), 2)] {
		names = append(names, a.Class)
	}
	return strings.Join(names, " then ")
}
