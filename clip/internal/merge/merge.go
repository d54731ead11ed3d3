// Package merge is the core of byte-pair encoding: it merges the neighbors whose rule ranks lowest,
// the leftmost first, until no rule applies. A heap of candidates keeps this fast for texts of any
// length.
package merge

import (
	"container/heap"
	"iter"
)

// None is the id of a symbol without a token, which is not merged.
const None = -1

// Symbol is a token of a text that is being encoded.
type Symbol struct {
	ID         int32
	From, To   int // its place in the text
	prev, next int // its neighbors, or None
}

// Rule merges two tokens into the one with this id.
type Rule struct {
	Rank int32
	ID   int32
}

// Symbols are those of a text, from left to right.
type Symbols []Symbol

// Add appends a symbol.
func (s *Symbols) Add(id int32, from, to int) {
	if n := len(*s); n > 0 {
		(*s)[n-1].next = n
	}
	*s = append(*s, Symbol{id, from, to, len(*s) - 1, None})
}

// All returns the symbols that are left.
func (s Symbols) All() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for i := 0; i < len(s) && i != None; i = s[i].next {
			if !yield(s[i]) {
				return
			}
		}
	}
}

// Merge applies rules; find returns the one for two tokens, if there is any.
func (s Symbols) Merge(find func(left, right int32) (Rule, bool)) {
	at := func(i int) (Rule, bool) {
		if i == None || s[i].next == None || s[i].ID == None || s[s[i].next].ID == None {
			return Rule{}, false
		}
		return find(s[i].ID, s[s[i].next].ID)
	}
	var queue candidates
	push := func(i int) {
		if r, ok := at(i); ok {
			heap.Push(&queue, candidate{r, i})
		}
	}
	for i := range s {
		push(i)
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(candidate)
		// Another merge may have used one of the two since. Like the references, this
		// compares the result and not the rule.
		if r, ok := at(c.at); !ok || r.ID != c.ID {
			continue
		}
		left := &s[c.at]
		gone := &s[left.next]
		left.ID, left.To, left.next = c.ID, gone.To, gone.next
		gone.next = None
		if left.next != None {
			s[left.next].prev = c.at
		}
		push(left.prev)
		push(c.at)
	}
}

// candidate is a pair of neighbors that a rule would merge.
type candidate struct {
	Rule
	at int // position of the left one
}

// candidates is a heap with the lowest rank, then the leftmost, on top.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	if c[i].Rank != c[j].Rank {
		return c[i].Rank < c[j].Rank
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
