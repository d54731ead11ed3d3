package synth

import (
	"fmt"
	"slices"
	"strings"
)

// Object is a combination of color and shape.
type Object struct{ Color, Shape string }

// String returns the object's name, such as "red circle".
func (o Object) String() string { return o.Color + " " + o.Shape }

// Set selects combinations of color and shape.
type Set string

// The sets. One fixed sixth of all combinations is unseen: one shape of each color, and each
// shape in two colors. So a model trained on the seen ones has seen every color and every
// shape, but not these combinations.
const (
	All    Set = "all"
	Seen   Set = "seen"
	Unseen Set = "unseen"
)

// Sets lists all sets.
var Sets = []Set{All, Seen, Unseen}

func (s Set) valid() error {
	if !slices.Contains(Sets, s) {
		return fmt.Errorf("unknown set of combinations %q; available: %q", string(s), Sets)
	}
	return nil
}

// Objects returns the combinations of a set, grouped by color. It returns none for an
// unknown set.
func Objects(s Set) []Object { return slices.Clone(objects[s]) }

var objects = func() map[Set][]Object {
	m := map[Set][]Object{}
	for c, color := range palette {
		for i, shape := range Shapes {
			o, set := Object{color.name, shape}, Seen
			if i == (c+1)%len(Shapes) {
				set = Unseen
			}
			m[set] = append(m[set], o)
			m[All] = append(m[All], o)
		}
	}
	return m
}()

// object returns the object with a name, and whether it exists.
func object(name string) (Object, bool) {
	color, shape, _ := strings.Cut(name, " ")
	o := Object{color, shape}
	return o, slices.Contains(objects[All], o)
}

// palette has the colors of objects and grounds. They differ enough to be distinguished in
// any light.
var palette = []struct {
	name string
	rgb  RGB
}{
	{"red", RGB{215, 25, 30}}, {"green", RGB{25, 150, 45}}, {"blue", RGB{25, 55, 215}}, {"yellow", RGB{250, 230, 30}},
	{"orange", RGB{252, 140, 15}}, {"purple", RGB{125, 30, 165}}, {"pink", RGB{250, 135, 195}}, {"cyan", RGB{40, 215, 225}},
	{"white", RGB{250, 250, 250}}, {"black", RGB{15, 15, 15}}, {"brown", RGB{105, 60, 25}}, {"grey", RGB{130, 130, 130}},
}

// Colors returns the names of the colors.
func Colors() []string {
	names := make([]string, len(palette))
	for i, c := range palette {
		names[i] = c.name
	}
	return names
}

func color(name string) RGB {
	for _, c := range palette {
		if c.name == name {
			return c.rgb
		}
	}
	return RGB{}
}

// RGB is a color.
type RGB [3]float64

func (c RGB) toward(other RGB, share float64) RGB {
	for i := range c {
		c[i] += (other[i] - c[i]) * share
	}
	return c
}

func (c RGB) brightness() float64 { return (c[0] + c[1] + c[2]) / 3 }
