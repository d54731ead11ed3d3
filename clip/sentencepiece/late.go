package sentencepiece

import (
	"errors"
	"fmt"
	"sync"

	"github.com/clipcue/clipcue/internal/memory"
)

// late is a BPE model whose tables are built when the first text comes. Gemma's take more time than
// loading an image tower, which needs none.
type late struct {
	build func() (*pairs, error) // once
	known map[string]int         // ids that are asked for before; none if the vocabulary lacks them
}

// newLate returns the model and the size of its vocabulary. It looks up tokens of interest.
func (m *jsonModel) newLate(tokens []string) (*late, int, error) {
	if err := m.check(); err != nil {
		return nil, 0, err
	}
	l := &late{known: map[string]int{m.Unknown: none}}
	for _, t := range tokens {
		l.known[t] = none
	}
	size, err := l.scan(m.Vocabulary)
	if err != nil {
		return nil, 0, fmt.Errorf("the vocabulary: %w", err)
	}
	if l.known[m.Unknown] == none {
		return nil, 0, errNoUnknown
	}
	l.build = sync.OnceValues(func() (*pairs, error) {
		release, err := memory.Request(memoryPerByte*int64(len(m.Vocabulary)+len(m.Merges)), "the tokenizer")
		if err != nil {
			return nil, err
		}
		defer release()
		return m.pairs()
	})
	return l, size, nil
}

// scan looks up known tokens in a vocabulary, and returns its size.
func (l *late) scan(vocabulary []byte) (size int, err error) {
	d := newDecoder(vocabulary)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return 0, errors.New("it is not an object of ids")
	}
	var token []byte
	for d.PeekKind() == '"' {
		if token, err = readText(d, token[:0]); err != nil {
			return 0, err
		}
		value, err := d.ReadToken()
		if err != nil || value.Kind() != '0' {
			return 0, fmt.Errorf("the id of %q is not a number", token)
		}
		id := int(value.Int())
		if _, wanted := l.known[string(token)]; wanted {
			l.known[string(token)] = id
		}
		size = max(size, id+1)
	}
	return size, nil
}

func (l *late) id(token string) (int, bool) {
	if id, ok := l.known[token]; ok {
		return id, id != none
	}
	p, err := l.build()
	if err != nil {
		return 0, false
	}
	return p.id(token)
}

// encode appends nothing if the tables cannot be built; [Tokenizer.Prepare] has reported that.
func (l *late) encode(ids []int, text string) []int {
	p, err := l.build()
	if err != nil {
		return ids
	}
	return p.encode(ids, text)
}

// Prepare builds what texts need. Without it, the first text takes longer, and a tokenizer whose
// rules contradict its vocabulary gives no tokens. An error reports such a file.
func (t *Tokenizer) Prepare() error {
	if l, ok := t.model.(*late); ok {
		if _, err := l.build(); err != nil {
			return fmt.Errorf("%s: %w", jsonFile, err)
		}
	}
	return nil
}
