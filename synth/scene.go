package synth

import (
	"math"
	"slices"
)

// Scene is what a video shows, as data. Positions are in units of the frame's
// shorter side, with the origin in its middle and y pointing down; times are in
// seconds.
type Scene struct {
	Ground Ground
	Drift  Vec     // of the camera, units a second
	Actors []Actor // the last one is on top
	Noise  int     // grey levels that a pixel is off by at most, anew in each frame
	Seed   uint64  // of the noise
}

// Vec is a position or a speed.
type Vec struct{ X, Y float64 }

func (a Vec) plus(b Vec) Vec      { return Vec{a.X + b.X, a.Y + b.Y} }
func (a Vec) times(f float64) Vec { return Vec{a.X * f, a.Y * f} }
func polar(radius, radians float64) Vec {
	return Vec{radius * math.Cos(radians), radius * math.Sin(radians)}
}

// Actor is a shape with a dot of another colour towards its top, by which one
// sees how it is turned.
type Actor struct {
	Shape  string  // one of Shapes
	Colour string  // one of Colours
	Shade  float64 // brightness of the colour, 1 = as it is
	At     Vec     // where it is at time 0
	Size   float64 // radius at time 0
	Angle  float64 // clockwise at time 0, radians
	Motion Motion
}

// Motion is how an actor changes; what is zero does not.
type Motion struct {
	Velocity Vec     // units a second
	Wrap     bool    // what leaves the frame on one side comes back on the other
	Growth   float64 // size multiplies by e^Growth a second
	Spin     float64 // clockwise, radians a second
	Orbit    Wave    // round a circle, clockwise
	Swing    Wave    // from side to side
	Bounce   Wave    // hops up from a floor
	Appear   Ramp
	Vanish   Ramp
}

// Wave repeats Rate times a second (backwards where negative), from Phase of a
// turn on.
type Wave struct{ Size, Rate, Phase float64 }

// Ramp is a change that begins at a time and lasts for another; one that lasts
// no time does not happen.
type Ramp struct{ At, For float64 }

// pose is an actor at one time.
type pose struct {
	at      Vec
	size    float64
	angle   float64
	opacity float64 // 0 to 1
}

// pose returns how an actor stands at time t, seen by a camera that has moved
// by seen.
func (a *Actor) pose(t float64, camera Vec) pose {
	m := &a.Motion
	at := a.At.plus(m.Velocity.times(t)).plus(camera.times(-1))
	if m.Orbit.Size != 0 {
		at = at.plus(polar(m.Orbit.Size, 2*math.Pi*m.Orbit.turn(t)))
	}
	at.X += m.Swing.Size * math.Sin(2*math.Pi*m.Swing.turn(t))
	u := m.Bounce.turn(t)
	u -= math.Floor(u)
	at.Y -= m.Bounce.Size * 4 * u * (1 - u)
	return pose{
		at:      at,
		size:    a.Size * math.Exp(m.Growth*t),
		angle:   a.Angle + m.Spin*t,
		opacity: m.Appear.progress(t, 1) * (1 - m.Vanish.progress(t, 0)),
	}
}

func (w Wave) turn(t float64) float64 { return w.Phase + w.Rate*t }

// progress goes from 0 to 1; it is otherwise for a ramp that does not happen.
func (r Ramp) progress(t, otherwise float64) float64 {
	if r.For == 0 {
		return otherwise
	}
	return min(max((t-r.At)/r.For, 0), 1)
}

// Plain makes the scene one that features of a backbone which was never trained
// can tell something about: light actors on a dark ground, so that an actor is
// different from the ground in the same way in every scene, and no actor that
// does nothing. The textures stay.
func (s *Scene) Plain() {
	s.Actors = slices.DeleteFunc(s.Actors, func(a Actor) bool { return a.Motion == Motion{} })
	for i := range s.Actors {
		s.Actors[i].Colour, s.Actors[i].Shade = []string{"white", "yellow"}[i%2], 1
	}
	for i := range s.Ground.A {
		s.Ground.A[i] *= 0.4
		s.Ground.B[i] *= 0.4
	}
}
