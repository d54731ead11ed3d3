package sentencepiece

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/clip/internal/tokenfiles"
)

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
