package sentencepiece

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

// The types of pieces.
const (
	normal      = 1
	unknown     = 2
	control     = 3
	userDefined = 4
	unused      = 5
	singleByte  = 6
)

// The algorithms.
const (
	unigramModel = 1
	pairModel    = 2
)

// piece is an entry of a SentencePiece model's vocabulary.
type piece struct {
	text  string
	score float32
	kind  uint64
}

// proto is the content of a SentencePiece model.
type proto struct {
	pieces    []piece
	algorithm uint64
	fallback  bool
	suffix    bool // spaces end pieces
	rules     spaces
}

// spaces are the settings of a SentencePiece model's normalizer.
type spaces struct {
	charsmap             []byte
	prefix, trim, escape bool
}

// fields calls f with the number and the value of every field of a message: a number, or bytes.
func fields(data []byte, f func(field protowire.Number, n uint64, b []byte) error) error {
	for len(data) > 0 {
		field, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return errors.New("the file is cut off or damaged")
		}
		data = data[size:]
		var n uint64
		var b []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(data)
			n = uint64(v)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(field, kind, data)
		}
		if size < 0 {
			return errors.New("the file is cut off or damaged")
		}
		data = data[size:]
		if err := f(field, n, b); err != nil {
			return err
		}
	}
	return nil
}

// readProto reads a SentencePiece model.
func readProto(data []byte) (*proto, error) {
	p := &proto{algorithm: unigramModel, rules: spaces{prefix: true, trim: true, escape: true}}
	err := fields(data, func(field protowire.Number, _ uint64, b []byte) error {
		switch field {
		case 1:
			return p.addPiece(b)
		case 2:
			return fields(b, func(field protowire.Number, n uint64, _ []byte) error {
				switch field {
				case 3:
					p.algorithm = n
				case 24:
					p.suffix = n != 0
				case 35:
					p.fallback = n != 0
				}
				return nil
			})
		case 3:
			return fields(b, func(field protowire.Number, n uint64, b []byte) error {
				switch field {
				case 2:
					p.rules.charsmap = b
				case 3:
					p.rules.prefix = n != 0
				case 4:
					p.rules.trim = n != 0
				case 5:
					p.rules.escape = n != 0
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && len(p.pieces) == 0 {
		err = errors.New("it has no pieces: this is not a SentencePiece model")
	}
	return p, err
}

func (p *proto) addPiece(data []byte) error {
	s := piece{kind: normal}
	err := fields(data, func(field protowire.Number, n uint64, b []byte) error {
		switch field {
		case 1:
			s.text = string(b)
		case 2:
			s.score = math.Float32frombits(uint32(n))
		case 3:
			s.kind = n
		}
		return nil
	})
	p.pieces = append(p.pieces, s)
	if err != nil {
		return err
	}
	if s.text == "" || s.score != s.score {
		return fmt.Errorf("piece %d is %q with the score %v", len(p.pieces)-1, s.text, s.score)
	}
	return plausible(s.text, len(p.pieces))
}

// tokenizer builds the tokenizer.
func (p *proto) tokenizer() (*Tokenizer, error) {
	switch {
	case p.suffix:
		return nil, errors.New("a model whose pieces end with spaces is not supported")
	case !p.rules.escape:
		return nil, errors.New("a model without escape_whitespaces is not supported")
	}
	ids, unk := map[string]int{}, none
	var defined []tokenfiles.Token
	for id, s := range p.pieces {
		if _, twice := ids[s.text]; twice {
			return nil, fmt.Errorf("it has the piece %q twice", s.text)
		}
		ids[s.text] = id
		switch s.kind {
		case unknown:
			unk = id
		case userDefined:
			defined = append(defined, tokenfiles.Token{ID: id, Content: s.text})
		}
	}
	if unk == none {
		return nil, errors.New("it has no piece for unknown characters")
	}
	m, err := newCharsmap(p.rules.charsmap)
	if err != nil {
		return nil, err
	}
	symbols := newAddedTokens(defined)
	normalize := p.rules.normalizer(m, symbols)
	t := &Tokenizer{clean: same, prepare: same, normalize: normalize, added: &addedTokens{}, normalized: &addedTokens{}, size: len(p.pieces), pad: none}
	switch p.algorithm {
	case unigramModel:
		t.model = p.unigram(ids, unk)
	case pairModel:
		t.normalized = symbols // they are not merged
		t.model, err = p.pairs(ids, unk)
	default:
		err = fmt.Errorf("models of type %d are not supported; it is 1 (Unigram) or 2 (BPE)", p.algorithm)
	}
	return t, err
}

func (p *proto) unigram(ids map[string]int, unk int) model {
	u := &unigram{pieces: map[string]scored{}, unknown: unk, singles: true}
	// SentencePiece's highest score is never negative.
	low, high := float32(math.Inf(1)), float32(0)
	for _, s := range p.pieces {
		if s.kind == normal {
			low, high = min(low, s.score), max(high, s.score)
		}
	}
	for id, s := range p.pieces {
		switch s.kind {
		case userDefined: // always better than other pieces
			s.score = float32(float64(float32(len(s.text))*high) - 0.1)
		case normal:
		default:
			continue
		}
		u.pieces[s.text] = scored{id, float64(s.score)}
		u.longest = max(u.longest, len(s.text))
	}
	u.worst = float64(low - unknownPenalty)
	u.fallback = p.bytes(ids, unk)
	return named{u, ids}
}

// pairs builds the rules: two tokens merge if together they are a piece. The higher its score, the
// earlier.
func (p *proto) pairs(ids map[string]int, unk int) (model, error) {
	b := &pairs{tokens: map[string]int{}, rules: map[[2]int32]rule{}, unknown: unk, fuse: true, late: true, internal: len(p.pieces)}
	for id, s := range p.pieces {
		switch s.kind {
		case normal:
			b.tokens[s.text] = id
		case unused:
			return nil, fmt.Errorf("the unused piece %q is not supported", s.text)
		}
	}
	ranks := p.ranks()
	// Characters that are only parts of pieces have ids, too, so that they can be merged.
	next := len(p.pieces)
	part := func(text string) (int, bool) {
		id, ok := b.tokens[text]
		if !ok && utf8.RuneCountInString(text) == 1 {
			id, ok = next, true
			b.tokens[text] = id
			next++
		}
		return id, ok
	}
	for id, s := range p.pieces {
		if s.kind != normal {
			continue
		}
		for at := range s.text {
			if at == 0 {
				continue
			}
			left, ok1 := part(s.text[:at])
			right, ok2 := part(s.text[at:])
			if len(b.rules) > maxRules {
				return nil, fmt.Errorf("its pieces can be merged in more than %d ways", maxRules)
			}
			if ok1 && ok2 {
				b.rules[[2]int32{int32(left), int32(right)}] = rule{ranks[s.score], int32(id)}
			}
		}
	}
	b.fallback = p.bytes(ids, unk)
	return named{b, ids}, nil
}

// ranks returns the rank of each score: the highest one is 0.
func (p *proto) ranks() map[float32]int32 {
	var scores []float32
	for _, s := range p.pieces {
		scores = append(scores, s.score)
	}
	slices.Sort(scores)
	ranks := map[float32]int32{}
	for i, s := range slices.Backward(scores) {
		if _, ok := ranks[s]; !ok {
			ranks[s] = int32(len(scores) - 1 - i)
		}
	}
	return ranks
}

// bytes returns the tokens of single bytes, or nil if unknown characters have no others.
func (p *proto) bytes(ids map[string]int, unk int) *fallback {
	if !p.fallback {
		return nil
	}
	f := newFallback(named{nil, ids})
	for b, id := range f {
		if id == none {
			f[b] = unk
		}
	}
	return f
}

// named is a model in which tokens that no text becomes have names, too.
type named struct {
	model
	ids map[string]int
}

func (n named) id(token string) (int, bool) {
	id, ok := n.ids[token]
	return id, ok
}

// space is what SentencePiece replaces spaces by.
const space = "▁"

// normalizer returns SentencePiece's normalization; symbols are left as they are.
func (r spaces) normalizer(m *charsmap, symbols *addedTokens) step {
	next := func(text string) (length int, normalized string) {
		if s, ok := symbols.at(text); ok {
			return len(s.Content), s.Content
		}
		if n, replacement := m.longest(text); n > 0 {
			return n, replacement
		}
		_, n := utf8.DecodeRuneInString(text)
		return n, text[:n]
	}
	return func(text string) string {
		for r.trim && text != "" {
			n, first := next(text)
			if first != " " {
				break
			}
			text = text[n:]
		}
		if text == "" {
			return ""
		}
		var out strings.Builder
		if r.prefix {
			out.WriteString(space)
		}
		after := r.trim // a space
		for text != "" {
			n, part := next(text)
			text = text[n:]
			if after {
				part = strings.TrimLeft(part, " ")
			}
			if part != "" {
				out.WriteString(strings.ReplaceAll(part, " ", space))
				after = r.trim && strings.HasSuffix(part, " ")
			}
		}
		if !r.trim {
			return out.String()
		}
		trimmed := out.String()
		for strings.HasSuffix(trimmed, space) {
			trimmed = strings.TrimSuffix(trimmed, space)
		}
		return trimmed
	}
}
