package clip

import (
	"fmt"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/checkpoint"
)

// Tokenizer turns texts into the token ids of a model: CLIP's own of package bpe, or one that was
// read from the model's folder. It is safe for concurrent use.
type Tokenizer interface {
	// Encode returns the ids of text, without marks.
	Encode(text string) []int
	// Marks returns the ids before and after those of every text. CLIP's texts have one
	// before and one after them, SigLIP's only one after them.
	Marks() (start, end []int)
	// Tokenize returns the ids of text with its marks: at most context ids, not padded. A
	// text that is too long is an error around bpe.ErrTooLong; with truncate, it is cut
	// before the marks at its end.
	Tokenize(text string, context int, truncate bool) ([]int, error)
}

// Reads reports whether the model may have learned the language of a text: whether its vocabulary,
// unlike CLIP's, has words or parts of words in all scripts of the text.
func (m *Model) Reads(text string) bool {
	t, ok := m.tokenizer.(interface{ Covers(string) bool })
	return ok && t.Covers(text)
}

// newTokenizer returns the tokenizer of a model with the given number of tokens.
func newTokenizer(w *checkpoint.Weights, vocabulary int) (Tokenizer, error) {
	if t, ok := w.Tokenizer.(interface{ Prepare() error }); ok {
		return w.Tokenizer, t.Prepare()
	}
	if w.Tokenizer != nil {
		return w.Tokenizer, nil
	}
	t, err := bpe.New(min(vocabulary, bpe.FullVocabulary)) // more rows are padding
	if err != nil {
		return nil, err
	}
	if w.Cleaning != "" {
		t = t.With(w.Cleaning)
	}
	return t, nil
}

// checkTokens returns an error for token sequences that the text tower cannot encode.
func (m *Model) checkTokens(ids [][]int) error {
	start, end := m.tokenizer.Marks()
	least := max(1, len(start)+len(end))
	for i, t := range ids {
		if len(t) < least || len(t) > m.config.Context {
			return fmt.Errorf("token sequence %d must have %d to %d tokens, got %d", i, least, m.config.Context, len(t))
		}
		for _, id := range t {
			if id < 0 || id >= m.config.Vocab {
				return fmt.Errorf("token sequence %d contains id %d, but the vocabulary has %d tokens", i, id, m.config.Vocab)
			}
		}
		for at := range start {
			if t[at] != ids[0][at] {
				return fmt.Errorf("token sequence %d does not begin with the start token", i)
			}
		}
	}
	return nil
}
