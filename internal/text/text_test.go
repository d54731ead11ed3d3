package text

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestKey(t *testing.T) {
	same := map[string][]string{
		"café":       {"cafe\u0301", "ca\u200bfé", "\ufeffcafé", "café ", "caf\u00ade\u0301"},
		"red circle": {"red\u00a0circle", "red  circle", " red\tcircle\n", "red\u202fcircle", "red\u200b circle"},
		"가":          {"\u1100\u1161"},
		"Å":          {"\u212b", "A\u030a"},
	}
	for want, forms := range same {
		for _, form := range append(forms, want) {
			if got := Key(form); got != Key(want) {
				t.Errorf("Key(%q) = %q, want %q", form, got, Key(want))
			}
		}
	}
	for _, pair := range [][2]string{{"a", "A"}, {"a b", "ab"}, {"ä", "a"}, {"a\xff", "a\xfe"}, {"a/b", "a b"}} {
		if Key(pair[0]) == Key(pair[1]) {
			t.Errorf("%q and %q compare equal", pair[0], pair[1])
		}
	}
}

func TestKeyIsIdempotentAndIgnoresTheForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "name")
		if k := Key(s); Key(k) != k {
			t.Fatalf("Key(%q) = %q, whose key is %q", s, k, Key(k))
		}
		if Key(norm.NFD.String(s)) != Key(s) {
			t.Fatalf("the decomposed form of %q has another key", s)
		}
	})
}

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"plain ünï 中文 👩‍🔬": "plain ünï 中文 👩‍🔬",
		"a\nb\x1b[2J":      `a\nb\x1b[2J`,
		"a\u202eb":         `a\u202eb`,
		"\xff\x00":         `\xff\x00`,
		"zero\u200bwidth":  `zero\u200bwidth`,
		"\u0085\u2028":     `\u0085\u2028`,
	} {
		if got := Quote(s); got != want {
			t.Errorf("Quote(%q) = %q, want %q", s, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if q := Quote(s); strings.ContainsFunc(q, unicode.IsControl) || strings.ContainsRune(q, '\ufffd') && !strings.ContainsRune(s, '\ufffd') {
			t.Fatalf("Quote(%q) = %q", s, q)
		}
	})
}

// JSON for a terminal has no unsafe character and keeps its value.
func TestQuoteJSON(t *testing.T) {
	for _, s := range append([]string{"plain ü", "\U0001f468\u200d\U0001f469"}, "a\u202eb", "a\u200bb", "\u009b2J", "\x7f", "\U000e0041", "\ufeff", "\x1b[2J\n\t") {
		b, err := json.MarshalIndent(map[string]string{s: s}, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		quoted := QuoteJSON(string(b))
		var back map[string]string
		if err := json.Unmarshal([]byte(quoted), &back); err != nil || back[s] != s {
			t.Errorf("%q became %q: %v", s, quoted, err)
		}
		if strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(quoted), unsafe) {
			t.Errorf("%q is unsafe", quoted)
		}
	}
}

func TestIsLine(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "red circle": true, "café 動": true, "family \U0001f468\u200d\U0001f469": true,
		"a\nb": false, "a\rb": false, "a\tb": false, "\x1b[2J": false, "a\u0085b": false, "a\u2028b": false, "a\xff": false,
	} {
		if got := IsLine(s); got != want {
			t.Errorf("%q: got %v", s, got)
		}
	}
}

// JSON keeps every path: its escaped form is UTF-8 and gives the path back.
func TestEscape(t *testing.T) {
	for path, want := range map[string]string{
		"a.mp4":            "a.mp4",
		"größe 动.mp4":      "größe 动.mp4",
		"gr\xf6\xdfe":      `gr\xf6\xdfe`,
		`C:\xylophone.mp4`: `C:\xylophone.mp4`,
		`a\xffb`:           `a\x5cxffb`,
		`a\` + "\xff":      `a\\xff`,
		"a\x00\n\u202e":    "a\x00\n\u202e",
		"\ufffd":           "\ufffd",
	} {
		if got := Escape(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{`\`, "x", "f", "5", "c", "\xff", "\x80", "é", "a"})).Draw(t, "parts")
		path := strings.Join(parts, "")
		if s := Escape(path); !utf8.ValidString(s) || Unescape(s) != path {
			t.Errorf("%q becomes %q, and that %q", path, s, Unescape(s))
		}
	})
}
