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
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// ErrNone reports a folder without a tokenizer.
var ErrNone = errors.New("no tokenizer: neither tokenizer.json nor spiece.model nor tokenizer.model")

// maxFile is the size in bytes of the largest file of a tokenizer. Gemma's has 34 million.
const maxFile = 64 << 20

// memoryPerByte is how much memory reading a file may take, per byte of the file.
const memoryPerByte = 16

// Open reads the tokenizer in a model's folder. OpenCLIP cleans texts before; for a model of
// Hugging Face, cleaning is "", and the class of the tokenizer decides. Without any file of a
// tokenizer, the error is around [ErrNone].
func Open(dir string, cleaning bpe.Cleaning) (*Tokenizer, error) {
	s, err := tokenfiles.Read(dir)
	if err != nil {
		return nil, err
	}
	kind, ok := classes[strings.TrimSuffix(s.Class, "Fast")]
	if !ok {
		return nil, fmt.Errorf("%s: %w", tokenfiles.Config, unsupported("tokenizer_class", s.Class))
	}
	if err := kind.check(s, cleaning); err != nil {
		return nil, fmt.Errorf("%s: %w", tokenfiles.Config, err)
	}
	for _, file := range kind.files {
		data, release, err := read(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			var t *Tokenizer
			if t, err = build(s, kind, data, file == jsonFile, cleaning); err == nil {
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
func build(s *tokenfiles.Settings, k class, data []byte, isJSON bool, cleaning bpe.Cleaning) (t *Tokenizer, err error) {
	if isJSON {
		t, err = k.fromJSON(data, s, cleaning)
	} else {
		t, err = k.fromProto(data, s)
	}
	if err != nil {
		return nil, err
	}
	t.dropSentinels()
	t.sum, t.strange = fingerprint(data, s, cleaning), map[int]bool{}
	for _, id := range newFallback(t.model) {
		t.strange[id] = true
	}
	if id, ok := t.find(cmp.Or(s.Unknown, "<unk>")); ok {
		t.strange[id] = true
	}
	k.clean(t, s, isJSON, cleaning)
	return t, nil
}

// fromJSON builds a tokenizer from a tokenizer.json.
func (k class) fromJSON(data []byte, s *tokenfiles.Settings, cleaning bpe.Cleaning) (*Tokenizer, error) {
	p, err := readPipeline(data)
	if err != nil {
		return nil, err
	}
	t, err := p.tokenizer()
	if err != nil {
		return nil, err
	}
	if k.gemma {
		if err := p.checkGemma(k.lower || cleaning == bpe.Lower || cleaning == bpe.Canonicalize); err != nil {
			return nil, err
		}
	}
	if p.Truncation.Direction == "Left" {
		return nil, errors.New("truncation on the left is not supported")
	}
	if side := cmp.Or(s.PadSide, strings.ToLower(p.Padding.Direction)); side == "left" || side == "" && k.left {
		return nil, errors.New("padding on the left is not supported")
	}
	if err := p.checkAdded(s); err != nil {
		return nil, err
	}
	if p.Marks == nil {
		k.start, k.end = false, k.always
		err = k.mark(t, s)
	} else {
		err = t.checkMarks(s)
	}
	if err != nil {
		return nil, err
	}
	return t, t.setPad(cmp.Or(s.Pad, p.Padding.Token, k.pad))
}

// fromProto builds a tokenizer from a SentencePiece model.
func (k class) fromProto(data []byte, s *tokenfiles.Settings) (*Tokenizer, error) {
	p, err := readProto(data)
	if err != nil {
		return nil, err
	}
	if k.siglip && !p.rules.trim {
		return nil, errors.New("a SiglipTokenizer without remove_extra_whitespaces is not supported")
	}
	t, err := p.tokenizer()
	if err != nil {
		return nil, err
	}
	if err := k.addTokens(t, s); err != nil {
		return nil, err
	}
	if err := k.mark(t, s); err != nil {
		return nil, err
	}
	return t, t.setPad(cmp.Or(s.Pad, k.pad))
}

// dropSentinels drops the tokens <extra_id_0> and so on from the end of the vocabulary.
func (t *Tokenizer) dropSentinels() {
	sentinels := map[int]bool{}
	for n := 0; ; n++ {
		token := fmt.Sprintf("<extra_id_%d>", n)
		id, ok := t.find(tokenfiles.Name(token))
		if !ok {
			id, ok = t.find(tokenfiles.Name(space + token))
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

// fingerprint returns a hash of all that a tokenizer depends on. Its fields and their names are
// those of the first version, so that backbones keep their fingerprints.
func fingerprint(data []byte, s *tokenfiles.Settings, cleaning bpe.Cleaning) string {
	h := sha256.New()
	h.Write(data)
	fmt.Fprintf(h, "\x00%s\x00", cleaning)
	_ = json.NewEncoder(h).Encode(struct { // a hash accepts everything
		Class     string                      `json:"tokenizer_class"`
		Start     tokenfiles.Name             `json:"bos_token"`
		End       tokenfiles.Name             `json:"eos_token"`
		Unknown   tokenfiles.Name             `json:"unk_token"`
		Pad       tokenfiles.Name             `json:"pad_token"`
		AddStart  *bool                       `json:"add_bos_token"`
		AddEnd    *bool                       `json:"add_eos_token"`
		Lower     *bool                       `json:"do_lower_case"`
		PadSide   string                      `json:"padding_side"`
		CutSide   string                      `json:"truncation_side"`
		Added     map[string]tokenfiles.Token `json:"added_tokens_decoder"`
		SplitMark bool                        `json:"split_special_tokens"`
		Extra     tokenfiles.Names            `json:"extra_special_tokens,omitempty"`
	}{s.Class, s.Start, s.End, s.Unknown, s.Pad, s.AddStart, s.AddEnd, s.Lower, s.PadSide, s.CutSide, s.Added, s.SplitMark, slices.Concat(s.Extra, s.Older)})
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// mark sets the ids around every text, as the settings or else the class say.
func (k class) mark(t *Tokenizer, s *tokenfiles.Settings) error {
	if k.always && (s.AddStart != nil && *s.AddStart || s.AddEnd != nil && !*s.AddEnd) {
		return fmt.Errorf("add_bos_token true or add_eos_token false with the tokenizer_class %q is not supported", s.Class)
	}
	for _, m := range []struct {
		set   *bool
		usual bool
		token tokenfiles.Name
		ids   *[]int
	}{{s.AddStart, k.start, cmp.Or(s.Start, "<bos>"), &t.start}, {s.AddEnd, k.end, cmp.Or(s.End, k.eos), &t.end}} {
		add := m.usual
		if m.set != nil {
			add = *m.set
		}
		if !add {
			continue
		}
		id, ok := t.find(m.token)
		if !ok {
			return fmt.Errorf("the token %q that marks texts is missing", m.token)
		}
		*m.ids = []int{id}
	}
	return nil
}

// checkMarks returns an error for settings that contradict the post_processor of tokenizer.json:
// which of them counts depends on the version of Transformers.
func (t *Tokenizer) checkMarks(s *tokenfiles.Settings) error {
	for _, m := range []struct {
		add     *bool
		option  string
		token   tokenfiles.Name
		setting string
		ids     []int
	}{{s.AddStart, "add_bos_token", s.Start, "bos_token", t.start}, {s.AddEnd, "add_eos_token", s.End, "eos_token", t.end}} {
		if m.add != nil && *m.add != (len(m.ids) > 0) {
			return fmt.Errorf("its post_processor contradicts %s %v in %s", m.option, *m.add, tokenfiles.Config)
		}
		if id, ok := t.find(m.token); ok && len(m.ids) > 0 && !slices.Contains(m.ids, id) {
			return fmt.Errorf("its post_processor contradicts %s %q in %s", m.setting, m.token, tokenfiles.Config)
		}
	}
	return nil
}

// setPad sets the token that pads texts; "" for none.
func (t *Tokenizer) setPad(token tokenfiles.Name) error {
	if token == "" {
		return nil
	}
	id, ok := t.find(token)
	if !ok {
		return fmt.Errorf("the token %q that pads texts is missing", token)
	}
	t.pad = id
	return nil
}

// find returns the id of a token.
func (t *Tokenizer) find(token tokenfiles.Name) (int, bool) {
	if id, ok := t.names[string(token)]; ok {
		return id, true
	}
	return t.model.id(string(token))
}

// checkAdded returns an error unless tokenizer.json has all the tokens that the other files name:
// Transformers adds those that it lacks.
func (p *pipeline) checkAdded(s *tokenfiles.Settings) error {
	have := map[string]tokenfiles.Token{}
	for _, token := range p.Added {
		token.Special = false // does not change ids
		have[token.Content] = token
	}
	for _, n := range s.Named() {
		if _, ok := have[string(n.Token)]; !ok {
			return fmt.Errorf("its added_tokens lack the %s %q", n.Setting, n.Token)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Added)) {
		token := s.Added[key]
		id, err := strconv.Atoi(key)
		token.ID, token.Special = id, false
		if err != nil || have[token.Content] != token {
			return fmt.Errorf("its added_tokens contradict the token %q of added_tokens_decoder in %s", token.Content, tokenfiles.Config)
		}
	}
	for _, token := range slices.Sorted(maps.Keys(s.IDs)) {
		if found, ok := have[token]; !ok || found.ID != s.IDs[token] {
			return fmt.Errorf("its added_tokens contradict the token %q of %s", token, tokenfiles.Added)
		}
	}
	return nil
}

// addTokens adds the tokens of the settings to a SentencePiece model, whose own marks are not
// recognized in texts.
func (k class) addTokens(t *Tokenizer, s *tokenfiles.Settings) error {
	var tokens []tokenfiles.Token
	t.names = map[string]int{}
	add := func(token tokenfiles.Token) {
		t.names[token.Content] = token.ID
		t.size = max(t.size, token.ID+1)
		tokens = append(tokens, token)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Added)) {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxTokens {
			return fmt.Errorf("added_tokens_decoder has the id %q", key)
		}
		token := s.Added[key]
		if token.SingleWord {
			return errSingleWord(token.Content)
		}
		token.ID = id
		add(token)
	}
	for _, token := range slices.Sorted(maps.Keys(s.IDs)) {
		if id, ok := t.names[token]; !ok || id != s.IDs[token] {
			return fmt.Errorf("the token %q of %s is not in added_tokens_decoder of %s", token, tokenfiles.Added, tokenfiles.Config)
		}
	}
	named := s.Named()
	if s.Pad == "" && k.pad != "" {
		named = append(named, tokenfiles.Named{Setting: "pad_token", Token: k.pad})
	}
	for _, n := range named {
		if _, ok := t.names[string(n.Token)]; ok {
			continue
		}
		id, ok := t.model.id(string(n.Token))
		if !ok {
			return fmt.Errorf("the %s %q is missing", n.Setting, n.Token)
		}
		add(tokenfiles.Token{ID: id, Content: string(n.Token), LeftStrip: k.siglip, RightStrip: k.siglip})
	}
	t.added = newAddedTokens(tokens)
	return nil
}

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
