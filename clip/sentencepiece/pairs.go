package sentencepiece

import (
	"unicode/utf8"

	"github.com/clipcue/clipcue/clip/internal/merge"
)

// pairs merges the neighbors whose rule ranks lowest, the leftmost first, until no rule applies:
// byte-pair encoding over characters.
type pairs struct {
	tokens   map[string]int
	rules    map[[2]int32]merge.Rule
	unknown  int
	fallback *fallback
	fuse     bool // unknown characters in a row are one token
	whole    bool // a part that is a token is not split
	late     bool // characters become bytes after merging, as in SentencePiece
	internal int  // ids from here on are characters that only parts of tokens have
}

func (p *pairs) id(token string) (int, bool) {
	id, ok := p.tokens[token]
	return id, ok && id < p.internal
}

// none is the id of a symbol without a token.
const none = merge.None

func (p *pairs) encode(ids []int, text string) []int {
	if id, ok := p.id(text); ok && p.whole {
		return append(ids, id)
	}
	symbols := p.symbols(text)
	symbols.Merge(func(left, right int32) (merge.Rule, bool) {
		r, ok := p.rules[[2]int32{left, right}]
		return r, ok
	})
	last := none // where the last unknown symbol ends
	for s := range symbols.All() {
		switch {
		case s.ID != none && int(s.ID) < p.internal:
			ids = append(ids, int(s.ID))
		case p.late && p.fallback != nil:
			bytes, _ := p.fallback.of(text[s.From:s.To])
			ids = append(ids, bytes...)
		default:
			if !p.fuse || last != s.From {
				ids = append(ids, p.unknown)
			}
			last = s.To
		}
	}
	return ids
}

// symbols returns the characters of text, or their bytes if they have no token.
func (p *pairs) symbols(text string) merge.Symbols {
	out := make(merge.Symbols, 0, len(text))
	for from := 0; from < len(text); {
		_, n := utf8.DecodeRuneInString(text[from:])
		to := from + n
		if id, ok := p.tokens[text[from:to]]; ok {
			out.Add(int32(id), from, to)
		} else if bytes, ok := p.fallback.of(text[from:to]); ok && !p.late {
			for i, id := range bytes {
				out.Add(int32(id), from+i, from+i+1)
			}
		} else {
			out.Add(none, from, to)
		}
		from = to
	}
	return out
}
