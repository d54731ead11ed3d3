package sentencepiece

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

// models are folders whose tokens.json has texts and the ids that OpenCLIP or Transformers give
// them; scripts/zoo/siglip.py writes them.
var models = map[string]bpe.Cleaning{
	"siglip": bpe.Canonicalize, "siglip2": bpe.Canonicalize, "siglip-hf": "", "siglip2-hf": "",
}

func folder(model string) string { return filepath.Join("../../testdata/zoo", model) }

func TestTokensAreThoseOfTheReferences(t *testing.T) {
	const context = 24
	for model, cleaning := range models {
		data, err := os.ReadFile(filepath.Join(folder(model), "tokens.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want [][2]json.RawMessage
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		tok := open(t, folder(model), cleaning)
		for _, c := range want {
			var text string
			var ids []int
			if json.Unmarshal(c[0], &text) != nil || json.Unmarshal(c[1], &ids) != nil {
				t.Fatalf("%s: tokens.json is damaged", model)
			}
			got, err := tok.Tokenize(text, context, true)
			if err != nil || !slices.Equal(got, ids) {
				t.Errorf("%s: %q: %v, %v, want %v", model, text, got, err, ids)
			}
		}
	}
}

func open(t *testing.T, dir string, cleaning bpe.Cleaning) *Tokenizer {
	t.Helper()
	tok, err := Open(dir, cleaning)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestMarksAndPadding(t *testing.T) {
	for model, want := range map[string][2]int{"siglip": {1, 1}, "siglip-hf": {1, 1}, "siglip2": {1, 0}, "siglip2-hf": {1, 0}} {
		tok := open(t, folder(model), models[model])
		start, end := tok.Marks()
		if len(start) != 0 || !slices.Equal(end, []int{want[0]}) || tok.Pad() != want[1] {
			t.Errorf("%s: marks %v and %v, padding %d; want none, %d and %d", model, start, end, tok.Pad(), want[0], want[1])
		}
	}
}

func TestSentinelsAreNoTokens(t *testing.T) {
	size := open(t, folder("siglip"), "").Size()
	added := fmt.Sprintf(`"added_tokens": [{"id": %d, "content": "<extra_id_0>"}, {"id": %d, "content": "<extra_id_1>"},`, size+1, size)
	tok := open(t, changed(t, "siglip", "tokenizer.json", replace(t, `"added_tokens": [`, added)), "")
	if ids := tok.Encode("<extra_id_0>"); tok.Size() != size || len(ids) > 0 {
		t.Errorf("%d tokens, want %d; the sentinel is %v", tok.Size(), size, ids)
	}
}

func TestCovers(t *testing.T) {
	for text, want := range map[string]bool{"a photo of a cat": true, "日本語": true, "русский": true, "한국어": false, "😀": false, "": false} {
		for model, cleaning := range models {
			if got := open(t, folder(model), cleaning).Covers(text); got != want {
				t.Errorf("%s: %q: %v, want %v", model, text, got, want)
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	tok := open(t, folder("siglip"), bpe.Canonicalize)
	if _, err := tok.Tokenize(strings.Repeat("cat ", 50), 16, false); !errors.Is(err, bpe.ErrTooLong) {
		t.Errorf("a text that is too long: %v", err)
	}
	if _, err := tok.Tokenize("cat", 1, true); err == nil {
		t.Error("a context without room for a token is accepted")
	}
}

// changed returns a copy of a model's folder in which f has changed a file, or removed it if f
// returns nil.
func changed(t *testing.T, model, file string, f func([]byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{jsonFile, siglipSPM, tokenfiles.Config, tokenfiles.Marks, tokenfiles.Added} {
		data, err := os.ReadFile(filepath.Join(folder(model), name))
		if err != nil && name != file {
			continue
		}
		if name == file {
			data = f(data)
		}
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// replace returns a function that replaces old once.
func replace(t *testing.T, old, by string) func([]byte) []byte {
	return func(data []byte) []byte {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("%q is not in the file", old)
		}
		return bytes.Replace(data, []byte(old), []byte(by), 1)
	}
}

func TestBadFilesAreErrors(t *testing.T) {
	for _, c := range []struct{ model, file, old, by, want string }{
		{"siglip", "tokenizer.json", `"Precompiled"`, `"Guess"`, `the normalizer "Guess" is not supported`},
		{"siglip", "tokenizer.json", `"Metaspace"`, `"Guess"`, `the pre-tokenizer "Guess" is not supported`},
		{"siglip", "tokenizer.json", `"TemplateProcessing"`, `"Guess"`, `the post-processor "Guess" is not supported`},
		{"siglip", "tokenizer.json", `"Unigram"`, `"WordPiece"`, `the model "WordPiece" is not supported`},
		{"siglip", "tokenizer.json", `"unk_id": 2`, `"unk_id": 99999`, "unknown characters"},
		{"siglip", "tokenizer.json", ` {2,}`, `(a|b)`, `the pattern "(a|b)" is not supported`},
		{"siglip", "tokenizer.json", `"precompiled_charsmap": "`, `"precompiled_charsmap": "////`, "the normalization map is damaged"},
		{"siglip", "tokenizer.json", `{`, `[`, "tokenizer.json"},
		{"siglip", "tokenizer_config.json", `"T5Tokenizer"`, `"BertTokenizer"`, `the tokenizer_class "BertTokenizer" is not supported`},
		{"siglip2", "tokenizer.json", `"unk_token": "<unk>"`, `"unk_token": "<none>"`, "unknown characters"},
		{"siglip2", "tokenizer.json", `"dropout": null`, `"dropout": 0.1`, "dropout"},
		{"siglip2", "tokenizer.json", `"merges": [`, `"merges": [["a"],`, "merge 0 has 1 tokens"},
		{"siglip2", "tokenizer.json", `"merges": [`, `"merges": [["a", "no such token"],`, "no such token"},
		{"siglip2", "tokenizer_config.json", `"right"`, `"left"`, "padding_side left"},
		{"siglip2", "tokenizer_config.json", `"<pad>"`, `"<nothing>"`, `"<nothing>"`},
	} {
		dir := changed(t, c.model, c.file, replace(t, c.old, c.by))
		tok, err := Open(dir, "")
		if err == nil {
			err = tok.Prepare()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q instead of %q: %v, want %q", c.model, c.by, c.old, err, c.want)
		}
	}
	dir := changed(t, "siglip-hf", "spiece.model", func(b []byte) []byte { return b[:len(b)/2] })
	if _, err := Open(dir, ""); err == nil {
		t.Error("half of a SentencePiece model is accepted")
	}
	dir = changed(t, "siglip-hf", "spiece.model", func([]byte) []byte { return nil })
	if _, err := Open(dir, ""); !errors.Is(err, ErrNone) {
		t.Errorf("a folder without a tokenizer: %v", err)
	}
}

// An option that Transformers knows changes the tokens as there, or is an error that names it. The
// ids are those of Transformers 5.24.
func TestEveryOptionOfATokenizerCounts(t *testing.T) {
	const config, whole, marks, ids = tokenfiles.Config, jsonFile, tokenfiles.Marks, tokenfiles.Added
	const dog = `"added_tokens": [{"id":421,"content":"%s","normalized":true},`
	for _, c := range []struct {
		model, file, old, by string
		text                 string
		want                 []int
		err                  string
	}{
		{"siglip-hf", config, `"do_lower_case": true`, `"do_lower_case": false`, "A photo_of ﬁve  Cats!", []int{3, 2, 26, 56, 66, 70, 18, 64, 14, 21, 3, 2, 9, 13, 6, 1}, ""},
		{"siglip-hf", config, `"eos_token": "</s>"`, `"eos_token": "<unk>"`, "a photo of <unk> x", []int{7, 26, 56, 66, 5, 3, 5, 18, 2}, ""},
		{"siglip-hf", config, `"eos_token": "</s>"`, `"eos_token": "<unk>"`, "Dog and dog", []int{65, 5, 11, 3, 48, 10, 65, 5, 11, 2}, ""},
		{"siglip2-hf", whole, `"added_tokens": [`, fmt.Sprintf(dog, "Dog"), "Dog and dog", []int{421, 332, 334, 290, 332, 421, 1}, ""},
		{"siglip2-hf", whole, `"added_tokens": [`, fmt.Sprintf(dog, "a photo"), "a photo of <unk> x", []int{421, 302, 332, 3, 332, 129, 1}, ""},
		{"siglip2-hf", whole, `"added_tokens": [`, `"added_tokens": [{"id":300,"content":"dog"},`, "", nil, `"dog" has the id 300, which contradicts`},
		{"siglip2-hf", marks, "", `{"pad_token":{"content":"<unk>"}}`, "", nil, `pad_token is "<unk>", but "<pad>"`},
		{"siglip2-hf", marks, "", `{"additional_special_tokens":["cat"]}`, "", nil, `additional_special_tokens "cat"`},
		{"siglip2-hf", ids, "", `{"dog":300}`, "", nil, `"dog" of added_tokens.json`},
		{"siglip-hf", ids, "", `{"dog":100}`, "", nil, `"dog" of added_tokens.json`},
		{"siglip2-hf", config, `"backend"`, `"extra_special_tokens":{"x_token":"cat"},"backend"`, "", nil, `extra_special_tokens "cat"`},
		{"siglip-hf", config, `"extra_special_tokens": []`, `"extra_special_tokens": ["<dog>"]`, "", nil, `extra_special_tokens "<dog>"`},
		{"siglip2-hf", config, `"backend"`, `"added_tokens_decoder":{"300":{"content":"dog"}},"backend"`, "", nil, `"dog" of added_tokens_decoder`},
		{"siglip2-hf", config, `"mask_token": "<mask>"`, `"mask_token": "<hole>"`, "", nil, `mask_token "<hole>"`},
		{"siglip2-hf", config, `"eos_token": "<eos>"`, `"eos_token": "<bos>"`, "", nil, "eos_token"},
		{"siglip2-hf", config, `"backend"`, `"add_bos_token":true,"backend"`, "", nil, "add_bos_token true"},
		{"siglip2-hf", config, `"backend"`, `"add_eos_token":false,"backend"`, "", nil, "add_eos_token false"},
		{"siglip2-hf", config, `"backend"`, `"add_eos_token":1,"backend"`, "", nil, config},
		{"siglip-hf", config, `"backend"`, `"add_eos_token":false,"backend"`, "", nil, "add_eos_token false"},
		{"siglip-hf", config, `"sp_model_kwargs": {}`, `"sp_model_kwargs": {"enable_sampling":true}`, "", nil, "sp_model_kwargs"},
		{"siglip-hf", config, `"SiglipTokenizer"`, `"T5Tokenizer"`, "", nil, "do_lower_case"},
		{"siglip2-hf", config, `"backend"`, `"do_lower_case":false,"backend"`, "", nil, "do_lower_case false"},
		{"siglip2-hf", config, `"padding_side": "right",`, "", "", nil, "padding on the left"},
		{"siglip2-hf", whole, `"truncation": null`, `"truncation": {"direction":"Left"}`, "", nil, "truncation on the left"},
		{"siglip2-hf", config, `"Siglip2Tokenizer"`, `"GemmaTokenizer"`, "Dog and dog", []int{343, 327, 332, 334, 290, 279, 327, 1}, ""}, // as Transformers 4, see checkGemma
		{"siglip2-hf", whole, `"Lowercase"`, `"NFKC"`, "", nil, "normalizer"},
		{"siglip2-hf", whole, `"normalizer": {`, `"normalizer": null, "NORMALIZER": {`, "", nil, "normalizer"},
		{"siglip2-hf", whole, `"post_processor": {`, `"post_processor": null, "other": {`, "Dog and dog", []int{343, 327, 332, 334, 290, 279, 327}, ""},
		{"siglip2-hf", whole, `"type": "Split"`, `"type": "WhitespaceSplit"`, "", nil, "pre_tokenizer"},
		{"siglip2-hf", whole, `"byte_fallback": true`, `"byte_fallback": false`, "", nil, "byte_fallback"},
	} {
		dir := changed(t, c.model, c.file, func(data []byte) []byte {
			if c.old == "" {
				return []byte(c.by)
			}
			return replace(t, c.old, c.by)(data)
		})
		tok, err := Open(dir, "")
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %s: %v, want %q", c.file, c.by, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.file, c.by, err)
		} else if got, err := tok.Tokenize(c.text, 99, false); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %v, %v, want %v", c.file, c.by, got, err, c.want)
		}
	}
}

// A SentencePiece model whose normalizer has options that SiglipTokenizer does not expect.
func TestSpacesOfSentencePiece(t *testing.T) {
	for field, want := range map[byte]string{4: "remove_extra_whitespaces", 5: "escape_whitespaces"} {
		dir := changed(t, "siglip-hf", siglipSPM, func(data []byte) []byte {
			return append(data, 3<<3|2, 2, field<<3, 0) // a second normalizer_spec is merged
		})
		if _, err := Open(dir, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzProto(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(folder("siglip-hf"), "spiece.model"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, "a photo of a cat ﬁ😀")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if tok, err := build(&tokenfiles.Settings{}, classes["SiglipTokenizer"], data, false, ""); err == nil {
			checkIDs(t, tok, text)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, model := range []string{"siglip", "siglip2"} {
		data, err := os.ReadFile(filepath.Join(folder(model), "tokenizer.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "a photo of a cat ﬁ😀 <b>")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if tok, err := build(&tokenfiles.Settings{}, classes[""], data, true, ""); err == nil {
			checkIDs(t, tok, text)
		}
	})
}

func checkIDs(t *testing.T, tok *Tokenizer, text string) {
	for _, id := range tok.Encode(text) {
		if id < 0 || id >= tok.Size() {
			t.Fatalf("%q has the id %d of %d tokens", text, id, tok.Size())
		}
	}
}
