// Package bpe is CLIP's tokenizer: a lower-casing byte-pair encoding.
//
// It follows simple_tokenizer.py of OpenAI's CLIP. A token id is a byte (0–255), a byte at
// the end of a word (256–511), the result of a merge rule (512 + its rank), or one of the
// two highest: the marks for start and end of text.
package bpe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/clip/internal/merge"
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

// encodeWord appends the ids of one word to ids. It starts from the word's bytes.
func (t *Tokenizer) encodeWord(ids []int, word string) []int {
	symbols := make(merge.Symbols, 0, len(word))
	for i := range len(word) {
		id := int32(t.rules.byteID[word[i]])
		if i == len(word)-1 {
			id += 256 // a byte at the end of a word
		}
		symbols.Add(id, i, i+1)
	}
	symbols.Merge(func(left, right int32) (merge.Rule, bool) {
		r, ok := t.rules.rank[pair{uint16(left), uint16(right)}]
		return merge.Rule{Rank: int32(r), ID: 512 + int32(r)}, ok && int(r) < t.merge
	})
	for s := range symbols.All() {
		ids = append(ids, int(s.ID))
	}
	return ids
}

// Rule returns the two tokens that the merge rule of a rank joins, as Spell returns them.
func (t *Tokenizer) Rule(rank int) (left, right string) {
	p := t.rules.pairs[rank]
	return t.Spell(int(p.left)), t.Spell(int(p.right))
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
