package wordpiece

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// The files of a tokenizer.
const (
	jsonFile       = "tokenizer.json"
	vocabularyFile = "vocab.txt"
	maxFile        = 16 << 20
	memoryPerByte  = 8 // of a file, about
)

// wholeFile is the content of a tokenizer.json.
type wholeFile struct {
	Added      []tokenfiles.Token `json:"added_tokens"`
	Normalizer struct {
		Type    string `json:"type"`
		Clean   *bool  `json:"clean_text"`
		Chinese *bool  `json:"handle_chinese_chars"`
		Accents *bool  `json:"strip_accents"`
		Lower   *bool  `json:"lowercase"`
	} `json:"normalizer"`
	Splitter struct {
		Type string `json:"type"`
	} `json:"pre_tokenizer"`
	Model struct {
		Type    string         `json:"type"`
		Unknown string         `json:"unk_token"`
		Prefix  string         `json:"continuing_subword_prefix"`
		Longest int            `json:"max_input_chars_per_word"`
		Vocab   map[string]int `json:"vocab"`
	} `json:"model"`
}

// ErrNone reports a folder without a tokenizer of this kind.
var ErrNone = errors.New("no WordPiece vocabulary")

// Open reads the tokenizer in a model's folder. Texts are cleaned before. With strip, the mark at the
// end of texts is replaced by padding, as OpenCLIP's strip_sep_token says.
func Open(dir string, cleaning bpe.Cleaning, strip bool) (*Tokenizer, error) {
	s, err := tokenfiles.Read(dir)
	if err != nil {
		return nil, err
	}
	if s.Class != "" && strings.TrimSuffix(s.Class, "Fast") != "BertTokenizer" {
		return nil, ErrNone
	}
	files := []string{jsonFile, vocabularyFile}
	if s.Class == "" {
		files = files[1:] // tokenizer.json can be of any kind
	}
	for _, file := range files {
		data, err := input.ReadFile(filepath.Join(dir, file), maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var t *Tokenizer
		if err == nil {
			t, err = build(s, data, file == jsonFile, cleaning, strip)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return t, nil
	}
	return nil, ErrNone
}

// build builds the tokenizer of a file.
func build(s *tokenfiles.Settings, data []byte, isJSON bool, cleaning bpe.Cleaning, strip bool) (*Tokenizer, error) {
	release, err := memory.Request(memoryPerByte*int64(len(data)), "the tokenizer")
	if err != nil {
		return nil, err
	}
	defer release()
	if err := checkSettings(s); err != nil {
		return nil, err
	}
	t := &Tokenizer{cleaning: cleaning, ids: map[string]int{}, strip: map[int]int{}}
	if isJSON {
		t.ids, err = fromJSON(data)
	} else {
		err = t.fromLines(string(data))
	}
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.marks = marks
	t.unknown, t.start, t.end = t.ids[unknownToken], []int{t.ids[startToken]}, []int{t.ids[endToken]}
	if strip {
		// OpenCLIP replaces it by 0.
		t.strip[t.end[0]], t.end = 0, []int{0}
	}
	sum := sha256.New()
	sum.Write(data)
	fmt.Fprintf(sum, "\x00%s\x00%t", cleaning, strip)
	t.sum = "wordpiece-" + hex.EncodeToString(sum.Sum(nil)[:8])
	return t, nil
}

// fromJSON returns the vocabulary of a tokenizer.json.
func fromJSON(data []byte) (map[string]int, error) {
	var w wholeFile
	if err := exactjson.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	n, m := w.Normalizer, w.Model
	if m.Type != "WordPiece" || n.Type != "BertNormalizer" || w.Splitter.Type != "BertPreTokenizer" ||
		no(n.Clean) || no(n.Chinese) || no(n.Accents) || no(n.Lower) || m.Unknown != unknownToken || m.Prefix != "##" || m.Longest != longest {
		return nil, errUncased
	}
	for _, token := range w.Added {
		if id, ok := m.Vocab[token.Content]; !ok || id != token.ID || !slices.Contains(marks, token.Content) {
			return nil, fmt.Errorf("the added token %q with the id %d is not supported", token.Content, token.ID)
		}
	}
	return m.Vocab, nil
}

var errUncased = errors.New("only the settings of bert-base-uncased are supported")

// no reports whether an option is false, not missing.
func no(option *bool) bool { return option != nil && !*option }

// marks are the tokens with a meaning of their own, which are recognized in texts.
var marks = []string{padToken, unknownToken, startToken, endToken, maskToken}

// checkSettings returns an error unless the settings are those of bert-base-uncased.
func checkSettings(s *tokenfiles.Settings) error {
	if no(s.Lower) || no(s.Accents) || no(s.Chinese) || no(s.Basic) || s.PadSide == "left" || s.CutSide == "left" || s.SplitMark {
		return errUncased
	}
	usual := map[string]string{"unk_token": unknownToken, "pad_token": padToken, "cls_token": startToken, "sep_token": endToken, "mask_token": maskToken}
	for _, n := range s.Named() {
		if want, ok := usual[n.Setting]; ok && string(n.Token) != want || !ok && !slices.Contains(marks, string(n.Token)) {
			return fmt.Errorf("the %s %q is not supported", n.Setting, n.Token)
		}
	}
	for _, token := range s.Added {
		if !slices.Contains(marks, token.Content) {
			return fmt.Errorf("the added token %q is not supported", token.Content)
		}
	}
	for token := range s.IDs {
		if !slices.Contains(marks, token) {
			return fmt.Errorf("the added token %q is not supported", token)
		}
	}
	return nil
}

// fromLines reads a vocab.txt, which has a token in each line.
func (t *Tokenizer) fromLines(data string) error {
	for i, token := range strings.Split(strings.TrimSuffix(data, "\n"), "\n") {
		token = strings.TrimSuffix(token, "\r")
		if _, ok := t.ids[token]; ok {
			return fmt.Errorf("the token %q is there twice", token)
		}
		t.ids[token] = i
	}
	return nil
}

// check returns an error unless the ids are 0, 1, 2…, and the marks are there.
func (t *Tokenizer) check() error {
	seen := make([]bool, len(t.ids))
	for token, id := range t.ids {
		if id < 0 || id >= len(seen) || seen[id] {
			return fmt.Errorf("the token %q has the id %d", token, id)
		}
		seen[id] = true
	}
	for _, mark := range marks {
		if _, ok := t.ids[mark]; !ok {
			return fmt.Errorf("the token %s is missing", mark)
		}
	}
	if t.ids[padToken] != 0 {
		return fmt.Errorf("the token %s has the id %d, not 0", padToken, t.ids[padToken])
	}
	return nil
}
