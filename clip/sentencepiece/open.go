package sentencepiece

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// ErrNone reports a folder without a tokenizer.
var ErrNone = errors.New("no tokenizer: neither tokenizer.json nor spiece.model nor tokenizer.model")

// maxFile is the size in bytes of the largest file of a tokenizer. Gemma's has 34 million.
const maxFile = 64 << 20

// memoryPerByte is how much memory reading a file may take, per byte of the file.
const memoryPerByte = 16

// config is a tokenizer_config.json.
type config struct {
	Class     string           `json:"tokenizer_class"`
	Start     name             `json:"bos_token"`
	End       name             `json:"eos_token"`
	Unknown   name             `json:"unk_token"`
	Pad       name             `json:"pad_token"`
	AddStart  *bool            `json:"add_bos_token"`
	AddEnd    *bool            `json:"add_eos_token"`
	Lower     *bool            `json:"do_lower_case"`
	PadSide   string           `json:"padding_side"`
	CutSide   string           `json:"truncation_side"`
	Added     map[string]added `json:"added_tokens_decoder"`
	SplitMark bool             `json:"split_special_tokens"`
}

// added is a token of added_tokens_decoder, whose key is the id.
type added = addedToken

// name is a token in a configuration: a text, or an object with one.
type name string

// UnmarshalJSON reads either form.
func (n *name) UnmarshalJSON(data []byte) error {
	var object struct{ Content string }
	if err := json.Unmarshal(data, &object); err == nil {
		*n = name(object.Content)
		return nil
	}
	return json.Unmarshal(data, (*string)(n))
}

// class is what a class of Transformers adds to a tokenizer's files.
type class struct {
	files      []string // in the order of preference
	start, end bool     // without a post-processor, texts have these marks
	eos, pad   name     // without an eos_token or pad_token
	lower      bool
	siglip     bool // SiglipTokenizer's cleaning
}

const (
	jsonFile  = "tokenizer.json"
	siglipSPM = "spiece.model"
	gemmaSPM  = "tokenizer.model"
)

var (
	jsonFirst = []string{jsonFile, siglipSPM, gemmaSPM}
	classes   = map[string]class{
		"SiglipTokenizer":         {files: []string{siglipSPM, jsonFile}, end: true, eos: "</s>", pad: "</s>", siglip: true},
		"Siglip2Tokenizer":        {files: jsonFirst, end: true, eos: "<eos>", pad: "<pad>", lower: true},
		"GemmaTokenizer":          {files: jsonFirst, start: true, eos: "<eos>", pad: "<pad>"},
		"T5Tokenizer":             {files: jsonFirst, end: true, eos: "</s>", pad: "<pad>"},
		"PreTrainedTokenizer":     {files: jsonFirst},
		"TokenizersBackend":       {files: jsonFirst},
		"PreTrainedTokenizerFast": {files: jsonFirst},
		"":                        {files: jsonFirst, end: true, eos: "</s>"},
	}
)

// Open reads the tokenizer in a model's folder. OpenCLIP cleans texts before; for a model of
// Hugging Face, cleaning is "", and the class of the tokenizer decides. Without any file of a
// tokenizer, the error is around [ErrNone].
func Open(dir string, cleaning bpe.Cleaning) (*Tokenizer, error) {
	var c config
	const settings = "tokenizer_config.json"
	data, err := input.ReadFile(filepath.Join(dir, settings), maxFile)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", settings, err)
	}
	kind, ok := classes[strings.TrimSuffix(c.Class, "Fast")]
	if !ok {
		return nil, fmt.Errorf("%s: %w", settings, unsupported("tokenizer_class", c.Class))
	}
	for _, file := range kind.files {
		data, release, err := read(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			var t *Tokenizer
			if t, err = c.build(kind, data, file == jsonFile, cleaning); err == nil {
				release()
				return t, nil
			}
			release()
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return nil, ErrNone
}

// read reads a file and reserves the memory for its tokenizer until release is called.
func read(path string) (data []byte, release func(), err error) {
	if data, err = input.ReadFile(path, maxFile); err != nil {
		return nil, nil, err
	}
	release, err = memory.Request(memoryPerByte*int64(len(data)), "the tokenizer")
	return data, release, err
}

// build builds a tokenizer from the data of its file.
func (c *config) build(k class, data []byte, isJSON bool, cleaning bpe.Cleaning) (*Tokenizer, error) {
	load := fromProto
	if isJSON {
		load = fromJSON
	}
	t, err := load(data)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if !isJSON {
		if err := c.addTokens(t, k); err != nil {
			return nil, err
		}
	}
	if err := c.mark(t, k, isJSON); err != nil {
		return nil, err
	}
	t.dropSentinels()
	t.sum, t.strange = fingerprint(data, c, cleaning), map[int]bool{}
	for _, id := range newFallback(t.model) {
		t.strange[id] = true
	}
	if id, ok := t.find(cmp.Or(c.Unknown, "<unk>")); ok {
		t.strange[id] = true
	}
	return t, c.clean(t, k, isJSON, cleaning)
}

// dropSentinels drops the tokens <extra_id_0> and so on from the end of the vocabulary.
func (t *Tokenizer) dropSentinels() {
	sentinels := map[int]bool{}
	for n := 0; ; n++ {
		token := fmt.Sprintf("<extra_id_%d>", n)
		id, ok := t.find(name(token))
		if !ok {
			id, ok = t.find(name("▁" + token))
		}
		if !ok {
			break
		}
		sentinels[id] = true
	}
	for sentinels[t.size-1] {
		t.size--
	}
}

// fingerprint returns a hash of all that a tokenizer depends on.
func fingerprint(data []byte, c *config, cleaning bpe.Cleaning) string {
	h := sha256.New()
	h.Write(data)
	fmt.Fprintf(h, "\x00%s\x00", cleaning)
	_ = json.NewEncoder(h).Encode(c) // a hash accepts everything
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// check returns an error for settings that are not supported.
func (c *config) check() error {
	switch {
	case c.PadSide == "left":
		return errors.New("padding_side left is not supported")
	case c.CutSide == "left":
		return errors.New("truncation_side left is not supported")
	case c.SplitMark:
		return errors.New("split_special_tokens is not supported")
	}
	return nil
}

// mark sets the ids around every text, and that of padding.
func (c *config) mark(t *Tokenizer, k class, isJSON bool) error {
	known := isJSON && (t.start != nil || t.end != nil) // by the post-processor
	for _, m := range []struct {
		set   *bool
		usual bool
		token name
		ids   *[]int
	}{{c.AddStart, k.start, cmp.Or(c.Start, "<bos>"), &t.start}, {c.AddEnd, k.end, cmp.Or(c.End, k.eos), &t.end}} {
		if m.set == nil && known {
			continue
		}
		add := m.usual
		if m.set != nil {
			add = *m.set
		}
		*m.ids = nil
		if add {
			id, ok := t.find(m.token)
			if !ok {
				return fmt.Errorf("the token %q that marks texts is missing", m.token)
			}
			*m.ids = []int{id}
		}
	}
	if pad := cmp.Or(c.Pad, k.pad); pad != "" {
		id, ok := t.find(pad)
		if !ok {
			return fmt.Errorf("the token %q that pads texts is missing", pad)
		}
		t.pad = id
	}
	return nil
}

// find returns the id of a token.
func (t *Tokenizer) find(token name) (int, bool) {
	for _, a := range []*addedTokens{t.added, t.normalized} {
		if found, ok := a.tokens[string(token)]; ok {
			return found.ID, true
		}
	}
	return t.model.id(string(token))
}

// addTokens adds the tokens of the configuration to a SentencePiece model, whose own marks are not
// recognized in texts.
func (c *config) addTokens(t *Tokenizer, k class) error {
	var tokens []addedToken
	for _, key := range slices.Sorted(maps.Keys(c.Added)) {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxTokens {
			return fmt.Errorf("added_tokens_decoder has the id %q", key)
		}
		token := c.Added[key]
		token.ID = id
		tokens = append(tokens, token)
		t.size = max(t.size, id+1)
	}
	for _, token := range []name{c.Start, c.End, c.Unknown, cmp.Or(c.Pad, k.pad)} {
		if id, ok := t.model.id(string(token)); ok && c.Added == nil {
			tokens = append(tokens, addedToken{ID: id, Content: string(token), LeftStrip: k.siglip, RightStrip: k.siglip})
		}
	}
	t.added = newAddedTokens(tokens, func(addedToken) bool { return true })
	return nil
}

// clean sets how texts are prepared.
func (c *config) clean(t *Tokenizer, k class, isJSON bool, cleaning bpe.Cleaning) error {
	if cleaning != "" {
		t.clean = cleaning.Clean
	}
	switch {
	case k.siglip && isJSON:
		t.prepare = bpe.Plain
	case k.siglip:
		return c.likeSiglip(t)
	case k.lower || c.Lower != nil && *c.Lower:
		normalize := t.normalize
		t.normalize = func(text string) string { return normalize(lower(text)) }
	}
	return nil
}

// likeSiglip prepares texts as Transformers' SiglipTokenizer does. A text begins with a space; the
// unknown token before it, whose pieces are removed again, keeps SentencePiece from adding another.
func (c *config) likeSiglip(t *Tokenizer) error {
	const space = "▁"
	normalize, before := t.normalize, string(cmp.Or(c.Unknown, "<unk>"))
	t.prepare = func(text string) string { return space + strings.ReplaceAll(text, space, " ") }
	t.normalize = func(text string) string { return normalize(before + bpe.Plain(text)) }
	t.model = without{t.model, len(t.model.encode(nil, normalize(before)))}
	return nil
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
