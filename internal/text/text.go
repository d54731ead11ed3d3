// Package text compares and prints names from file names, tables and model files.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Key returns the form in which two names are compared: Unicode's NFC, without
// characters that are invisible, and with every kind and run of white space as one space.
// macOS stores "é" in file names as two characters (NFD), and copying from web pages adds
// no-break and zero-width spaces. Names are stored and printed as they were written; only
// comparisons use Key. Bytes that are not UTF-8 are kept.
func Key(name string) string {
	if plain(name) {
		return name
	}
	var b strings.Builder
	space := false
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case invisible(r):
		case unicode.IsSpace(r):
			space = true
		default:
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteString(name[i : i+n])
		}
		i += n
	}
	return norm.NFC.String(b.String())
}

// plain reports whether name is printable ASCII with single inner spaces, its own Key.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c > '~' || c == ' ' && (i == 0 || i == len(name)-1 || name[i-1] == ' ') {
			return false
		}
	}
	return true
}

// invisible reports whether r has no shape of its own: zero-width and bidirectional
// controls, soft hyphens, byte order marks. The zero-width joiner and non-joiner change
// how some scripts look, but not which word is meant.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r)
}

// IsLine reports whether s is UTF-8 without line breaks and control characters, as every
// name has to be that is written into a line of a file.
func IsLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}

// Quote returns s safe for a line of a terminal or log: control, bidirectional and
// invisible characters, and bytes that are not UTF-8, become Go escapes such as \n, \x1b
// and \u202e. Everything else is unchanged, without quotation marks.
func Quote(s string) string {
	if strings.IndexFunc(s, unsafe) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch part := s[i : i+n]; {
		case r == utf8.RuneError && n == 1, unsafe(r):
			quoted := strconv.QuoteToASCII(part)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(part)
		}
		i += n
	}
	return b.String()
}

// QuoteJSON returns JSON with the characters of its strings that [Quote] would escape as
// \uXXXX. It stays the same value.
func QuoteJSON(json string) string {
	if strings.IndexFunc(json, unsafeInJSON) < 0 {
		return json
	}
	var b strings.Builder
	for _, r := range json {
		switch r1, r2 := utf16.EncodeRune(r); {
		case !unsafeInJSON(r):
			b.WriteRune(r)
		case r1 != unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u%04x\u%04x`, r1, r2)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// unsafeInJSON leaves out line breaks and tabs, which are outside of strings.
func unsafeInJSON(r rune) bool { return unsafe(r) && r != '\n' && r != '\t' && r != '\r' }

func unsafe(r rune) bool {
	const joiner, nonJoiner = '\u200d', '\u200c' // emoji and Persian need them
	return r != joiner && r != nonJoiner && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')
}

// Escape returns a path as a text for JSON, which cannot hold bytes that are not UTF-8.
// Such a byte becomes \xHH, with lower-case digits, and a backslash before xHH becomes
// \x5c. All other texts are unchanged. [Unescape] is the inverse.
func Escape(path string) string {
	if utf8.ValidString(path) && !strings.Contains(path, `\x`) {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); {
		r, n := utf8.DecodeRuneInString(path[i:])
		if _, isEscape := escapedByte(path[i:]); isEscape || r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, path[i])
		} else {
			b.WriteString(path[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Unescape returns the path that Escape converted to s.
func Unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if c, ok := escapedByte(s[i:]); ok {
			b.WriteByte(c)
			i += len(`\xHH`)
		} else {
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}

// escapedByte returns the byte that s begins with if s begins with \xHH.
func escapedByte(s string) (byte, bool) {
	digit := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	if len(s) < 4 || s[:2] != `\x` || !digit(s[2]) || !digit(s[3]) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:4], 16, 8)
	return byte(n), err == nil
}
