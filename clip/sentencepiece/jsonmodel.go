package sentencepiece

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/clipcue/clipcue/clip/internal/merge"
	"github.com/clipcue/clipcue/internal/exactjson"
)

// Limits of a vocabulary.
const (
	maxTokens = 1 << 21
	// maxPiece is the number of bytes of the longest piece: the time for a text depends on it.
	maxPiece = 512
	maxRules = 1 << 23
)

// jsonModel is the model in a tokenizer.json: Unigram or BPE.
type jsonModel struct {
	Type       string          `json:"type"`
	Vocabulary json.RawMessage `json:"vocab"`
	Fallback   bool            `json:"byte_fallback"`

	UnknownID *int `json:"unk_id"` // of Unigram

	Merges  json.RawMessage `json:"merges"`
	Unknown string          `json:"unk_token"`
	Dropout *float64        `json:"dropout"`
	Before  *string         `json:"continuing_subword_prefix"`
	After   *string         `json:"end_of_word_suffix"`
	Fuse    bool            `json:"fuse_unk"`
	Whole   bool            `json:"ignore_merges"`
}

// rules returns the pairs of tokens that are merged: ["left right"], or in newer files
// [["left","right"]].
func (m *jsonModel) rules() ([][]string, error) {
	var pairs [][]string
	if len(m.Merges) == 0 {
		return nil, nil
	}
	if list := bytes.TrimLeft(m.Merges[1:], " \t\r\n"); bytes.HasPrefix(list, []byte("[")) {
		if err := exactjson.Unmarshal(m.Merges, &pairs); err != nil {
			return nil, fmt.Errorf("the merges: %w", err)
		}
	} else {
		var texts []string
		if err := exactjson.Unmarshal(m.Merges, &texts); err != nil {
			return nil, fmt.Errorf("the merges: %w", err)
		}
		for _, t := range texts {
			pairs = append(pairs, strings.Split(t, " "))
		}
	}
	for i, p := range pairs {
		if len(p) != 2 {
			return nil, fmt.Errorf("merge %d has %d tokens, not 2", i, len(p))
		}
	}
	return pairs, nil
}

// build returns the model and the size of its vocabulary. tokens are those that are looked up.
func (m *jsonModel) build(tokens []string) (model, int, error) {
	switch m.Type {
	case "Unigram":
		u, err := m.unigram()
		if err != nil {
			return nil, 0, err
		}
		return u, len(u.pieces), nil
	case "BPE":
		l, size, err := m.newLate(tokens)
		if err != nil {
			return nil, 0, err
		}
		return l, size, nil
	}
	return nil, 0, unsupported("model", m.Type)
}

// scoredPiece is an entry of Unigram's vocabulary: ["piece", score].
type scoredPiece struct {
	text  string
	score float64
}

// UnmarshalJSON reads the two values.
func (p *scoredPiece) UnmarshalJSON(data []byte) error {
	values := [2]any{&p.text, &p.score}
	all := values[:]
	if err := exactjson.Unmarshal(data, &all); err != nil {
		return err
	}
	if len(all) != 2 {
		return fmt.Errorf("a piece of %d values", len(all))
	}
	return nil
}

func (m *jsonModel) unigram() (*unigram, error) {
	var pieces []scoredPiece
	if err := exactjson.Unmarshal(m.Vocabulary, &pieces); err != nil {
		return nil, fmt.Errorf("the vocabulary: %w", err)
	}
	if m.UnknownID == nil || *m.UnknownID < 0 || *m.UnknownID >= len(pieces) {
		return nil, errors.New("the model has no token for unknown characters")
	}
	u := &unigram{pieces: make(map[string]scored, len(pieces)), unknown: *m.UnknownID, worst: math.Inf(1)}
	for id, p := range pieces {
		if _, twice := u.pieces[p.text]; twice {
			return nil, fmt.Errorf("the vocabulary has %q twice", p.text)
		}
		if err := plausible(p.text, len(pieces)); err != nil {
			return nil, err
		}
		u.pieces[p.text] = scored{id, p.score}
		u.longest, u.worst = max(u.longest, len(p.text)), min(u.worst, p.score)
	}
	u.worst -= unknownPenalty
	if m.Fallback {
		u.fallback = newFallback(u)
	}
	return u, nil
}

// plausible returns an error for a piece or a number of pieces that no model has.
func plausible(piece string, n int) error {
	switch {
	case n > maxTokens:
		return fmt.Errorf("the vocabulary has %d tokens, more than %d", n, maxTokens)
	case len(piece) > maxPiece:
		return fmt.Errorf("a token has %d bytes, more than %d", len(piece), maxPiece)
	case !utf8.ValidString(piece):
		return fmt.Errorf("the token %q is not UTF-8", piece)
	}
	return nil
}

// fallback are the ids of the tokens of single bytes, which replace unknown characters; none for
// those without a token.
type fallback [256]int

// byteToken returns the name of the token of a byte.
func byteToken(b int) string { return fmt.Sprintf("<0x%02X>", b) }

// newFallback looks up the tokens of single bytes.
func newFallback(m model) *fallback {
	var ids fallback
	for b := range ids {
		id, ok := m.id(byteToken(b))
		if !ok {
			id = none
		}
		ids[b] = id
	}
	return &ids
}

// of returns the ids of the bytes of text, unless one has none or f is nil.
func (f *fallback) of(text string) (ids []int, ok bool) {
	if f == nil {
		return nil, false
	}
	for _, b := range []byte(text) {
		if f[b] == none {
			return nil, false
		}
		ids = append(ids, f[b])
	}
	return ids, true
}

func (m *jsonModel) pairs() (*pairs, error) {
	var vocabulary map[string]int
	if err := exactjson.Unmarshal(m.Vocabulary, &vocabulary); err != nil {
		return nil, fmt.Errorf("the vocabulary: %w", err)
	}
	for _, affix := range []*string{m.Before, m.After} {
		if affix != nil && *affix != "" {
			return nil, fmt.Errorf("tokens with %q at the edges of words are not supported", *affix)
		}
	}
	if m.Dropout != nil && *m.Dropout != 0 {
		return nil, fmt.Errorf("a dropout of %g is not supported", *m.Dropout)
	}
	merges, err := m.rules()
	if err != nil {
		return nil, err
	}
	p := &pairs{tokens: vocabulary, unknown: none, fuse: m.Fuse, whole: m.Whole, rules: make(map[[2]int32]merge.Rule, len(merges))}
	for token, id := range vocabulary {
		if err := plausible(token, len(vocabulary)); err != nil {
			return nil, err
		}
		if id < 0 || id >= maxTokens {
			return nil, fmt.Errorf("the token %q has the id %d", token, id)
		}
		p.internal = max(p.internal, id+1)
	}
	for rank, m := range merges {
		left, ok1 := vocabulary[m[0]]
		right, ok2 := vocabulary[m[1]]
		id, ok3 := vocabulary[m[0]+m[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("the merge of %q and %q has a token that the vocabulary lacks", m[0], m[1])
		}
		p.rules[[2]int32{int32(left), int32(right)}] = merge.Rule{Rank: int32(rank), ID: int32(id)}
	}
	if m.Fallback {
		p.fallback = newFallback(p)
	}
	id, ok := vocabulary[m.Unknown]
	if !ok {
		return nil, errors.New("the model has no token for unknown characters")
	}
	p.unknown = id
	return p, nil
}
