package sentencepiece

import (
	"cmp"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

// clean sets how texts are prepared.
func (k class) clean(t *Tokenizer, s *tokenfiles.Settings, isJSON bool, cleaning bpe.Cleaning) {
	if cleaning != "" {
		t.clean = cleaning.Clean
	}
	lowered := s.Lower == nil || *s.Lower
	switch {
	case k.siglip && isJSON:
		t.prepare = func(text string) string { return bpe.Plain(text, lowered) }
	case k.siglip:
		t.likeSiglip(string(cmp.Or(s.Unknown, "<unk>")), lowered)
	case k.lower || s.Lower != nil && *s.Lower: // SigLIP 2 has learned texts in lower case, whatever GemmaTokenizer does
		normalize := t.normalize
		t.normalize = func(text string) string { return normalize(lower(text)) }
	}
}

// likeSiglip prepares texts as Transformers' SiglipTokenizer does. A text begins with a space; the
// unknown token before it, whose pieces are removed again, keeps SentencePiece from adding another.
func (t *Tokenizer) likeSiglip(unknown string, lowered bool) {
	normalize := t.normalize
	t.once = true
	t.prepare = func(text string) string { return space + strings.ReplaceAll(text, space, " ") }
	t.normalize = func(text string) string { return normalize(unknown + bpe.Plain(text, lowered)) }
	t.model = without{t.model, len(t.model.encode(nil, normalize(unknown)))}
}

// without is a model whose texts have n pieces at their start that do not count.
type without struct {
	model
	n int
}

func (w without) encode(ids []int, text string) []int {
	all := w.model.encode(nil, text)
	if len(all) < w.n {
		return append(ids, all...)
	}
	return append(ids, all[w.n:]...)
}
