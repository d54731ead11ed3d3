package encode

import (
	"context"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/sentencepiece"
)

// Text encodes a text and returns how many tokens it has. A text that is too long is cut. Errors:
// [ErrBusy], [clip.ErrNoText], and those of loading the model.
func (e *Encoder) Text(ctx context.Context, model, text string) (embedding []float32, tokens int, err error) {
	t, release, err := e.acquire(ctx, model, clip.TextTower)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	embedding, err = t.text.do(ctx, func() ([]int, error) {
		ids, err := tokenizer(t.model).Tokenize(text, t.model.Config().Context, true)
		tokens = len(ids)
		return ids, err
	})
	return embedding, tokens, err
}

// tokenizer returns a model's tokenizer as Immich uses it.
func tokenizer(m *clip.Model) clip.Tokenizer {
	switch t := m.Tokenizer().(type) {
	case *bpe.Tokenizer:
		return t.With(bpe.Transformers)
	case *sentencepiece.Tokenizer:
		return t.With(canonicalize)
	default:
		return t
	}
}

// canonicalize cleans a text as Immich does for SigLIP. Unlike OpenCLIP, it neither replaces
// typographic quotes nor joins the spaces around removed punctuation.
func canonicalize(text string) string {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(text), " "))
	return cases.Lower(language.Und).String(text)
}
