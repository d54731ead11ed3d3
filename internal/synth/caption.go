package synth

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// caption describes some of the labels: always the objects and their action, if any, and at
// most two more properties, or one if there is an action or a second object. medium is
// "picture" or "video".
func caption(r *rand.Rand, l Labels, medium, doing string) string {
	limit := 2
	if doing != "" || l.Other.Shape != "" {
		limit = 1
	}
	var more []string
	mention := func(what string, known bool, oneIn int) {
		if known && r.IntN(oneIn) == 0 {
			more = append(more, what)
		}
	}
	mention("size", l.Size != "", 2)
	mention("texture", l.Texture != "plain", 2)
	mention("texture", l.Texture == "plain", 12)
	mention("place", l.Place != "", 2)
	mention("ground", true, 3)
	r.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
	more = more[:min(len(more), limit)]
	words := phrases(r, l, more, doing)
	// Only short captions have an introduction.
	if len(more) < limit {
		switch {
		case r.IntN(3) == 0:
			words = slices.Insert(words, 0, "a "+medium+" of")
		case r.IntN(4) == 0 && l.Count > 1:
			words = slices.Insert(words, 0, "there are")
		case r.IntN(4) == 0 && l.Other.Shape == "":
			words = slices.Insert(words, 0, map[bool]string{false: "there is", true: "there are"}[l.Count > 1])
		}
	}
	return strings.Join(words, " ")
}

// phrases returns the phrases of a caption that mentions the properties in more.
func phrases(r *rand.Rand, l Labels, more []string, doing string) []string {
	mentioned := func(what string) bool { return slices.Contains(more, what) }
	var words []string
	add := func(s ...string) {
		for _, s := range s {
			if s != "" {
				words = append(words, s)
			}
		}
	}
	if mentioned("size") {
		add(l.Size)
	}
	if mentioned("texture") {
		add(l.Texture)
	}
	add(l.Object.Color)
	phrase := ""
	if l.Count > 1 {
		add(plural(l.Object.Shape))
		phrase = numbers[l.Count] + " " + strings.Join(words, " ")
	} else {
		add(l.Object.Shape)
		phrase = article(strings.Join(words, " "))
	}
	words = []string{phrase}
	if l.Other.Shape != "" {
		switch {
		case l.Relation != "" && r.IntN(3) > 0:
			add(l.Relation)
		default:
			add("and")
		}
		add(article(l.Other.String()))
	}
	add(doing)
	if mentioned("place") {
		add(l.Place)
	}
	if mentioned("ground") {
		add("on", ground(r, l))
	}
	return words
}

var numbers = []string{2: "two", 3: "three", 4: "four"}

// ground names the ground's texture, its color, or both.
func ground(r *rand.Rand, l Labels) string {
	switch n := r.IntN(3); {
	case l.GroundColor == "" || n == 0:
		return article(l.Ground + " ground")
	case n == 1:
		return article(l.GroundColor + " ground")
	}
	return article(l.Ground + " " + l.GroundColor + " ground")
}

func plural(shape string) string {
	if strings.HasSuffix(shape, "s") {
		return shape + "es"
	}
	return shape + "s"
}

func article(phrase string) string {
	if strings.ContainsAny(phrase[:1], "aeiou") {
		return "an " + phrase
	}
	return "a " + phrase
}
