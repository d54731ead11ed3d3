package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// maxJSON is the size in bytes of the largest configuration or index.
const maxJSON = 16 << 20

// readJSON reads a JSON file that belongs to a model.
func readJSON(path string, into any) error {
	data, err := input.ReadFile(path, maxJSON)
	if err != nil {
		return err
	}
	return decodeJSON(data, into)
}

// decodeJSON decodes JSON in UTF-8 or UTF-16, with or without a byte order mark.
func decodeJSON(data []byte, into any) error {
	data, err := toUTF8(data)
	if err != nil {
		return err
	}
	err = exactjson.Unmarshal(data, into)
	bad, ok := errors.AsType[*exactjson.SyntaxError](err)
	if !ok {
		return err
	}
	at := max(0, min(int(bad.Offset), len(data)))
	if at > 0 && at < len(data) && data[at-1] == '-' {
		at--
	}
	line := 1 + bytes.Count(data[:at], []byte("\n"))
	// Python writes numbers that JSON does not have.
	if word := python.Find(data[at:]); word != nil {
		return fmt.Errorf("line %d: the value %s is not a number that JSON allows", line, word)
	}
	return fmt.Errorf("line %d: %w", line, err)
}

var python = regexp.MustCompile(`^-?(NaN|Infinity|nan|inf)\b`)

// toUTF8 returns text without its byte order mark, in UTF-8.
func toUTF8(data []byte) ([]byte, error) {
	decoder := unicode.BOMOverride(transform.Nop)
	switch { // JSON begins with an ASCII character
	case len(data) > 1 && data[0] == 0:
		decoder = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	case len(data) > 1 && data[1] == 0:
		decoder = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	}
	data, _, err := transform.Bytes(decoder, data)
	return data, err
}
