package bpe

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// The marks as spelled in text.
const (
	startMark = "<|startoftext|>"
	endMark   = "<|endoftext|>"
)

// Marks returns the marks at the start and at the end of texts, as spelled in text.
func Marks() (start, end string) { return startMark, endMark }

// Cleaning is how a tokenizer prepares a text. All forms repair characters, resolve HTML entities
// and replace white space by single spaces.
//
// CLIP repairs text with the Python package ftfy. This is the part of ftfy that looks at
// single characters, without its guesses at text that was decoded with a wrong character
// set.
type Cleaning string

// The forms of cleaning, by OpenCLIP's names.
const (
	Lower        Cleaning = "lower"        // lower case: CLIP's own
	Whitespace   Cleaning = "whitespace"   // nothing else
	Canonicalize Cleaning = "canonicalize" // lower case, without punctuation
)

// Transformers is the cleaning of Transformers' CLIPTokenizerFast, which repairs nothing: lower
// case of each character, and single spaces. No configuration names it.
const Transformers Cleaning = "transformers"

// Cleanings lists the forms that configurations name.
var Cleanings = []Cleaning{Lower, Whitespace, Canonicalize}

// Clean prepares text.
func (c Cleaning) Clean(text string) string {
	if c == Transformers {
		each := cases.Lower(language.Und, cases.HandleFinalSigma(false))
		text = each.String(norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD")))
		return strings.Join(strings.FieldsFunc(text, isSpace), " ")
	}
	text = basic(text)
	if c == Canonicalize {
		text = strings.Map(dropPunctuation, strings.ReplaceAll(text, "_", " "))
	}
	if c != Whitespace {
		text = cases.Lower(language.Und).String(text)
	}
	return strings.Join(strings.FieldsFunc(text, isSpace), " ")
}

// basic repairs characters and resolves HTML entities.
func basic(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.Contains(text, "<") { // else the entities may be meant
		text = html.UnescapeString(text)
	}
	return html.UnescapeString(html.UnescapeString(repair(text)))
}

// dropPunctuation removes ASCII's punctuation.
func dropPunctuation(r rune) rune {
	if r < 0x80 && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
		return -1
	}
	return r
}

// isSpace reports whether Python's \s matches.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// repair performs the steps of ftfy in its order.
func repair(text string) string {
	text = windows1252.Replace(text)
	text = ligatures.Replace(text)
	text = strings.Map(straighten, standardWidth(text))
	text = terminalEscape.ReplaceAllString(text, "")
	text = strings.Map(dropControl, text)
	return norm.NFC.String(text)
}

// windows1252 maps the control characters U+0080–U+009F to the characters that Windows
// shows for these bytes.
var windows1252 = func() *strings.Replacer {
	var pairs []string
	for i, r := range []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ") {
		pairs = append(pairs, string(rune(0x80+i)), string(r))
	}
	return strings.NewReplacer(pairs...)
}()

// ligatures splits Latin ligatures and digraphs.
var ligatures = strings.NewReplacer(
	"Ĳ", "IJ", "ĳ", "ij", "ŉ", "ʼn",
	"Ǳ", "DZ", "ǲ", "Dz", "ǳ", "dz", "Ǆ", "DŽ", "ǅ", "Dž", "ǆ", "dž",
	"Ǉ", "LJ", "ǈ", "Lj", "ǉ", "lj", "Ǌ", "NJ", "ǋ", "Nj", "ǌ", "nj",
	"ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "ſt", "ﬆ", "st",
)

// standardWidth replaces half-width and full-width forms.
func standardWidth(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\u3000':
			out.WriteByte(' ')
		case r >= '\uff01' && r < '\ufff0':
			out.WriteString(norm.NFKC.String(string(r)))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// straighten replaces curly quotes.
func straighten(r rune) rune {
	switch {
	case r == '\u02bc' || r >= '\u2018' && r <= '\u201b':
		return '\''
	case r >= '\u201c' && r <= '\u201f':
		return '"'
	}
	return r
}

// terminalEscape matches an ANSI sequence that colors a terminal's text.
var terminalEscape = regexp.MustCompile(`\x1b\[[0-9;]*[a-zA-Z]`)

// dropControl removes characters that neither print nor separate.
func dropControl(r rune) rune {
	switch {
	case r < 0x20 && !strings.ContainsRune("\t\n\f\r", r), r == 0x7f,
		r >= '\u206a' && r <= '\u206f', r == '\ufeff', r >= '\ufff9' && r <= '\ufffc':
		return -1
	}
	return r
}

// wholeWords are words wherever they begin.
var wholeWords = []string{startMark, endMark, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// nextWord splits a cleaned text after its first word: one of wholeWords, letters, one
// digit, or other characters. White space gives "".
func nextWord(text string) (word, rest string) {
	for _, w := range wholeWords {
		if strings.HasPrefix(text, w) {
			return w, text[len(w):]
		}
	}
	first, end := utf8.DecodeRuneInString(text)
	if isSpace(first) {
		return "", text[end:]
	}
	if class := classOf(first); class != number {
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if isSpace(r) || classOf(r) != class {
				break
			}
			end += size
		}
	}
	return text[:end], text[end:]
}

// The classes of characters that make words.
const (
	letter = iota
	number
	other
)

func classOf(r rune) int {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.Is(unicode.N, r):
		return number
	}
	return other
}

// Plain returns text as Transformers' SiglipTokenizer cleans it: without punctuation, with single
// spaces, and in lower case if lower is set.
func Plain(text string, lower bool) string {
	if lower {
		text = cases.Lower(language.Und).String(text)
	}
	return strings.Join(strings.FieldsFunc(strings.Map(dropPunctuation, text), isSpace), " ")
}
