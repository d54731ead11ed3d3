package sentencepiece

import (
	"container/heap"
	"unicode/utf8"
)

// pairs merges the neighbors whose rule ranks lowest, the leftmost first, until no rule applies:
// byte-pair encoding over characters.
type pairs struct {
	tokens   map[string]int
	rules    map[[2]int32]rule
	unknown  int
	fallback *fallback
	fuse     bool // unknown characters in a row are one token
	whole    bool // a part that is a token is not split
	late     bool // characters become bytes after merging, as in SentencePiece
	internal int  // ids from here on are characters that only parts of tokens have
}

// rule merges two tokens into the one with this id.
type rule struct {
	rank int32
	id   int32
}

func (p *pairs) id(token string) (int, bool) {
	id, ok := p.tokens[token]
	return id, ok && id < p.internal
}

// symbol is a token of a text that is being encoded, linked to its neighbors.
type symbol struct {
	id         int32
	from, to   int // its place in the text
	prev, next int
}

// none means no neighbor, or a symbol without a token.
const none = -1

func (p *pairs) encode(ids []int, text string) []int {
	if id, ok := p.id(text); ok && p.whole {
		return append(ids, id)
	}
	symbols := p.symbols(text)
	p.merge(symbols)
	last := 0 // where the last unknown symbol ends
	for i := 0; i != none; i = symbols[i].next {
		s := symbols[i]
		switch {
		case s.id != none && int(s.id) < p.internal:
			ids = append(ids, int(s.id))
		case p.late && p.fallback != nil:
			bytes, _ := p.fallback.of(text[s.from:s.to])
			ids = append(ids, bytes...)
		default:
			if !p.fuse || i == 0 || last != s.from {
				ids = append(ids, p.unknown)
			}
			last = s.to
		}
	}
	return ids
}

// symbols returns the characters of text, or their bytes if they have no token.
func (p *pairs) symbols(text string) []symbol {
	out := make([]symbol, 0, len(text))
	add := func(id, from, to int) {
		out = append(out, symbol{int32(id), from, to, len(out) - 1, len(out) + 1})
	}
	for from := 0; from < len(text); {
		_, n := utf8.DecodeRuneInString(text[from:])
		to := from + n
		if id, ok := p.tokens[text[from:to]]; ok {
			add(id, from, to)
		} else if bytes, ok := p.fallback.of(text[from:to]); ok && !p.late {
			for i, id := range bytes {
				add(id, from+i, from+i+1)
			}
		} else {
			add(none, from, to)
		}
		from = to
	}
	out[len(out)-1].next = none
	return out
}

// merge applies the rules.
func (p *pairs) merge(symbols []symbol) {
	find := func(i int) (rule, bool) {
		if i == none || symbols[i].next == none {
			return rule{}, false
		}
		left, right := symbols[i].id, symbols[symbols[i].next].id
		if left == none || right == none {
			return rule{}, false
		}
		r, ok := p.rules[[2]int32{left, right}]
		return r, ok
	}
	var queue candidates
	push := func(i int) {
		if r, ok := find(i); ok {
			heap.Push(&queue, candidate{r, i})
		}
	}
	for i := range symbols {
		push(i)
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(candidate)
		s := &symbols[c.at]
		// Another merge may have used one of the two since. Like both references, this
		// compares the result and not the rule.
		if r, ok := find(c.at); !ok || r.id != c.id {
			continue
		}
		gone := &symbols[s.next]
		s.id, s.to, s.next = c.id, gone.to, gone.next
		gone.next = none
		if s.next != none {
			symbols[s.next].prev = c.at
		}
		push(s.prev)
		push(c.at)
	}
}

// candidate is a pair of neighbors that a rule would merge.
type candidate struct {
	rule
	at int // position of the left one
}

// candidates is a heap with the lowest rank, then the leftmost, on top.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	if c[i].rank != c[j].rank {
		return c[i].rank < c[j].rank
	}
	return c[i].at < c[j].at
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
