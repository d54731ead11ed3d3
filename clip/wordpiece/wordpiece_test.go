package wordpiece

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

const folder = "../../testdata/zoo/clipa"

// The ids are those of OpenCLIP's HFTokenizer.
func TestEncode(t *testing.T) {
	tok, err := Open(folder, bpe.Whitespace, true)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int{
		"two dogs, one cat": {96, 85, 6, 90, 82}, "A CAFÉ!": {10, 83, 1}, "it's 42": {55, 5, 23, 52}, "[SEP] a [MASK]": {0, 10, 4},
		"": nil, "一只dog": {1, 1, 47, 41}, "tab\tover  green": {1, 91, 102}, "a\u00adb\u200bc": {1}, "xq 🐶 run": {1, 1, 51},
		strings.Repeat("a", 101): {1},
	} {
		if got := tok.Encode(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if ids, err := tok.Tokenize("two dogs, one cat", 5, true); err != nil || !slices.Equal(ids, []int{2, 96, 85, 6, 0}) {
		t.Errorf("cut: %v, %v", ids, err)
	}
	if _, err := tok.Tokenize("two dogs, one cat", 5, false); !errors.Is(err, bpe.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

func TestOpen(t *testing.T) {
	const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n"
	for _, c := range []struct {
		file, data, want string
	}{
		{vocabularyFile, vocabulary, ""},
		{vocabularyFile, vocabulary + "a\n", "twice"},
		{vocabularyFile, "a\n", "[PAD] is missing"},
		{tokenfiles.Config, `{"tokenizer_class":"BertTokenizer","do_lower_case":false}`, "bert-base-uncased"},
		{tokenfiles.Config, `[`, tokenfiles.Config},
		{tokenfiles.Config, `{"tokenizer_class":"BertTokenizer","sep_token":"[MASK]"}`, "sep_token"},
		{tokenfiles.Config, `{"additional_special_tokens":["a"]}`, "additional_special_tokens"},
		{tokenfiles.Marks, `{"mask_token":{"content":"a"}}`, "mask_token"},
		{tokenfiles.Added, `{"a":5}`, `the added token "a"`},
		{jsonFile, `{"model":{"type":"WordPiece"}}`, ""}, // without its class, it is not looked at
	} {
		dir := t.TempDir()
		for name, data := range map[string]string{vocabularyFile: vocabulary, c.file: c.data} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		tok, err := Open(dir, bpe.Whitespace, false)
		switch {
		case c.want == "" && (err != nil || !slices.Equal(tok.Encode("ab A"), []int{5, 6, 5})):
			t.Errorf("%s %s: %v", c.file, c.data, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s %s: error %v, want one with %q", c.file, c.data, err, c.want)
		}
	}
	if _, err := Open(t.TempDir(), bpe.Whitespace, false); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
}

// Every file gives an error or a tokenizer whose ids are in its vocabulary.
func FuzzBuild(f *testing.F) {
	f.Add([]byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b"), "ab[SEP]c", false)
	f.Add([]byte(`{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4}}}`), "\x00\xff é", true)
	f.Fuzz(func(t *testing.T, data []byte, text string, isJSON bool) {
		tok, err := build(&tokenfiles.Settings{}, data, isJSON, bpe.Whitespace, true)
		if err != nil {
			return
		}
		for _, id := range tok.Encode(text) {
			if id < 0 || id >= tok.Size() {
				t.Errorf("id %d of %d", id, tok.Size())
			}
		}
	})
}
