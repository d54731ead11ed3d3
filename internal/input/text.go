package input

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
)

// DecodeText returns r without a byte order mark. Text that starts with the mark of UTF-16
// is converted to UTF-8.
func DecodeText(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	start, _ := b.Peek(3)
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(b)
	}
	return b
}

// QuoteNumbers returns JSON text with the numbers that JSON does not have, as Python writes
// them, in quotation marks: NaN, Infinity and -Infinity. Then a type that reads strings can
// tell where they are; for encoding/json, the whole text would be invalid.
func QuoteNumbers(text []byte) []byte {
	var out []byte
	done, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == 'N' || c == 'I' || c == '-'):
			if word := NotNumber(text[i:]); word != "" {
				out = append(append(out, text[done:i]...), `"`+word+`"`...)
				i += len(word) - 1
				done = i + 1
			}
		}
	}
	if out == nil {
		return text
	}
	return append(out, text[done:]...)
}

// NotNumber returns the number that JSON does not have at the start of text, or "".
func NotNumber(text []byte) string {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return word
		}
	}
	return ""
}
