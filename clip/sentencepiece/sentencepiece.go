// Package sentencepiece reads the tokenizers of models that do not use CLIP's, such as SigLIP's,
// from the files in their folders, and encodes texts.
//
// A SentencePiece model (spiece.model, tokenizer.model) is encoded as SentencePiece does, a
// tokenizer.json as Hugging Face's tokenizers do. Both know two algorithms: Unigram chooses the most
// probable pieces of a text, BPE merges neighbors. No maintained Go package does the same: those
// known lack Unigram or the normalization of characters, or stop the program at damaged files.
package sentencepiece

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
)

// Tokenizer turns text into token ids. It is safe for concurrent use.
type Tokenizer struct {
	clean      step // before anything else
	prepare    step
	added      *addedTokens // found in the text
	normalize  step
	normalized *addedTokens // found in the normalized text
	split      []splitter
	model      model

	names      map[string]int // ids of added tokens
	size       int
	start, end []int
	once       bool // a text that ends with the mark at the end gets no other
	pad        int
	sum        string // of its files and settings
	strange    map[int]bool
}

// model encodes a part of a text.
type model interface {
	// encode appends the ids of a text that is not empty to ids.
	encode(ids []int, text string) []int
	// id returns the id of a token.
	id(token string) (int, bool)
}

// step changes a text.
type step func(text string) string

// splitter splits a text that is not empty; first is true at the start of the whole text.
type splitter func(text string, first bool) []string

// With returns a tokenizer with another cleaning of texts than OpenCLIP's for the model. What the
// tokenizer's files say about texts still applies.
func (t *Tokenizer) With(clean func(text string) string) *Tokenizer {
	other := *t
	other.clean = clean
	return &other
}

// Size returns the number of tokens, those that were added to the vocabulary included, but not
// the sentinels of T5 at its end, which image models do not have.
func (t *Tokenizer) Size() int { return t.size }

// Fingerprint identifies the tokenizer by its files and the cleaning of texts.
func (t *Tokenizer) Fingerprint() string { return t.sum }

// Marks returns the ids before and after those of every text.
func (t *Tokenizer) Marks() (start, end []int) { return t.start, t.end }

// Pad returns the id that fills a text up to the context, or -1 if the files do not say.
func (t *Tokenizer) Pad() int { return t.pad }

// Encode returns the ids of text, without marks. Tokens such as </s> that are spelled out in the
// text become their ids, unless the model's cleaning removes them.
func (t *Tokenizer) Encode(text string) []int {
	text = t.prepare(t.clean(strings.ToValidUTF8(text, "\uFFFD")))
	var ids []int
	t.added.each(text, func(part string, id int, first bool) {
		if id >= 0 {
			ids = append(ids, id)
			return
		}
		t.normalized.each(t.normalize(part), func(part string, id int, start bool) {
			if id >= 0 {
				ids = append(ids, id)
				return
			}
			ids = t.encodePart(ids, part, first && start)
		})
	})
	return slices.DeleteFunc(ids, func(id int) bool { return id >= t.size })
}

// encodePart appends the ids of a normalized part.
func (t *Tokenizer) encodePart(ids []int, part string, first bool) []int {
	parts := []string{part}
	for _, split := range t.split {
		var next []string
		for i, p := range parts {
			if p != "" {
				next = append(next, split(p, first && i == 0)...)
			}
		}
		parts = next
	}
	for _, p := range parts {
		if p != "" {
			ids = t.model.encode(ids, p)
		}
	}
	return ids
}

// Covers reports whether the vocabulary has pieces for all of a text, as that of a model for many
// languages has for their scripts: no character is unknown or replaced by its bytes.
func (t *Tokenizer) Covers(text string) bool {
	ids := t.Encode(text)
	return len(ids) > 0 && !slices.ContainsFunc(ids, func(id int) bool { return t.strange[id] })
}

// Tokenize returns the ids of text between its marks: at most context ids, not padded. A text
// that is too long is an error around [bpe.ErrTooLong]; with truncate, it is cut before the
// marks at its end.
func (t *Tokenizer) Tokenize(text string, context int, truncate bool) ([]int, error) {
	room := context - len(t.start) - len(t.end)
	if room < 1 {
		return nil, fmt.Errorf("context must be at least %d tokens, got %d", context-room+1, context)
	}
	ids := t.Encode(text)
	if len(ids) > room {
		if !truncate {
			return nil, bpe.TooLong(text, len(ids)+context-room, context)
		}
		ids = ids[:room]
	}
	if t.once && len(ids) > 0 && ids[len(ids)-1] == t.end[0] {
		return ids, nil
	}
	return slices.Concat(t.start, ids, t.end), nil
}
