// Package tokenfiles reads what the folder of a model says about its tokenizer besides the
// vocabulary: tokenizer_config.json, special_tokens_map.json and added_tokens.json.
package tokenfiles

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
)

// The files.
const (
	Config = "tokenizer_config.json"
	Marks  = "special_tokens_map.json"
	Added  = "added_tokens.json"
)

// maxFile is the size in bytes of the largest of these files.
const maxFile = 16 << 20

// Settings are the content of the files, as far as tokens depend on it.
type Settings struct {
	Class     string           `json:"tokenizer_class"`
	Start     Name             `json:"bos_token"`
	End       Name             `json:"eos_token"`
	Unknown   Name             `json:"unk_token"`
	Pad       Name             `json:"pad_token"`
	Separator Name             `json:"sep_token"`
	First     Name             `json:"cls_token"`
	Mask      Name             `json:"mask_token"`
	AddStart  *bool            `json:"add_bos_token"`
	AddEnd    *bool            `json:"add_eos_token"`
	Lower     *bool            `json:"do_lower_case"`
	Accents   *bool            `json:"strip_accents"`
	Chinese   *bool            `json:"tokenize_chinese_chars"`
	Basic     *bool            `json:"do_basic_tokenize"`
	PadSide   string           `json:"padding_side"`
	CutSide   string           `json:"truncation_side"`
	SplitMark bool             `json:"split_special_tokens"`
	Sampling  map[string]any   `json:"sp_model_kwargs"`
	Added     map[string]Token `json:"added_tokens_decoder"` // by id
	Extra     Names            `json:"extra_special_tokens"`
	Older     Names            `json:"additional_special_tokens"`
	IDs       map[string]int   `json:"-"` // of added_tokens.json
}

// Token is a token that is recognized before the model sees a text.
type Token struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LeftStrip  bool   `json:"lstrip"`
	RightStrip bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// Name is a token in a configuration: a text, or an object with one.
type Name string

// UnmarshalJSON reads either form.
func (n *Name) UnmarshalJSON(data []byte) error {
	var object struct {
		Content string `json:"content"`
	}
	if err := exactjson.Unmarshal(data, &object); err == nil {
		*n = Name(object.Content)
		return nil
	}
	return exactjson.Unmarshal(data, (*string)(n))
}

// Names are tokens in a list, or in an object.
type Names []Name

// UnmarshalJSON reads either form.
func (n *Names) UnmarshalJSON(data []byte) error {
	var object map[string]Name
	if err := exactjson.Unmarshal(data, &object); err == nil {
		*n = nil
		for _, token := range object {
			*n = append(*n, token)
		}
		return nil
	}
	return exactjson.Unmarshal(data, (*[]Name)(n))
}

// Named is a token and the setting that names it.
type Named struct {
	Setting string
	Token   Name
}

// named returns the tokens that have a setting of their own, with empty ones.
func (s *Settings) named() []Named {
	return []Named{{"bos_token", s.Start}, {"eos_token", s.End}, {"unk_token", s.Unknown}, {"pad_token", s.Pad},
		{"sep_token", s.Separator}, {"cls_token", s.First}, {"mask_token", s.Mask}}
}

// Named returns all tokens that the settings name.
func (s *Settings) Named() (all []Named) {
	for _, n := range s.named() {
		if n.Token != "" {
			all = append(all, n)
		}
	}
	for _, token := range s.Extra {
		all = append(all, Named{"extra_special_tokens", token})
	}
	for _, token := range s.Older {
		all = append(all, Named{"additional_special_tokens", token})
	}
	return all
}

// Read reads the files in a folder; those that are missing say nothing. An error contains the
// name of the file.
func Read(dir string) (*Settings, error) {
	var s, marks Settings
	for _, f := range []struct {
		name string
		into any
	}{{Config, &s}, {Marks, &marks}, {Added, &s.IDs}} {
		data, err := input.ReadFile(filepath.Join(dir, f.name), maxFile)
		if err == nil {
			err = exactjson.Unmarshal(data, f.into)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return &s, s.merge(&marks)
}

// merge adds the tokens of special_tokens_map.json. Transformers reads it only together with older
// configurations, so it must not contradict.
func (s *Settings) merge(marks *Settings) error {
	into := []*Name{&s.Start, &s.End, &s.Unknown, &s.Pad, &s.Separator, &s.First, &s.Mask}
	for i, n := range marks.named() {
		switch {
		case n.Token == "" || n.Token == *into[i]:
		case *into[i] == "":
			*into[i] = n.Token
		default:
			return fmt.Errorf("%s: %s is %q, but %q in %s", Marks, n.Setting, n.Token, *into[i], Config)
		}
	}
	s.Extra, s.Older = append(s.Extra, marks.Extra...), append(s.Older, marks.Older...)
	return nil
}
