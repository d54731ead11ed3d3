package library

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNegation(t *testing.T) {
	for _, query := range []string{
		"not a red circle", "a circle, not red", "NOT A RED CIRCLE", "Not a red circle", "a street without cars", "no cars", "No people on the beach",
		"people who aren't smiling", "people who aren’t smiling", "a dog that does not bark", "it doesnt rain", "a room with nobody in it", "circle -red", "circle −red",
		"never raining", "neither red nor blue", "everything except cats", "a non-red circle", "a non‐smoker without a hat", "any animal other than a dog",
		"a red circle but not\u200b a ring", "no\u00a0cars", "a beach free of people", "a circle (not red)", "anything but a dog", "a cannot-miss... no!", "\"red\" but not blue",
	} {
		if negation(query) == "" {
			t.Errorf("%q: no negation found", query)
		}
	}
	for _, query := range []string{
		"a red circle", "a knot", "notes on a desk", "a notebook", "a nose", "a snow field", "No Country for Old Men", "a poster of Dr. No", `a man says "no way"`,
		"a book titled “Not Without My Daughter”", "Never Say Never Again", "a no parking sign", "no smoking sign on a wall", "house no. 5", "bus No 7", "forget-me-not flowers",
		"a T-shirt", "a well-known face", "north", "an innocent man", "a red-nosed clown", "a nun", "nonfiction", "a cantaloupe", "withers of a horse", "'no' in red letters", "-", "a - b",
	} {
		if word := negation(query); word != "" {
			t.Errorf("%q: negation %q", query, word)
		}
	}
}

func TestWarningIsAString(t *testing.T) {
	data, err := json.Marshal([]Warning{{WarnEmpty, "text"}})
	if err != nil || string(data) != `["text"]` {
		t.Errorf("%s %v", data, err)
	}
}

// reads is an embedder that has learned the languages of some texts.
type reads struct {
	Embedder
	texts string
}

func (r reads) Reads(text string) bool { return strings.Contains(r.texts, text) }

func TestScriptOfTheQuery(t *testing.T) {
	for _, c := range []struct {
		e     Embedder
		query string
		warns bool
	}{{nil, "a cat", false}, {nil, "猫", true}, {reads{texts: "猫"}, "猫", false}, {reads{texts: "猫"}, "кошка", true}} {
		if got := queryWarnings(c.e, c.query); len(got) > 0 != c.warns {
			t.Errorf("%q: %v", c.query, got)
		}
	}
}
