// Package wordpiece is BERT's tokenizer, which OpenCLIP's CLIPA models use. It reads the vocabulary
// from a model's folder.
package wordpiece

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/clipcue/clipcue/clip/bpe"
)

// Tokenizer turns text into token ids. It is safe for concurrent use.
type Tokenizer struct {
	ids        map[string]int
	marks      []string // tokens that are recognized in texts as they are
	unknown    int
	start, end []int
	cleaning   bpe.Cleaning
	strip      map[int]int // replaces ids
	sum        string
}

// The tokens with a meaning of their own.
const (
	padToken     = "[PAD]"
	unknownToken = "[UNK]"
	startToken   = "[CLS]"
	endToken     = "[SEP]"
	maskToken    = "[MASK]"
)

// Size returns the number of tokens.
func (t *Tokenizer) Size() int { return len(t.ids) }

// Fingerprint identifies the tokenizer.
func (t *Tokenizer) Fingerprint() string { return t.sum }

// Pad returns the token that fills a context.
func (t *Tokenizer) Pad() int { return t.ids[padToken] }

// Marks returns the ids before and after those of every text.
func (t *Tokenizer) Marks() (start, end []int) { return t.start, t.end }

// Tokenize returns the ids of text between its marks: at most context ids, not padded. A text that
// is too long is an error around [bpe.ErrTooLong]; with truncate, it is cut before the mark at its
// end.
func (t *Tokenizer) Tokenize(text string, context int, truncate bool) ([]int, error) {
	const marks = 2
	if context <= marks {
		return nil, fmt.Errorf("context must be at least %d tokens, got %d", marks+1, context)
	}
	ids := t.Encode(text)
	if room := context - marks; len(ids) > room {
		if !truncate {
			return nil, bpe.TooLong(text, len(ids)+marks, context)
		}
		ids = ids[:room]
	}
	return slices.Concat(t.start, ids, t.end), nil
}

// Encode returns the ids of text, without marks. Marks that are spelled out in the text, such as
// [SEP], become their ids.
func (t *Tokenizer) Encode(text string) []int {
	var ids []int
	for rest := t.cleaning.Clean(text); rest != ""; {
		at, mark := len(rest), ""
		for _, m := range t.marks {
			if i := strings.Index(rest, m); i >= 0 && i < at {
				at, mark = i, m
			}
		}
		for _, word := range words(normalize(rest[:at])) {
			ids = t.appendWord(ids, word)
		}
		if mark != "" {
			ids = append(ids, t.ids[mark])
		}
		rest = rest[at+len(mark):]
	}
	for i, id := range ids {
		if to, ok := t.strip[id]; ok {
			ids[i] = to
		}
	}
	return ids
}

// normalize lowers case, and removes control characters and accents.
func normalize(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == 0 || r == unicode.ReplacementChar:
		case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
			out.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		case isChinese(r):
			out.WriteString(" " + string(r) + " ")
		default:
			out.WriteRune(r)
		}
	}
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(out.String()))
	return strings.ToLower(plain)
}

// isChinese reports whether BERT makes a word of a single character.
func isChinese(r rune) bool {
	for _, block := range [][2]rune{{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
		{0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F}} {
		if r >= block[0] && r <= block[1] {
			return true
		}
	}
	return false
}

// words splits a text at white space, and around each character of punctuation.
func words(text string) []string {
	var out []string
	for _, field := range strings.Fields(text) {
		from := 0
		for i, r := range field {
			if !isPunctuation(r) {
				continue
			}
			if i > from {
				out = append(out, field[from:i])
			}
			out = append(out, string(r))
			from = i + len(string(r))
		}
		if from < len(field) {
			out = append(out, field[from:])
		}
	}
	return out
}

func isPunctuation(r rune) bool {
	return r > ' ' && r < 0x7f && !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.In(r, unicode.P)
}

// longest is the number of characters of a word, above which it is unknown.
const longest = 100

// appendWord appends the ids of the longest pieces of a word, from left to right. All pieces but the
// first begin with ##. A word that does not consist of pieces is unknown.
func (t *Tokenizer) appendWord(ids []int, word string) []int {
	runes := []rune(word)
	if len(runes) > longest {
		return append(ids, t.unknown)
	}
	before := len(ids)
	for from := 0; from < len(runes); {
		prefix, to := "", len(runes)
		if from > 0 {
			prefix = "##"
		}
		for ; to > from; to-- {
			if id, ok := t.ids[prefix+string(runes[from:to])]; ok {
				ids = append(ids, id)
				break
			}
		}
		if to == from {
			return append(ids[:before], t.unknown)
		}
		from = to
	}
	return ids
}
