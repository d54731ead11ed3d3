package wordpiece

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// The files of a tokenizer.
const (
	settingsFile   = "tokenizer_config.json"
	jsonFile       = "tokenizer.json"
	vocabularyFile = "vocab.txt"
	maxFile        = 16 << 20
	memoryPerByte  = 8 // of a file, about
)

// settings are the content of a tokenizer_config.json, as far as it changes tokens.
type settings struct {
	Class   string `json:"tokenizer_class"`
	Lower   *bool  `json:"do_lower_case"`
	Accents *bool  `json:"strip_accents"`
	Chinese *bool  `json:"tokenize_chinese_chars"`
	PadSide string `json:"padding_side"`
	CutSide string `json:"truncation_side"`
}

// wholeFile is the content of a tokenizer.json.
type wholeFile struct {
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
	var s settings
	data, err := input.ReadFile(filepath.Join(dir, settingsFile), maxFile)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", settingsFile, err)
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
func build(s settings, data []byte, isJSON bool, cleaning bpe.Cleaning, strip bool) (*Tokenizer, error) {
	release, err := memory.Request(memoryPerByte*int64(len(data)), "the tokenizer")
	if err != nil {
		return nil, err
	}
	defer release()
	no := func(b *bool) bool { return b != nil && !*b }
	if no(s.Lower) || no(s.Accents) || no(s.Chinese) || s.PadSide == "left" || s.CutSide == "left" {
		return nil, errors.New("only the settings of bert-base-uncased are supported")
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
	t.marks = []string{padToken, unknownToken, startToken, endToken, maskToken}
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
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	yes := func(b *bool) bool { return b == nil || *b }
	n, m := w.Normalizer, w.Model
	if m.Type != "WordPiece" || n.Type != "BertNormalizer" || w.Splitter.Type != "BertPreTokenizer" ||
		!yes(n.Clean) || !yes(n.Chinese) || !yes(n.Accents) || !yes(n.Lower) || m.Unknown != unknownToken || m.Prefix != "##" || m.Longest != longest {
		return nil, errors.New("only the settings of bert-base-uncased are supported")
	}
	return m.Vocab, nil
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
	for _, mark := range []string{padToken, unknownToken, startToken, endToken, maskToken} {
		if _, ok := t.ids[mark]; !ok {
			return fmt.Errorf("the token %s is missing", mark)
		}
	}
	if t.ids[padToken] != 0 {
		return fmt.Errorf("the token %s has the id %d, not 0", padToken, t.ids[padToken])
	}
	return nil
}
