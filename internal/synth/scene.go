package synth

import (
	"math"
	"math/rand/v2"
)

// Scene describes the content of a video or an image. Positions are in units of the
// frame's shorter side, with the origin at the center and y pointing down. Times are in
// seconds.
type Scene struct {
	Ground Ground
	Specks []Actor // clutter behind the actors; captions and labels ignore it
	Acts   []Act   // in order of time, at least one
	Visits []Visit // the segments of a scene whose objects come and go; nil if the acts are the segments
	Drift  Vec     // speed of the camera, units per second
	Light  float64 // brightness factor at the center of the frame
	Slope  Vec     // change of the brightness factor per unit
	Blur   float64 // width of soft edges, units
	Noise  int     // largest change of a byte by noise, which differs between frames
	Seed   uint64  // seed of the noise
}

// Act is an interval in which the actors move. Outside all acts they rest.
type Act struct {
	Start, End float64
	Class      string  // one of Classes, or "" for an act without a motion class
	Actors     []Actor // drawn in this order; the last one is the subject of the act
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

// Actor is an object with its appearance and motion. A dot of another color shows its
// rotation.
type Actor struct {
	Object
	Texture string  // one of Textures
	Shade   float64 // brightness of the color; 1 leaves it unchanged
	At      Vec     // position at the start of the act
	Size    float64 // radius at the start of the act
	Angle   float64 // clockwise rotation at the start of the act, radians
	Motion  Motion
}

// Motion describes how an actor changes over time. The zero value is no motion.
type Motion struct {
	Velocity Vec     // units per second
	Wrap     bool    // an actor that leaves the frame enters on the opposite side
	Growth   float64 // the size is multiplied by e^Growth each second
	Spin     float64 // clockwise, radians per second
	Orbit    Wave    // along a circle, clockwise
	Swing    Wave    // from side to side
	Bounce   Wave    // hops from a floor
	Appear   Ramp
	Vanish   Ramp
}

// Wave is a periodic motion with an amplitude Size and Rate periods per second, backward if
// negative. It starts at Phase, a fraction of a period.
type Wave struct{ Size, Rate, Phase float64 }

// Ramp is a change that starts at At and lasts For seconds; with For 0 there is no change.
type Ramp struct{ At, For float64 }

// pose is the state of an actor at one time.
type pose struct {
	at      Vec
	size    float64
	angle   float64
	opacity float64 // 0 to 1
}

// now returns the last act that started by time t, or else the first, and the time within
// the act.
func (s *Scene) now(t float64) (*Act, float64) {
	a := &s.Acts[0]
	for i := range s.Acts {
		if s.Acts[i].Start <= t {
			a = &s.Acts[i]
		}
	}
	return a, min(max(t-a.Start, 0), a.End-a.Start)
}

// pose returns the state of an actor t seconds after the start of its act.
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

// within moves an actor that left a frame of the given size to the opposite side.
func (p pose) within(frame Vec) pose {
	p.at.X = wrap(p.at.X, frame.X+2*p.size)
	p.at.Y = wrap(p.at.Y, frame.Y+2*p.size)
	return p
}

// wrap shifts v by whole periods into the period centered at 0.
func wrap(v, period float64) float64 { return v - period*math.Round(v/period) }

func (w Wave) turn(t float64) float64 { return w.Phase + w.Rate*t }

// progress returns the completed share of a ramp, 0 to 1, or otherwise without a ramp.
func (r Ramp) progress(t, otherwise float64) float64 {
	if r.For == 0 {
		return otherwise
	}
	return min(max((t-r.At)/r.For, 0), 1)
}

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// Textures are the textures of actors.
var Textures = []string{"plain", "striped", "dotted"}

// newActor returns an actor with random appearance, a radius within size, and no position
// or motion.
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

// upright returns the random angle of an object that stands nearly straight.
func upright(r *rand.Rand) float64 { return between(r, -0.35, 0.35) }

// The ranges of radii of actors that captions call small, do not qualify, and call large.
var (
	small  = [2]float64{0.13, 0.155}
	medium = [2]float64{0.18, 0.24}
	large  = [2]float64{0.28, 0.34}
)

// sizeName returns the name of a radius, or "" for a medium one.
func sizeName(radius float64) string {
	switch {
	case radius <= small[1]:
		return "small"
	case radius >= large[0]:
		return "large"
	}
	return ""
}

// newScene adds ground, light, camera, noise and specks to acts. Their distributions do not
// depend on the classes of the acts.
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
