package sentencepiece

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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

// checkAdded returns an error unless tokenizer.json has all the tokens that the other files name:
// Transformers adds those that it lacks.
func (p *pipeline) checkAdded(s *tokenfiles.Settings) error {
	have := map[string]tokenfiles.Token{}
	for _, token := range p.Added {
		token.Special = false // does not change ids
		have[token.Content] = token
	}
	for _, n := range s.Named() {
		if _, ok := have[string(n.Token)]; !ok {
			return fmt.Errorf("its added_tokens lack the %s %q", n.Setting, n.Token)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Added)) {
		token := s.Added[key]
		id, err := strconv.Atoi(key)
		token.ID, token.Special = id, false
		if err != nil || have[token.Content] != token {
			return fmt.Errorf("its added_tokens contradict the token %q of added_tokens_decoder in %s", token.Content, tokenfiles.Config)
		}
	}
	for _, token := range slices.Sorted(maps.Keys(s.IDs)) {
		if found, ok := have[token]; !ok || found.ID != s.IDs[token] {
			return fmt.Errorf("its added_tokens contradict the token %q of %s", token, tokenfiles.Added)
		}
	}
	return nil
}

// addTokens adds the tokens of the settings to a SentencePiece model, whose own marks are not
// recognized in texts.
func (k class) addTokens(t *Tokenizer, s *tokenfiles.Settings) error {
	var tokens []tokenfiles.Token
	t.names = map[string]int{}
	add := func(token tokenfiles.Token) {
		t.names[token.Content] = token.ID
		t.size = max(t.size, token.ID+1)
		tokens = append(tokens, token)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Added)) {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxTokens {
			return fmt.Errorf("added_tokens_decoder has the id %q", key)
		}
		token := s.Added[key]
		if token.SingleWord {
			return errSingleWord(token.Content)
		}
		token.ID = id
		add(token)
	}
	for _, token := range slices.Sorted(maps.Keys(s.IDs)) {
		if id, ok := t.names[token]; !ok || id != s.IDs[token] {
			return fmt.Errorf("the token %q of %s is not in added_tokens_decoder of %s", token, tokenfiles.Added, tokenfiles.Config)
		}
	}
	named := s.Named()
	if s.Pad == "" && k.pad != "" {
		named = append(named, tokenfiles.Named{Setting: "pad_token", Token: k.pad})
	}
	for _, n := range named {
		if _, ok := t.names[string(n.Token)]; ok {
			continue
		}
		id, ok := t.model.id(string(n.Token))
		if !ok {
			return fmt.Errorf("the %s %q is missing", n.Setting, n.Token)
		}
		add(tokenfiles.Token{ID: id, Content: string(n.Token), LeftStrip: k.siglip, RightStrip: k.siglip})
	}
	t.added = newAddedTokens(tokens)
	return nil
}
