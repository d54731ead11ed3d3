package sentencepiece

import (
	"slices"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

// addedTokens finds tokens in texts: the first one, and of those the longest.
type addedTokens struct {
	tokens  map[string]tokenfiles.Token
	lengths []int // of the tokens, the longest first
	first   [256]bool
}

func newAddedTokens(tokens []tokenfiles.Token) *addedTokens {
	a := &addedTokens{tokens: map[string]tokenfiles.Token{}}
	for _, t := range tokens {
		if t.Content == "" {
			continue
		}
		a.tokens[t.Content] = t
		a.first[t.Content[0]] = true
		if !slices.Contains(a.lengths, len(t.Content)) {
			a.lengths = append(a.lengths, len(t.Content))
		}
	}
	slices.Sort(a.lengths)
	slices.Reverse(a.lengths)
	return a
}

// each calls f with the parts of text between tokens, with id -1, and with the tokens; first is
// true for a part at the start. Parts that are empty are left out.
func (a *addedTokens) each(text string, f func(part string, id int, first bool)) {
	from := 0
	part := func(to int) {
		if from < to {
			f(text[from:to], -1, from == 0)
		}
	}
	for at := 0; at < len(text); {
		t, ok := a.at(text[at:])
		if !ok {
			at++
			continue
		}
		start, end := at, at+len(t.Content)
		at = end
		if t.LeftStrip {
			start = max(from, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if t.RightStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		part(start)
		f(t.Content, t.ID, false)
		from = max(from, end)
	}
	part(len(text))
}

// at returns the longest token at the start of text.
func (a *addedTokens) at(text string) (tokenfiles.Token, bool) {
	if !a.first[text[0]] {
		return tokenfiles.Token{}, false
	}
	for _, n := range a.lengths {
		if n <= len(text) {
			if t, ok := a.tokens[text[:n]]; ok {
				return t, true
			}
		}
	}
	return tokenfiles.Token{}, false
}
