package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Label selects the labels of the segments of untrimmed videos.
type Label string

// The labels.
//
//   - LabelMotions: the motion of a shape, which single frames do not show.
//   - LabelObjects: the visible shape, such as "red circle". Each shape appears, performs
//     a motion that needs no second shape, and disappears. Sometimes the next one appears
//     earlier. Segments last from half a second to half a minute.
const (
	LabelMotions Label = "motions"
	LabelObjects Label = "objects"
)

// LabelNames lists all labels.
var LabelNames = []Label{LabelMotions, LabelObjects}

// valid checks the label for a kind and replaces LabelMotions, the default, by "", so that
// synth.json omits it.
func (l *Label) valid(k Kind) error {
	if *l == LabelMotions {
		*l = ""
	}
	switch {
	case *l != "" && *l != LabelObjects:
		return fmt.Errorf("unknown label %q; available: %q", string(*l), LabelNames)
	case *l != "" && k != KindUntrimmed:
		return fmt.Errorf("label %q requires %s videos, got %s", string(*l), KindUntrimmed, k)
	}
	return nil
}

// Known returns the class names that a dataset with these options can have.
func (o Options) Known() []string {
	if o.Kind == KindUntrimmed && o.Label == LabelObjects {
		return KindObjects.Classes(o.Set)
	}
	return o.Kind.Classes(o.Set)
}

// Visit is an interval in which an object is visible.
type Visit struct {
	Start, End float64 // seconds
	Class      string  // the object's name
}

// segments returns the timed labels of an untrimmed video.
func (s *Scene) segments() []Visit {
	if s.Visits != nil {
		return s.Visits
	}
	var v []Visit
	for _, a := range s.Acts {
		v = append(v, Visit{a.Start, a.End, a.Class})
	}
	return v
}

// visitors returns the caption of a scene with visits, which names the first two objects.
func (s *Scene) visitors() string {
	words := article(s.Visits[0].Class)
	if len(s.Visits) > 1 {
		words += " then " + article(s.Visits[1].Class)
	}
	return words
}

const (
	shortest, longest = 0.5, 30.0 // seconds of a visit
	fade              = 0.15      // seconds that a shape takes to appear or disappear
)

// visited returns a random scene in which up to three different objects appear and
// disappear. The logarithm of a visit's duration is distributed uniformly. One visit in
// five starts during the previous one.
func visited(classes []string, r *rand.Rand, seconds float64, frame Vec) *Scene {
	var chosen []Object
	for _, i := range r.Perm(len(classes))[:min(len(classes), 1+r.IntN(3))] {
		o, _ := object(classes[i])
		chosen = append(chosen, o)
	}
	var visits []Visit
	var actors []Actor
	at, end := min(pause(r, seconds), seconds/2), 0.0 // even a video of one second shows an object
	for {
		length := math.Exp(between(r, math.Log(shortest), math.Log(min(longest, 0.45*seconds))))
		v := Visit{Start: thousandth(at), End: thousandth(at + length)}
		if v.End > seconds-shortest/2 {
			if visits != nil {
				break
			}
			v.End = thousandth(min(v.Start+shortest, seconds))
		}
		o := chosen[r.IntN(len(chosen))]
		if n := len(visits); v.Start < end {
			// Two objects that are visible together differ, and are on opposite sides.
			for o.String() == visits[n-1].Class {
				o = chosen[r.IntN(len(chosen))]
			}
		}
		v.Class = o.String()
		visits, actors = append(visits, v), append(actors, visitor(o, v, len(visits)%2, r, frame))
		alone := v.Start >= end // at most two objects are visible together
		end = max(end, v.End)
		at = end + pause(r, seconds)
		if alone && len(chosen) > 1 && r.IntN(5) == 0 {
			at = v.Start + between(r, 0.3, 0.8)*(v.End-v.Start)
		}
	}
	s := newScene(r, seconds, []Act{{Start: 0, End: seconds, Actors: actors}})
	s.Visits = visits
	return s
}

// pause returns the random duration of an interval without objects.
func pause(r *rand.Rand, seconds float64) float64 {
	return math.Exp(between(r, math.Log(0.5), math.Log(max(0.1*seconds, 1))))
}

// visitor returns an actor that is visible during a visit, on side 0 or 1 of the frame.
func visitor(o Object, v Visit, side int, r *rand.Rand, frame Vec) Actor {
	length := v.End - v.Start
	motions := slices.DeleteFunc(names(false), func(name string) bool { return name == "appearing" || name == "vanishing" })
	var a Actor
	for range 100 {
		pair := []Actor{{}, newActor(r, o, medium)}
		pair[1].At = Vec{(float64(side) - 0.5) * 0.4 * frame.X, between(r, -0.25, 0.25)}
		classes[slices.Index(Classes(), motions[r.IntN(len(motions))])].direct(pair, r, length)
		if a = pair[1]; a.seen(length, frame) {
			break
		}
	}
	a.begin(v.Start)
	a.Motion.Appear = Ramp{v.Start, min(fade, length/4)}
	a.Motion.Vanish = Ramp{v.End - min(fade, length/4), min(fade, length/4)}
	return a
}

// begin delays an actor's motion, so that its state at time t is the previous state at 0.
func (a *Actor) begin(t float64) {
	m := &a.Motion
	a.At = a.At.minus(m.Velocity.times(t))
	a.Size *= math.Exp(-m.Growth * t)
	a.Angle -= m.Spin * t
	for _, w := range []*Wave{&m.Orbit, &m.Swing, &m.Bounce} {
		w.Phase -= w.Rate * t
	}
}
