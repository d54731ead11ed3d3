package sentencepiece

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
	"github.com/clipcue/clipcue/internal/exactjson"
	"golang.org/x/text/unicode/norm"
)

// pipeline is the content of a tokenizer.json.
type pipeline struct {
	Added      []tokenfiles.Token `json:"added_tokens"`
	Normalizer *part              `json:"normalizer"`
	Splitter   *part              `json:"pre_tokenizer"`
	Marks      *part              `json:"post_processor"`
	Model      jsonModel          `json:"model"`
	Truncation struct {
		Direction string `json:"direction"`
	} `json:"truncation"`
	Padding struct {
		Direction string          `json:"direction"`
		Token     tokenfiles.Name `json:"pad_token"`
	} `json:"padding"`
}

// part is a step of a pipeline: those fields that the known types have.
type part struct {
	Type        string   `json:"type"`
	Normalizers []part   `json:"normalizers"`
	Splitters   []part   `json:"pretokenizers"`
	Charsmap    string   `json:"precompiled_charsmap"`
	Pattern     *pattern `json:"pattern"`
	Content     string   `json:"content"`
	Prepend     string   `json:"prepend"`
	Left        bool     `json:"strip_left"`
	Right       bool     `json:"strip_right"`
	Behavior    string   `json:"behavior"`
	Invert      bool     `json:"invert"`
	Replacement string   `json:"replacement"`
	Scheme      *string  `json:"prepend_scheme"`
	Prefix      *bool    `json:"add_prefix_space"` // of older files
	Split       *bool    `json:"split"`
	Single      []struct {
		Token *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
		Text *struct {
			ID string `json:"id"`
		} `json:"Sequence"`
	} `json:"single"`
	Special map[string]struct {
		IDs []int `json:"ids"`
	} `json:"special_tokens"`
}

// pattern is what a step looks for.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// unsupported reports a type of step.
func unsupported(kind, name string) error {
	return fmt.Errorf("the %s %q is not supported", kind, name)
}

// readPipeline reads a tokenizer.json.
func readPipeline(data []byte) (*pipeline, error) {
	var p pipeline
	return &p, exactjson.Unmarshal(data, &p)
}

// tokenizer builds the tokenizer.
func (p *pipeline) tokenizer() (*Tokenizer, error) {
	t := &Tokenizer{pad: none, clean: same, prepare: same, normalize: same, names: map[string]int{}}
	var err error
	if t.model, t.size, err = p.Model.build(); err != nil {
		return nil, err
	}
	if t.normalize, err = p.Normalizer.step(0); err != nil {
		return nil, err
	}
	if g := p.Normalizer.growth(); g > maxGrowth {
		return nil, fmt.Errorf("the normalizers make texts up to %.3g times as long; the limit is %d", g, maxGrowth)
	}
	if t.split, err = p.Splitter.splitters(0); err != nil {
		return nil, err
	}
	if err := t.add(p.Added); err != nil {
		return nil, err
	}
	return t, p.Marks.marks(t)
}

// add adds tokens. Those that are found in normalized texts are normalized themselves.
func (t *Tokenizer) add(tokens []tokenfiles.Token) error {
	vocabulary := t.size
	var early, late []tokenfiles.Token
	for _, a := range tokens {
		if a.SingleWord {
			return errSingleWord(a.Content)
		}
		if a.ID < 0 || a.ID > maxTokens {
			return fmt.Errorf("the token %q has the id %d", a.Content, a.ID)
		}
		if id, ok := t.model.id(a.Content); ok && id != a.ID || !ok && a.ID < vocabulary {
			return fmt.Errorf("the added token %q has the id %d, which contradicts the vocabulary", a.Content, a.ID)
		}
		t.size = max(t.size, a.ID+1)
		t.names[a.Content] = a.ID
		if a.Normalized {
			a.Content = t.normalize(a.Content)
			late = append(late, a)
		} else {
			early = append(early, a)
		}
	}
	t.added, t.normalized = newAddedTokens(early), newAddedTokens(late)
	return nil
}

func errSingleWord(token string) error {
	return fmt.Errorf("the token %q is only for whole words, which is not supported", token)
}

func same(text string) string { return text }

// maxNesting bounds sequences in sequences.
const maxNesting = 8

// forms are Unicode's normal forms.
var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

// step builds a normalizer; p may be nil.
func (p *part) step(depth int) (step, error) {
	switch {
	case p == nil:
		return same, nil
	case depth > maxNesting:
		return nil, errors.New("the normalizers are nested too deeply")
	}
	if form, ok := forms[p.Type]; ok {
		return form.String, nil
	}
	switch p.Type {
	case "Sequence":
		return p.steps(depth)
	case "Precompiled":
		data, err := base64.StdEncoding.DecodeString(p.Charsmap)
		if err != nil {
			return nil, fmt.Errorf("the normalization map: %w", err)
		}
		m, err := newCharsmap(data)
		if err != nil || m == nil {
			return same, err
		}
		return m.likeHuggingFace, nil
	case "Replace":
		return p.Pattern.replace(p.Content)
	case "Lowercase":
		return lower, nil
	case "Prepend":
		return func(text string) string {
			if text == "" {
				return ""
			}
			return p.Prepend + text
		}, nil
	case "Strip":
		return func(text string) string {
			if p.Left {
				text = strings.TrimLeftFunc(text, unicode.IsSpace)
			}
			if p.Right {
				text = strings.TrimRightFunc(text, unicode.IsSpace)
			}
			return text
		}, nil
	}
	return nil, unsupported("normalizer", p.Type)
}

// steps builds a sequence of normalizers.
func (p *part) steps(depth int) (step, error) {
	var all []step
	for i := range p.Normalizers {
		s, err := p.Normalizers[i].step(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return func(text string) string {
		for _, s := range all {
			text = s(text)
		}
		return text
	}, nil
}

// maxGrowth is how many times as long normalizers may make a text; SigLIP's make it three times as long.
const maxGrowth = 256

// growth returns how many times as long the replacements of a normalizer make a text at most.
func (p *part) growth() float64 {
	if p == nil {
		return 1
	}
	grown := 1.
	for i := range p.Normalizers {
		grown *= p.Normalizers[i].growth()
	}
	if p.Type == "Replace" && p.Pattern != nil {
		from := 1
		if p.Pattern.String != nil {
			from = len(*p.Pattern.String)
		}
		grown *= max(1, float64(len(p.Content))/float64(max(1, from)))
	}
	return grown
}

// lower lowers the case of single characters: unlike in words, a sigma is always σ.
func lower(text string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r == 'İ' {
			return r
		}
		return unicode.ToLower(r)
	}, text), "İ", "i̇")
}

// replace returns a step that replaces the pattern by text.
func (p *pattern) replace(by string) (step, error) {
	switch {
	case p != nil && p.String != nil && *p.String != "":
		return func(text string) string { return strings.ReplaceAll(text, *p.String, by) }, nil
	case p != nil && p.Regex != nil:
		// Programs differ in what a pattern means, but not in that of repeated characters.
		spaces := strings.ReplaceAll(*p.Regex, `\s`, `[\s\v\x{85}\p{Z}]`)
		parsed, err := syntax.Parse(spaces, syntax.Perl)
		if err != nil || !simple(parsed) {
			return nil, unsupported("pattern", *p.Regex)
		}
		re, err := regexp.Compile(spaces)
		if err != nil {
			return nil, unsupported("pattern", *p.Regex)
		}
		return func(text string) string { return re.ReplaceAllLiteralString(text, by) }, nil
	}
	return nil, errors.New("a normalizer replaces nothing")
}

// simple reports whether a pattern matches a character, or a character repeated.
func simple(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpPlus, syntax.OpRepeat:
		return re.Min > 0 == (re.Op == syntax.OpRepeat) && re.Flags&syntax.NonGreedy == 0 && simple(re.Sub[0])
	case syntax.OpLiteral:
		return len(re.Rune) == 1 && re.Flags&syntax.FoldCase == 0
	}
	return re.Op == syntax.OpCharClass
}

// splitters builds what splits a text into parts for the model; p may be nil.
func (p *part) splitters(depth int) (all []splitter, err error) {
	switch {
	case p == nil:
		return nil, nil
	case depth > maxNesting:
		return nil, errors.New("the pre-tokenizers are nested too deeply")
	}
	switch p.Type {
	case "Sequence":
		for i := range p.Splitters {
			s, err := p.Splitters[i].splitters(depth + 1)
			if err != nil {
				return nil, err
			}
			all = append(all, s...)
		}
		return all, nil
	case "WhitespaceSplit":
		return []splitter{func(text string, _ bool) []string { return strings.FieldsFunc(text, unicode.IsSpace) }}, nil
	case "Metaspace":
		s, err := p.metaspace()
		return []splitter{s}, err
	case "Split":
		if p.Pattern == nil || p.Pattern.String == nil || *p.Pattern.String == "" || p.Behavior != "MergedWithPrevious" || p.Invert {
			return nil, fmt.Errorf("the pre-tokenizer Split with the behavior %q is not supported", p.Behavior)
		}
		return []splitter{func(text string, _ bool) []string { return strings.SplitAfter(text, *p.Pattern.String) }}, nil
	}
	return nil, unsupported("pre-tokenizer", p.Type)
}

// metaspace returns the splitter that replaces spaces, and splits before them.
func (p *part) metaspace() (splitter, error) {
	mark, scheme := p.Replacement, "always"
	if len([]rune(mark)) != 1 {
		return nil, fmt.Errorf("the pre-tokenizer Metaspace replaces spaces by %q, not one character", mark)
	}
	switch {
	case p.Scheme != nil:
		scheme = *p.Scheme
	case p.Prefix != nil && !*p.Prefix:
		scheme = "never"
	}
	if scheme != "always" && scheme != "first" && scheme != "never" {
		return nil, unsupported("prepend_scheme", scheme)
	}
	whole := p.Split != nil && !*p.Split
	return func(text string, first bool) []string {
		text = strings.ReplaceAll(text, " ", mark)
		if (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(text, mark) {
			text = mark + text
		}
		if whole {
			return []string{text}
		}
		parts := strings.Split(text, mark)
		for i := 1; i < len(parts); i++ {
			parts[i] = mark + parts[i]
		}
		return parts
	}, nil
}

// marks sets the ids before and after every text; p may be nil.
func (p *part) marks(t *Tokenizer) error {
	if p == nil {
		return nil
	}
	if p.Type != "TemplateProcessing" {
		return unsupported("post-processor", p.Type)
	}
	text := false
	for _, s := range p.Single {
		switch {
		case s.Text != nil && !text:
			text = true
		case s.Token != nil:
			ids, ok := p.Special[s.Token.ID]
			if !ok {
				return fmt.Errorf("the post-processor does not say the id of %q", s.Token.ID)
			}
			if text {
				t.end = append(t.end, ids.IDs...)
			} else {
				t.start = append(t.start, ids.IDs...)
			}
		default:
			return errors.New("the post-processor's template does not hold the text once")
		}
	}
	for _, id := range append(t.start, t.end...) {
		if id < 0 || id >= t.size {
			return fmt.Errorf("the post-processor adds the id %d of %d tokens", id, t.size)
		}
	}
	if !text {
		return errors.New("the post-processor's template does not hold the text once")
	}
	return nil
}
