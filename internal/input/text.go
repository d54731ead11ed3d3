package input

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/memory"
	"golang.org/x/text/encoding/unicode"
)

// DecodeText returns r without a byte order mark. Text that starts with the mark of UTF-16
// is converted to UTF-8. Lines that end with a carriage return only get line feeds instead.
func DecodeText(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	start, _ := b.Peek(3)
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		b = bufio.NewReader(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(b))
	}
	start, _ = b.Peek(b.Size())
	if at := bytes.IndexByte(start, '\r'); at >= 0 && at < len(start)-1 && !bytes.Contains(start, []byte("\n")) {
		return returns{b}
	}
	return b
}

// returns reads carriage returns as line feeds.
type returns struct{ io.Reader }

func (r returns) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// ErrNotText reports a file that holds other data than text in UTF-8 or marked UTF-16.
var ErrNotText = errors.New("not UTF-8 text")

// ReadText returns the content of the regular file at path, of at most limit bytes, as UTF-8
// without a byte order mark. The memory is requested from the budget while the file is read.
// Text in another encoding gives an *fs.PathError around ErrNotText.
func ReadText(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	release, err := memory.Request(min(info.Size(), limit), path)
	if err != nil {
		return nil, err
	}
	defer release()
	data, err := ReadFile(path, limit)
	if err != nil {
		return nil, err
	}
	if data, err = io.ReadAll(DecodeText(bytes.NewReader(data))); err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	if !utf8.Valid(data) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNotText}
	}
	return data, nil
}

// Unmarshal decodes JSON text with [exactjson.Unmarshal]. Its errors are those of [Explain].
func Unmarshal(text []byte, v any) error { return Explain(exactjson.Unmarshal(text, v)) }

// Explain returns an error of package exactjson without names of Go types, such as: "clips" at byte 7 is a list instead
// of an object. A [*exactjson.TypeError] stays in its chain; other errors are unchanged.
func Explain(err error) error {
	if wrong, ok := errors.AsType[*exactjson.TypeError](err); ok {
		return mistyped{wrong}
	}
	return err
}

type mistyped struct{ *exactjson.TypeError }

func (m mistyped) Unwrap() error { return m.TypeError }

func (m mistyped) Error() string {
	what := "the value"
	if m.Field != "" {
		what = fmt.Sprintf("%.200q", m.Field)
	}
	kind := m.Type.Kind()
	want := cmp.Or(goKinds[kind], "a number")
	if kind >= reflect.Int && kind <= reflect.Uint64 {
		want = "an integer"
	}
	value := cmp.Or(jsonTypes[m.Value], "the "+m.Value) // such as the number 1.5
	return fmt.Sprintf("%s at byte %d is %s instead of %s", what, m.Offset, value, want)
}

var (
	jsonTypes = map[string]string{"array": "a list", "object": "an object", "string": "a string", "number": "a number", "bool": "true or false"}
	goKinds   = map[reflect.Kind]string{reflect.Slice: "a list", reflect.Array: "a list", reflect.Struct: "an object", reflect.Map: "an object",
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Interface: "another value"}
)

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

// MaxQuery is the size limit of a text to encode, in bytes. Models read its first hundreds of tokens at most.
const MaxQuery = 64 << 10

// Errors of [CheckQuery].
var (
	ErrQueryText = errors.New("the text is not UTF-8")
	ErrLongQuery = errors.New("the text is too long")
)

// CheckQuery returns an error for a text to encode that has more than [MaxQuery] bytes, or that is not UTF-8. The
// replacement character U+FFFD counts as such a fault: decoders of JSON write it for bytes and surrogates without a meaning.
func CheckQuery(s string) error {
	switch {
	case len(s) > MaxQuery:
		return fmt.Errorf("%w: %d bytes, more than %d", ErrLongQuery, len(s), MaxQuery)
	case !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError):
		return fmt.Errorf("%w: %.100q", ErrQueryText, s)
	}
	return nil
}
