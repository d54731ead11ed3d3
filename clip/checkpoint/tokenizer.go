package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
	"github.com/clipcue/clipcue/clip/sentencepiece"
	"github.com/clipcue/clipcue/clip/wordpiece"
	"github.com/clipcue/clipcue/internal/exactjson"
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
	if w.Format == huggingFace && dir != "" {
		if err := checkRules(dir, n); err != nil {
			return err
		}
	}
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

// clipClasses are the classes of Transformers for CLIP's tokenizer; without Fast at the end.
var clipClasses = []string{"", "CLIPTokenizer", "PreTrainedTokenizer"}

// checkMarks returns an error if the tokenizer in a folder of Transformers is of another class, pads
// or cuts at the left, or recognizes other tokens than CLIP's two marks. The one for padding has no
// effect on padding, which is not computed, but it may not be one that texts contain.
func checkMarks(dir string) error {
	s, err := tokenfiles.Read(dir)
	if err != nil {
		return err
	}
	start, end := bpe.Marks()
	switch {
	case !slices.Contains(clipClasses, strings.TrimSuffix(s.Class, "Fast")):
		return fmt.Errorf("%s: tokenizer_class %q is not supported for this model; it is CLIPTokenizer", tokenfiles.Config, s.Class)
	case s.PadSide == "left":
		return fmt.Errorf("%s: padding_side left is not supported", tokenfiles.Config)
	case s.CutSide == "left":
		return fmt.Errorf("%s: truncation_side left is not supported", tokenfiles.Config)
	case s.Pad != "" && !strings.ContainsAny(string(s.Pad[:1]), "<["):
		return fmt.Errorf("%s: pad_token %q is not supported: texts contain it", tokenfiles.Config, s.Pad)
	}
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

// mergeRule is a rule in a tokenizer.json: its two tokens in a list, or with a space between them.
type mergeRule [2]string

func (r *mergeRule) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return exactjson.Unmarshal(data, (*[2]string)(r))
	}
	var text string
	err := exactjson.Unmarshal(data, &text)
	r[0], r[1], _ = strings.Cut(text, " ")
	return err
}

// checkRules returns an error if the tokenizer.json in a folder of Transformers has other tokens or
// merge rules than CLIP's first n tokens.
func checkRules(dir string, n int) error {
	const name = "tokenizer.json"
	var file struct {
		Model struct {
			Type       string         `json:"type"`
			Vocabulary map[string]int `json:"vocab"`
			Merges     []mergeRule    `json:"merges"`
			Dropout    float64        `json:"dropout"`
			Suffix     *string        `json:"end_of_word_suffix"`
			Whole      bool           `json:"ignore_merges"`
		} `json:"model"`
		Added []tokenfiles.Token `json:"added_tokens"`
	}
	err := readJSON(filepath.Join(dir, name), &file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	m := &file.Model
	switch {
	case err != nil:
	case m.Type != "" && m.Type != "BPE":
		err = fmt.Errorf("a tokenizer of type %q is not CLIP's", m.Type)
	case m.Dropout != 0:
		err = fmt.Errorf("dropout %g is not supported", m.Dropout)
	case m.Whole:
		err = errors.New("ignore_merges true is not supported")
	case m.Suffix != nil && *m.Suffix != "</w>":
		err = fmt.Errorf("end_of_word_suffix %q is not supported", *m.Suffix)
	default:
		err = cmp.Or(compareVocabulary(m.Vocabulary, n), compareMerges(m.Merges, n), checkAdded(file.Added))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkAdded returns an error if a tokenizer recognizes another token than CLIP's marks.
func checkAdded(added []tokenfiles.Token) error {
	start, end := bpe.Marks()
	for _, token := range added {
		if token.Content != start && token.Content != end {
			return fmt.Errorf("the added token %q is not supported", token.Content)
		}
	}
	return nil
}

// compareMerges returns an error unless the merge rules of n tokens are CLIP's.
func compareMerges(merges []mergeRule, n int) error {
	t, err := bpe.New(n)
	if err != nil {
		return err
	}
	if len(merges) != n-514 {
		return fmt.Errorf("it has %d merge rules, but %d tokens have %d: other tokenizers are not supported", len(merges), n, n-514)
	}
	for i, got := range merges {
		if left, right := t.Rule(i); got != (mergeRule{left, right}) {
			return fmt.Errorf("merge rule %d is %q, not %q as in CLIP's tokenizer: other tokenizers are not supported", i, got, []string{left, right})
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
