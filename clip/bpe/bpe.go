// Package bpe is CLIP's tokenizer: a lower-casing byte-pair encoding.
//
// It follows simple_tokenizer.py of OpenAI's CLIP. A token id is a byte (0–255), a byte at
// the end of a word (256–511), the result of a merge rule (512 + its rank), or one of the
// two highest: the marks for start and end of text.
package bpe

import (
	"container/heap"
	"errors"
	"fmt"
	"strings"
)

// ErrTooLong reports a text with more tokens than a model's context.
var ErrTooLong = errors.New("more than the model's context")

// Tokenizer turns text into token ids. It is safe for concurrent use.
type Tokenizer struct {
	rules *rules
	merge int // number of rules that apply
	clean Cleaning
}

// FullVocabulary is the number of tokens of the published CLIP models.
const FullVocabulary = 512 + maxRules + 2

// New returns the tokenizer of a model with the given number of tokens. With fewer than
// CLIP's, only the first vocabulary-514 merge rules apply.
func New(vocabulary int) (*Tokenizer, error) {
	if vocabulary < 514 || vocabulary > FullVocabulary {
		return nil, fmt.Errorf("a vocabulary of %d tokens is not CLIP's; must be 514 to %d", vocabulary, FullVocabulary)
	}
	return &Tokenizer{loadRules(), vocabulary - 514, Lower}, nil
}

// With returns a tokenizer that prepares texts in another way than CLIP's.
func (t *Tokenizer) With(c Cleaning) *Tokenizer {
	other := *t
	other.clean = c
	return &other
}

// SOT returns the id of the mark at the start of every text.
func (t *Tokenizer) SOT() int { return 512 + t.merge }

// EOT returns the id of the mark at the end of every text.
func (t *Tokenizer) EOT() int { return 512 + t.merge + 1 }

// Marks returns the ids before and after those of every text.
func (t *Tokenizer) Marks() (start, end []int) { return []int{t.SOT()}, []int{t.EOT()} }

// Encode returns the ids of text, without SOT and EOT. Marks that are spelled out in the
// text, such as <|endoftext|>, become their ids.
func (t *Tokenizer) Encode(text string) []int {
	var ids []int
	for text = t.clean.Clean(text); text != ""; {
		var word string
		word, text = nextWord(text)
		switch word {
		case "":
		case startMark:
			ids = append(ids, t.SOT())
		case endMark:
			ids = append(ids, t.EOT())
		default:
			ids = t.encodeWord(ids, word)
		}
	}
	return ids
}

// Tokenize returns SOT, the ids of text and EOT: at most context ids, not padded. A text
// that is too long is an error around [ErrTooLong]; with truncate, it is cut before EOT.
func (t *Tokenizer) Tokenize(text string, context int, truncate bool) ([]int, error) {
	if context < 2 {
		return nil, fmt.Errorf("context must be at least 2 tokens, got %d", context)
	}
	ids := append([]int{t.SOT()}, t.Encode(text)...)
	ids = append(ids, t.EOT())
	if len(ids) > context {
		if !truncate {
			return nil, TooLong(text, len(ids), context)
		}
		ids = ids[:context]
		ids[context-1] = t.EOT()
	}
	return ids, nil
}

// TooLong returns the error for a text that has more tokens than a model's context: one around
// [ErrTooLong].
func TooLong(text string, tokens, context int) error {
	return fmt.Errorf("text %q has %d tokens: %w of %d", shorten(text), tokens, ErrTooLong, context)
}

// shorten cuts a long text for an error message.
func shorten(text string) string {
	const limit = 100
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "..."
	}
	return text
}

// Decode returns the text of ids: lower-case words and marks, each followed by a space.
// It drops ids outside the vocabulary.
func (t *Tokenizer) Decode(ids []int) string {
	var out []byte
	for _, id := range ids {
		switch {
		case id == t.SOT():
			out = append(out, startMark+" "...)
		case id == t.EOT():
			out = append(out, endMark+" "...)
		case id >= 0 && id < t.SOT():
			out = t.rules.appendToken(out, id)
		}
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// encodeWord appends the ids of one word to ids. It starts from the word's
// bytes and merges the neighbors whose rule ranks lowest, the leftmost first,
// until no rule applies. A heap of candidate pairs keeps this fast for words of
// any length.
func (t *Tokenizer) encodeWord(ids []int, word string) []int {
	symbols := make([]symbol, len(word))
	for i := range len(word) {
		symbols[i] = symbol{id: t.rules.byteID[word[i]], prev: i - 1, next: i + 1}
	}
	symbols[len(word)-1].id += 256
	symbols[len(word)-1].next = none

	// rank returns the rank of the rule that merges the symbol at i with the
	// next one, if there is such a rule.
	rank := func(i int) (int, bool) {
		if i == none || symbols[i].next == none {
			return 0, false
		}
		r, ok := t.rules.rank[pair{symbols[i].id, symbols[symbols[i].next].id}]
		return int(r), ok && int(r) < t.merge
	}
	var queue candidates
	push := func(i int) {
		if r, ok := rank(i); ok {
			heap.Push(&queue, candidate{r, i})
		}
	}
	for i := range symbols {
		push(i)
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(candidate)
		s := &symbols[c.at]
		// Another merge may have used one of the two since.
		if r, ok := rank(c.at); !ok || r != c.rank {
			continue
		}
		gone := s.next
		s.id = uint16(512 + c.rank)
		s.next = symbols[gone].next
		symbols[gone].next = none
		if s.next != none {
			symbols[s.next].prev = c.at
		}
		push(s.prev)
		push(c.at)
	}
	for i := 0; i != none; i = symbols[i].next {
		ids = append(ids, int(symbols[i].id))
	}
	return ids
}

// symbol is a token of a word that is being encoded, linked to its neighbors.
type symbol struct {
	id         uint16
	prev, next int
}

// none means no neighbor.
const none = -1

// candidate is a pair of neighbors that a rule would merge.
type candidate struct {
	rank int
	at   int // position of the left one
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

// Spell returns a token as the vocabulary files of OpenAI and Hugging Face write it: bytes
// that do not print are replaced by characters that do, and </w> ends a word.
func (t *Tokenizer) Spell(id int) string {
	switch id {
	case t.SOT():
		return startMark
	case t.EOT():
		return endMark
	}
	word, end := t.rules.appendToken(nil, id), ""
	if t.rules.endsWord(id) {
		word, end = word[:len(word)-1], "</w>"
	}
	var out []rune
	for _, b := range word {
		if place := int(t.rules.byteID[b]); place < printing {
			out = append(out, rune(b))
		} else {
			out = append(out, rune(256+place-printing))
		}
	}
	return string(out) + end
}
