package synth

import (
	"math"
	"math/rand/v2"
)

// Scene is what a video or a picture shows, as data. Positions are in units of
// the frame's shorter side, with the origin in its middle and y pointing down;
// times are in seconds.
type Scene struct {
	Ground Ground
	Specks []Actor // that nobody speaks of; they lie on the ground
	Acts   []Act   // one after the other, at least one
	Visits []Visit // of objects that come and go, if the acts say nothing
	Drift  Vec     // of the camera, units a second
	Light  float64 // by which all is multiplied in the middle of the frame
	Slope  Vec     // how the light changes over a unit
	Blur   float64 // of edges, frame sides
	Noise  int     // grey levels that a pixel is off by at most, different in each frame
	Seed   uint64  // of the noise
}

// Act is a time in which the actors do something. Before the first act, between
// two and after the last they rest as they are.
type Act struct {
	Start, End float64
	Class      string  // one of Classes, or "" where nothing happens
	Actors     []Actor // the last one is on top and the subject of the act
}

// Vec is a position or a speed.
type Vec struct{ X, Y float64 }

func (a Vec) plus(b Vec) Vec      { return Vec{a.X + b.X, a.Y + b.Y} }
func (a Vec) minus(b Vec) Vec     { return Vec{a.X - b.X, a.Y - b.Y} }
func (a Vec) times(f float64) Vec { return Vec{a.X * f, a.Y * f} }
func (a Vec) length() float64     { return math.Hypot(a.X, a.Y) }
func polar(radius, radians float64) Vec {
	return Vec{radius * math.Cos(radians), radius * math.Sin(radians)}
}

// Actor is an object with a dot of another color, by which one sees how it is
// turned.
type Actor struct {
	Object
	Texture string  // one of Textures
	Shade   float64 // brightness of the color, 1 = as it is
	At      Vec     // where it is when the act begins
	Size    float64 // radius then
	Angle   float64 // clockwise then, radians
	Motion  Motion
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

// now returns the act that is on or was the last at time t, and the time that
// its actors have come to.
func (s *Scene) now(t float64) (*Act, float64) {
	a := &s.Acts[0]
	for i := range s.Acts {
		if s.Acts[i].Start <= t {
			a = &s.Acts[i]
		}
	}
	return a, min(max(t-a.Start, 0), a.End-a.Start)
}

// pose returns how an actor stands t into its act.
func (a *Actor) pose(t float64) pose {
	m := &a.Motion
	at := a.At.plus(m.Velocity.times(t))
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

// within brings an actor that leaves the frame, as large as given, back on the
// other side.
func (p pose) within(frame Vec) pose {
	p.at.X = wrap(p.at.X, frame.X+2*p.size)
	p.at.Y = wrap(p.at.Y, frame.Y+2*p.size)
	return p
}

// wrap brings v into a period round 0.
func wrap(v, period float64) float64 { return v - period*math.Round(v/period) }

func (w Wave) turn(t float64) float64 { return w.Phase + w.Rate*t }

// progress goes from 0 to 1; it is otherwise for a ramp that does not happen.
func (r Ramp) progress(t, otherwise float64) float64 {
	if r.For == 0 {
		return otherwise
	}
	return min(max((t-r.At)/r.For, 0), 1)
}

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// Textures are the textures of actors.
var Textures = []string{"plain", "striped", "dotted"}

// newActor makes up all but the place and the motion of an actor.
func newActor(r *rand.Rand, o Object, size [2]float64) Actor {
	a := Actor{
		Object:  o,
		Texture: "plain",
		Shade:   between(r, 0.9, 1),
		Size:    between(r, size[0], size[1]),
		Angle:   upright(r),
	}
	if r.IntN(3) == 0 {
		a.Texture = Textures[1+r.IntN(len(Textures)-1)]
	}
	return a
}

// upright is an angle of what stands nearly straight, as most things do.
func upright(r *rand.Rand) float64 { return between(r, -0.35, 0.35) }

// The radii of actors that are called small, not called anything, and large.
var (
	small  = [2]float64{0.13, 0.155}
	medium = [2]float64{0.18, 0.24}
	large  = [2]float64{0.28, 0.34}
)

// sizeName is the name of a radius, or "".
func sizeName(radius float64) string {
	switch {
	case radius <= small[1]:
		return "small"
	case radius >= large[0]:
		return "large"
	}
	return ""
}

// newScene surrounds acts by all that is drawn from the same distributions
// whatever happens in them.
func newScene(r *rand.Rand, seconds float64, acts []Act) *Scene {
	s := &Scene{
		Ground: newGround(r, acts[0].Actors),
		Acts:   acts,
		Light:  between(r, 0.85, 1.08),
		Slope:  polar(between(r, 0, 0.15), between(r, 0, 2*math.Pi)),
		Blur:   between(r, 0, 0.012),
		Noise:  r.IntN(8),
		Seed:   r.Uint64(),
	}
	if seconds > 0 {
		s.Drift = polar(between(r, 0, 0.16)/seconds, between(r, 0, 2*math.Pi))
	}
	for range r.IntN(5) {
		s.Specks = append(s.Specks, Actor{
			Object: Object{palette[r.IntN(len(palette))].name, speck},
			Shade:  between(r, 0.7, 1),
			At:     Vec{between(r, -0.5, 0.5), between(r, -0.5, 0.5)},
			Size:   between(r, 0.015, 0.03),
			Angle:  between(r, 0, 2*math.Pi),
		})
	}
	return s
}
