package sentencepiece

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

// class is what a class of Transformers adds to a tokenizer's files.
type class struct {
	files      []string        // in the order of preference
	start, end bool            // texts of a SentencePiece model have these marks
	always     bool            // texts end with a mark also if tokenizer.json does not say so
	eos, pad   tokenfiles.Name // without an eos_token or pad_token
	left       bool            // padding is on the left, unless the files say right
	lower      bool            // texts are lowercased
	gemma      bool            // of tokenizer.json, only the vocabulary, the rules and the marks count
	siglip     bool            // SiglipTokenizer's cleaning
}

const (
	jsonFile  = "tokenizer.json"
	siglipSPM = "spiece.model"
	gemmaSPM  = "tokenizer.model"
)

var (
	jsonFirst = []string{jsonFile, siglipSPM, gemmaSPM}
	classes   = map[string]class{
		"SiglipTokenizer":         {files: []string{siglipSPM, jsonFile}, end: true, always: true, eos: "</s>", pad: "</s>", siglip: true},
		"Siglip2Tokenizer":        {files: jsonFirst, end: true, eos: "<eos>", pad: "<pad>", left: true, lower: true, gemma: true},
		"GemmaTokenizer":          {files: jsonFirst, start: true, eos: "<eos>", pad: "<pad>", left: true, gemma: true},
		"T5Tokenizer":             {files: jsonFirst, end: true, always: true, eos: "</s>", pad: "<pad>"},
		"PreTrainedTokenizer":     {files: jsonFirst},
		"TokenizersBackend":       {files: jsonFirst},
		"PreTrainedTokenizerFast": {files: jsonFirst},
		"":                        {files: jsonFirst, end: true, eos: "</s>"},
	}
)

// check returns an error for settings that are not supported, or that the class does not know. Texts
// may be cleaned before.
func (k class) check(s *tokenfiles.Settings, cleaning bpe.Cleaning) error {
	lowered := cleaning == bpe.Lower || cleaning == bpe.Canonicalize
	switch {
	case s.PadSide == "left":
		return errors.New("padding_side left is not supported")
	case s.CutSide == "left":
		return errors.New("truncation_side left is not supported")
	case s.SplitMark:
		return errors.New("split_special_tokens is not supported")
	case len(s.Sampling) > 0:
		return fmt.Errorf("sp_model_kwargs %v is not supported", s.Sampling)
	case s.Lower == nil || lowered:
	case *s.Lower && !k.lower && !k.siglip && !k.gemma, !*s.Lower && k.lower:
		return fmt.Errorf("do_lower_case %v with the tokenizer_class %q is not supported", *s.Lower, s.Class)
	}
	return nil
}

// checkGemma returns an error unless a tokenizer.json works as Transformers' GemmaTokenizer, which
// only reads its vocabulary, rules and marks. A step to lower case is right for SigLIP 2, whose files have
// it for the GemmaTokenizer of Transformers 4, unless do_lower_case is false.
func (p *pipeline) checkGemma(lowered bool) error {
	parts := []part{}
	if n := p.Normalizer; n != nil && n.Type == "Sequence" {
		parts = n.Normalizers
	} else if n != nil {
		parts = []part{*n}
	}
	if len(parts) == 2 && parts[0].Type == "Lowercase" && lowered {
		parts = parts[1:]
	}
	if len(parts) != 1 || parts[0].Type != "Replace" || !parts[0].Pattern.is(" ") || parts[0].Content != "▁" {
		return errors.New("its normalizer contradicts the tokenizer_class, which has another one")
	}
	if s := p.Splitter; s != nil && (s.Type != "Split" || !s.Pattern.is(" ")) {
		return errors.New("its pre_tokenizer contradicts the tokenizer_class, which has another one")
	}
	if m := p.Model; m.Type != "BPE" || !m.Fallback || !m.Fuse || m.Whole {
		return errors.New("its model contradicts the tokenizer_class, which is BPE with byte_fallback and fuse_unk, without ignore_merges")
	}
	return nil
}

// is reports whether a pattern is a text.
func (p *pattern) is(text string) bool { return p != nil && p.String != nil && *p.String == text }
