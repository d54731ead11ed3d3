package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
	"github.com/clipcue/clipcue/clip/sentencepiece"
	"github.com/clipcue/clipcue/clip/wordpiece"
)

// otherTokenizers are files of tokenizers that are not CLIP's.
var otherTokenizers = []string{"spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "vocab.txt"}

// maxPadding is how many rows an embedding of tokens may have in addition: some models fill it up to
// a multiple of a power of two.
const maxPadding = 2048

// checkTokenizer returns an error if the model's folder has another tokenizer than CLIP's:
// its texts would become the wrong tokens.
func (w *Weights) checkTokenizer(dir string, tensors map[string]lazy) error {
	shape := tensors[tokenEmbedding].shape
	if len(shape) == 0 {
		return nil
	}
	n := shape[0]
	if w.Tokenizer != nil {
		if have := w.Tokenizer.Size(); have > n || have < n-maxPadding {
			return fmt.Errorf("its tokenizer has %d tokens, but its text tower %d: it belongs to another model", have, n)
		}
		return nil
	}
	if n > bpe.FullVocabulary+maxPadding {
		return fmt.Errorf("its text tower has %d tokens, CLIP's tokenizer %d: other tokenizers are not supported", n, bpe.FullVocabulary)
	}
	if w.Format == huggingFace && dir != "" {
		if err := checkMarks(dir); err != nil {
			return err
		}
	}
	n = min(n, bpe.FullVocabulary)
	name, vocabulary, err := readVocabulary(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case vocabulary != nil:
		if err := compareVocabulary(vocabulary, n); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case n != bpe.FullVocabulary:
		w.assume(fmt.Sprintf("the %d tokens are the first ones of CLIP's tokenizer", n))
	}
	return nil
}

// checkMarks returns an error if the tokenizer in a folder of Transformers recognizes other tokens
// than CLIP's two marks. The one for padding has no effect, because padding is not computed.
func checkMarks(dir string) error {
	s, err := tokenfiles.Read(dir)
	if err != nil {
		return err
	}
	start, end := bpe.Marks()
	usual := map[string]string{"bos_token": start, "eos_token": end}
	known := []string{start, end, string(s.Pad)}
	for _, n := range s.Named() {
		token := string(n.Token)
		if want, ok := usual[n.Setting]; ok && token != want || !ok && !slices.Contains(known, token) {
			return fmt.Errorf("%s: %s %q is not supported", tokenfiles.Config, n.Setting, token)
		}
	}
	for _, token := range s.Added {
		if !slices.Contains(known, token.Content) {
			return fmt.Errorf("%s: the added token %q is not supported", tokenfiles.Config, token.Content)
		}
	}
	for token := range s.IDs {
		if !slices.Contains(known, token) {
			return fmt.Errorf("%s: the added token %q is not supported", tokenfiles.Added, token)
		}
	}
	return nil
}

// readVocabulary returns the vocabulary in a folder, or nil if there is none, and the name
// of the file.
func readVocabulary(dir string) (name string, vocabulary map[string]int, err error) {
	if dir == "" {
		return "", nil, nil
	}
	var whole struct {
		Model struct {
			Type       string         `json:"type"`
			Vocabulary map[string]int `json:"vocab"`
		} `json:"model"`
	}
	name = "vocab.json"
	err = readJSON(filepath.Join(dir, name), &vocabulary)
	if !errors.Is(err, fs.ErrNotExist) {
		return name, vocabulary, err
	}
	name = "tokenizer.json"
	err = readJSON(filepath.Join(dir, name), &whole)
	switch {
	case err == nil && whole.Model.Type != "BPE":
		return name, nil, fmt.Errorf("a tokenizer of type %q is not CLIP's", whole.Model.Type)
	case !errors.Is(err, fs.ErrNotExist):
		return name, whole.Model.Vocabulary, err
	}
	for _, name := range otherTokenizers {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return name, nil, errors.New("another tokenizer than CLIP's is not supported")
		}
	}
	return "", nil, nil
}

// compareVocabulary returns an error unless a vocabulary of n tokens is CLIP's.
func compareVocabulary(vocabulary map[string]int, n int) error {
	t, err := bpe.New(n)
	if err != nil {
		return err
	}
	if len(vocabulary) != n {
		return fmt.Errorf("it has %d tokens, but the text tower has %d", len(vocabulary), n)
	}
	for id := range n {
		if got, ok := vocabulary[t.Spell(id)]; !ok || got != id {
			return fmt.Errorf("token %d is not %q as in CLIP's tokenizer: other tokenizers are not supported", id, t.Spell(id))
		}
	}
	return nil
}

// readTokenizer reads a tokenizer that is not CLIP's from the model's folder. OpenCLIP cleans texts
// before; else cleaning is "". strip is OpenCLIP's strip_sep_token.
func (w *Weights) readTokenizer(dir string, cleaning bpe.Cleaning, strip bool) error {
	bert, err := wordpiece.Open(dir, cleaning, strip)
	switch {
	case err == nil:
		w.Tokenizer = bert
	case !errors.Is(err, wordpiece.ErrNone):
		return err
	case strip:
		return errors.New("strip_sep_token true is supported for BERT's tokenizer only, whose vocabulary is missing")
	default:
		t, err := sentencepiece.Open(dir, cleaning)
		if err != nil {
			return err
		}
		w.Tokenizer = t
	}
	w.Text.Pad = w.Tokenizer.Pad()
	if w.Text.Pad < 0 {
		return errors.New("the tokenizer has no token for padding")
	}
	return nil
}
