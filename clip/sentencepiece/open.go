package sentencepiece

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
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
// tokenizer, the error is around [ErrNone]. See [Tokenizer.Prepare].
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
		if err := p.checkGemma(s.Lower == nil || *s.Lower); err != nil {
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

func sentinel(n int) string { return fmt.Sprintf("<extra_id_%d>", n) }

// dropSentinels drops the tokens <extra_id_0> and so on from the end of the vocabulary.
func (t *Tokenizer) dropSentinels() {
	sentinels := map[int]bool{}
	for n := 0; ; n++ {
		token := sentinel(n)
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

// find returns the id of a token.
func (t *Tokenizer) find(token tokenfiles.Name) (int, bool) {
	if id, ok := t.names[string(token)]; ok {
		return id, true
	}
	return t.model.id(string(token))
}
