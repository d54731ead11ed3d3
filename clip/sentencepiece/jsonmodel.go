package sentencepiece

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
		return nil, errNoUnknown
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

// check returns an error for options of BPE that are not supported.
func (m *jsonModel) check() error {
	for _, affix := range []*string{m.Before, m.After} {
		if affix != nil && *affix != "" {
			return fmt.Errorf("tokens with %q at the edges of words are not supported", *affix)
		}
	}
	if m.Dropout != nil && *m.Dropout != 0 {
		return fmt.Errorf("a dropout of %g is not supported", *m.Dropout)
	}
	return nil
}

// pairs builds the tables of BPE.
func (m *jsonModel) pairs() (*pairs, error) {
	p := &pairs{unknown: none, fuse: m.Fuse, whole: m.Whole, rules: make(map[[2]int32]merge.Rule, len(m.Merges)/64)}
	if err := exactjson.Unmarshal(m.Vocabulary, &p.tokens); err != nil {
		return nil, fmt.Errorf("the vocabulary: %w", err)
	}
	for token, id := range p.tokens {
		if err := plausible(token, len(p.tokens)); err != nil {
			return nil, err
		}
		if id < 0 || id >= maxTokens {
			return nil, fmt.Errorf("the token %q has the id %d", token, id)
		}
		p.internal = max(p.internal, id+1)
	}
	var both []byte
	err := eachMerge(m.Merges, func(rank int, first, second []byte) error {
		both = append(append(both[:0], first...), second...)
		left, ok1 := p.tokens[string(first)]
		right, ok2 := p.tokens[string(second)]
		id, ok3 := p.tokens[string(both)]
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("the merge of %q and %q has a token that the vocabulary lacks", first, second)
		}
		p.rules[[2]int32{int32(left), int32(right)}] = merge.Rule{Rank: int32(rank), ID: int32(id)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if m.Fallback {
		p.fallback = newFallback(p)
	}
	id, ok := p.tokens[m.Unknown]
	if !ok {
		return nil, errNoUnknown
	}
	p.unknown = id
	return p, nil
}

var errNoUnknown = errors.New("the model has no token for unknown characters")
