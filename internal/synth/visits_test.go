package synth

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

// Shapes are visible exactly while they are labeled. At most two are visible together, and
// these differ. A visit lasts from half a second to half a minute.
func TestVisits(t *testing.T) {
	const seconds = 80.0
	known := Options{Kind: KindUntrimmed, Label: LabelObjects, Set: All}.Known()
	count, overlapping, short, long, videos := map[string]int{}, 0, 0, 0, 60
	for seed := range uint64(videos) {
		s := visited(known, random(seed), seconds, Vec{1, 1})
		classes := map[string]bool{}
		for i, v := range s.Visits {
			length := v.End - v.Start
			if v.Start < 0 || v.End > seconds || length < shortest-0.002 || length > longest+0.002 {
				t.Errorf("seed %d: visit %+v", seed, v)
			}
			if length < 1 {
				short++
			} else if length > 10 {
				long++
			}
			count[v.Class]++
			classes[v.Class] = true
			here := 0
			for j, w := range s.Visits {
				if j != i && w.Start < v.End && v.Start < w.End {
					here++
					overlapping++
					if w.Class == v.Class {
						t.Errorf("seed %d: %+v and %+v", seed, v, w)
					}
				}
			}
			a := &s.Acts[0].Actors[i]
			if a.Object.String() != v.Class {
				t.Fatalf("seed %d: %s stands for %+v", seed, a.Object, v)
			}
			for _, at := range []float64{v.Start - 0.001, v.Start + 0.02, (v.Start + v.End) / 2, v.End - 0.02, v.End + 0.001} {
				p, inside := a.pose(at), at > v.Start && at < v.End
				if p.opacity > 0 != inside {
					t.Errorf("seed %d: at %v s visit %+v has an opacity of %v", seed, at, v, p.opacity)
				}
				if inside && (p.size < 0.05 || p.size > 0.6 || math.IsNaN(p.at.X+p.at.Y)) {
					t.Errorf("seed %d: at %v s %+v", seed, at, p)
				}
			}
		}
		if len(s.Visits) == 0 || len(classes) > 3 {
			t.Errorf("seed %d: %d visits of %d classes", seed, len(s.Visits), len(classes))
		}
	}
	if len(count) < len(known)/2 || overlapping < videos/4 || short < videos/4 || long < videos/4 {
		t.Errorf("%d classes, %d overlaps, %d shorter than a second, %d longer than ten", len(count), overlapping, short, long)
	}
	// Even the shortest video with the fewest classes shows an object.
	for seed := range uint64(50) {
		for _, seconds := range []float64{0.01, 0.5, 1, 2} {
			s := visited(known[:1], random(seed), seconds, Vec{1.5, 1})
			if len(s.Visits) == 0 {
				t.Errorf("seed %d: %v s show nothing", seed, seconds)
			}
			for _, v := range s.Visits {
				if !(v.Start >= 0 && v.Start < v.End && v.End <= seconds) {
					t.Errorf("seed %d: in %v s there is %+v", seed, seconds, v)
				}
			}
		}
	}
}

func TestVisitsRendered(t *testing.T) {
	o, err := Options{Kind: KindUntrimmed, Label: LabelObjects, Total: 2, Width: 32, Height: 32, FPS: 4}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if o.Seconds != 60 || len(o.Classes) != len(objects[All]) {
		t.Errorf("%+v", o)
	}
	s, words, err := o.scene(o.jobs()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	first := s.Visits[0]
	if !strings.HasPrefix(words, article(first.Class)) {
		t.Errorf("%q of %+v", words, first)
	}
	// While no object is visible, only noise changes.
	draw := func(at float64) []byte {
		s.Noise, s.Drift = 0, Vec{}
		pix := make([]byte, 3*32*32)
		s.Draw(pix, 32, 32, at)
		return pix
	}
	if !bytes.Equal(draw(0), draw(first.Start/2)) || slices.Equal(draw(0), draw((first.Start+first.End)/2)) {
		t.Error("the picture changes before the first visit, or does not in it")
	}
	for _, bad := range []Options{{Kind: KindMotions, Label: LabelObjects}, {Kind: KindUntrimmed, Label: "songs"}, {Kind: KindUntrimmed, Label: LabelObjects, Classes: []string{"growing"}}} {
		if _, err := bad.complete(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	// The default, motions, is not stored in synth.json.
	if plain, err := (Options{Kind: KindUntrimmed, Label: LabelMotions}).complete(); err != nil || plain.Label != "" {
		t.Errorf("%+v, %v", plain, err)
	}
}
