package synth

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// untrimmed returns a random scene in which one of two actors performs one to four actions
// of the given classes. Each action continues from the state after the previous one.
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
	// An actor of medium size can both grow and shrink.
	actors := cast(set, r, medium)
	var acts []Act
	start := 0.0
	for i, length := range lengths {
		start += pauses[i] / sum * rest
		a := Act{Start: thousandth(start), End: thousandth(start + length), Actors: actors}
		start += length
		if !a.choose(classes, r, frame, i == 0) {
			break // no action can follow
		}
		acts = append(acts, a)
		actors = a.left(frame)
	}
	// An actor that turns in some act starts at a random angle, for the reason given at turning.
	if slices.ContainsFunc(acts, func(a Act) bool { return a.Actors[1].Motion.Spin != 0 }) {
		angle := between(r, 0, 2*math.Pi)
		for _, a := range acts {
			a.Actors[1].Angle += angle
		}
	}
	return newScene(r, seconds, acts)
}

// thousandth rounds a time to milliseconds, the resolution of manifests.
func thousandth(t float64) float64 { return math.Round(t*1000) / 1000 }

// choose sets a random class of an act and a motion of its second actor that continues from
// the actor's state and keeps it visible. An invisible actor can only appear, and a visible
// one cannot. choose reports whether it found a class. The first act may start in any
// state and always gets a class: the last one tried if none keeps the actor visible.
func (a *Act) choose(names []string, r *rand.Rand, frame Vec, first bool) bool {
	before, seconds := a.Actors, a.End-a.Start
	from := before[1].pose(0)
	for range 500 {
		a.Class = names[r.IntN(len(names))]
		a.Actors = slices.Clone(before)
		subject := &a.Actors[1]
		subject.Motion = Motion{}
		classes[slices.Index(Classes(), a.Class)].direct(a.Actors, r, seconds)
		// Appearing and vanishing take the whole act.
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

// seen reports whether an actor has a valid size and stays within the frame for the given
// duration. With Wrap, only the start and the end count.
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

// left returns the actors in their state after the act.
func (a *Act) left(frame Vec) []Actor {
	actors := slices.Clone(a.Actors)
	s := &actors[1]
	p := s.pose(a.End - a.Start)
	if s.Motion.Wrap {
		p = p.within(frame)
	}
	s.At, s.Size, s.Angle, s.Motion = p.at, p.size, p.angle, Motion{}
	if p.opacity == 0 {
		s.Motion.Vanish = Ramp{-1, 1} // ended before the next act
	}
	return actors
}

// doing returns the words for the actions of a scene, of which it names the first two.
func (s *Scene) doing() string {
	var names []string
	for _, a := range s.Acts[:min(len(s.Acts), 2)] {
		names = append(names, a.Class)
	}
	return strings.Join(names, " then ")
}
