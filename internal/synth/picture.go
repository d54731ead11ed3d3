package synth

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// World is an endless sequence of captioned images for training and testing towers. An
// image depends only on the world and the image's number. Zero fields have defaults. A
// World is safe for concurrent use.
type World struct {
	Seed   uint64
	Side   int  // width and height of an image, pixels; 64
	Set    Set  // combinations of color and shape to show; All
	Single bool // exactly one shape per image
}

// Picture is one image of a world.
type Picture struct {
	Pix     []byte // Side·Side·3 bytes of RGB, row by row
	Caption string // describes part of the image
	Labels  Labels // describes all of it
	Scene   *Scene // drawn at time 0
}

// Labels describes the content of a scene. Fields that do not apply are zero.
type Labels struct {
	Object      Object // the subject
	Count       int    // number of shapes that equal Object
	Texture     string // one of Textures
	Size        string // "small", "large" or ""
	Place       string // position of a single shape, such as "at the top left"
	Relation    string // "above", "below", "left of" or "right of" Other
	Other       Object // a second shape
	Ground      string // one of Grounds
	GroundColor string
}

// Picture renders image n. It panics if the world's set is not one of Sets.
func (w World) Picture(n uint64) Picture {
	s, caption := w.scene(n)
	side := cmp.Or(w.Side, 64)
	p := Picture{make([]byte, 3*side*side), caption, s.Labels(0), s}
	s.Draw(p.Pix, side, side, 0)
	return p
}

func (w World) scene(n uint64) (*Scene, string) {
	r := rand.New(rand.NewPCG(w.Seed, mix(n+1)))
	set := objects[cmp.Or(w.Set, All)]
	if set == nil {
		panic(w.Set.valid())
	}
	act := Act{Actors: single(r, set)}
	if kind := r.IntN(4); !w.Single && kind == 0 {
		act.Actors = several(r, set)
	} else if !w.Single && kind == 1 {
		act.Actors = pair(r, set)
	}
	s := newScene(r, 0, []Act{act})
	return s, caption(r, s.Labels(0), "picture", "")
}

func single(r *rand.Rand, set []Object) []Actor {
	a := newActor(r, set[r.IntN(len(set))], anySize(r))
	a.At = anywhere(r, a.Size)
	return []Actor{a}
}

// anySize returns a random range of radii: small and large have probability 1/4 each.
func anySize(r *rand.Rand) [2]float64 { return [][2]float64{small, medium, medium, large}[r.IntN(4)] }

// anywhere returns a random position at which a shape is completely in the frame.
func anywhere(r *rand.Rand, size float64) Vec {
	return Vec{between(r, size-0.5, 0.5-size), between(r, size-0.5, 0.5-size)}
}

// several returns two to four equal actors that do not overlap.
func several(r *rand.Rand, set []Object) []Actor {
	first := newActor(r, set[r.IntN(len(set))], [2]float64{small[0], 0.17})
	actors := make([]Actor, 2+r.IntN(3))
	for placed := 0; placed < len(actors); {
		placed = 0
		for try := 0; try < 50 && placed < len(actors); try++ {
			a := first
			a.At, a.Angle = anywhere(r, a.Size), upright(r)
			if apart(a, actors[:placed]) {
				actors[placed] = a
				placed++
			}
		}
	}
	return actors
}

// pair returns two actors that differ in color and shape and are clearly next to, above or
// below each other.
func pair(r *rand.Rand, set []Object) []Actor {
	a, b := set[r.IntN(len(set))], set[r.IntN(len(set))]
	for a.Color == b.Color || a.Shape == b.Shape {
		b = set[r.IntN(len(set))]
	}
	actors := []Actor{newActor(r, b, [2]float64{0.14, 0.22}), newActor(r, a, [2]float64{0.14, 0.22})}
	for {
		for i := range actors {
			actors[i].At = anywhere(r, actors[i].Size)
		}
		if apart(actors[0], actors[1:]) && relation(actors[1].At.minus(actors[0].At)) != "" {
			return actors
		}
	}
}

// apart reports whether an actor overlaps none of others.
func apart(a Actor, others []Actor) bool {
	for _, b := range others {
		if a.At.minus(b.At).length() < 1.1*(a.Size+b.Size) {
			return false
		}
	}
	return true
}

// relation returns the word for the offset d between two objects, or "" if it is ambiguous.
func relation(d Vec) string {
	x, y := math.Abs(d.X), math.Abs(d.Y)
	switch {
	case d.Y < 0 && y > 2*x:
		return "above"
	case d.Y > 0 && y > 2*x:
		return "below"
	case d.X < 0 && x > 2*y:
		return "left of"
	case d.X > 0 && x > 2*y:
		return "right of"
	}
	return ""
}

// place returns the words for a position in the frame, or "" if it is ambiguous.
func place(at Vec) string {
	third := func(v float64, low, middle, high string) (string, bool) {
		switch {
		case v < -0.16:
			return low, true
		case math.Abs(v) < 0.09:
			return middle, true
		case v > 0.16:
			return high, true
		}
		return "", false
	}
	row, ok1 := third(at.Y, "top", "", "bottom")
	column, ok2 := third(at.X, "left", "", "right")
	switch {
	case !ok1 || !ok2:
		return ""
	case row == "" && column == "":
		return "in the middle"
	case row == "" || column == "":
		return "at the " + row + column
	}
	return "at the " + row + " " + column
}

// Labels returns the labels of the scene at time t. A shape that moves has no place, and one
// that grows or shrinks in any act has no size. Bystanders are omitted.
func (s *Scene) Labels(t float64) Labels {
	act, at := s.now(t)
	last := len(act.Actors) - 1
	a, first := &act.Actors[last], &act.Actors[0]
	p := a.pose(at)
	l := Labels{Object: a.Object, Count: 1, Texture: a.Texture, Ground: s.Ground.Kind, GroundColor: s.Ground.Color}
	if !slices.ContainsFunc(s.Acts, func(a Act) bool { return a.Actors[len(a.Actors)-1].Motion.Growth != 0 }) {
		l.Size = sizeName(p.size)
	}
	still := act.Class == ""
	switch {
	case last == 0 && still:
		l.Place = place(p.at)
	case last > 0 && still && first.Object == a.Object:
		l.Count += last
	case last > 0 && still:
		l.Other, l.Relation = first.Object, relation(p.at.minus(first.pose(at).at))
	case last > 0 && !slices.Contains(names(false), act.Class):
		l.Other = first.Object
	}
	return l
}
