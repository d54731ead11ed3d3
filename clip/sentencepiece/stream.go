package sentencepiece

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// newDecoder returns a decoder of JSON that encoding/json accepts.
func newDecoder(data []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// readText appends the next value, a text, to b.
func readText(d *jsontext.Decoder, b []byte) ([]byte, error) {
	value, err := d.ReadValue()
	if err != nil {
		return b, err
	}
	return jsontext.AppendUnquote(b, value)
}

// eachMerge calls f with the pairs of tokens in a list of merges: ["left right"], or in newer files
// [["left","right"]]. The texts are valid until f returns.
func eachMerge(list []byte, f func(rank int, left, right []byte) error) error {
	if len(list) == 0 || string(list) == "null" {
		return nil
	}
	d := newDecoder(list)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return errors.New("the merges are not a list")
	}
	var parts [2][]byte
	for rank := 0; d.PeekKind() != ']'; rank++ {
		n, err := readPair(d, &parts)
		switch {
		case err != nil:
			return fmt.Errorf("the merges: %w", err)
		case n != len(parts):
			return fmt.Errorf("merge %d has %d tokens, not 2", rank, n)
		}
		if err := f(rank, parts[0], parts[1]); err != nil {
			return err
		}
	}
	return nil
}

// readPair reads the next merge, and returns the number of its tokens.
func readPair(d *jsontext.Decoder, parts *[2][]byte) (n int, err error) {
	if d.PeekKind() == '"' {
		text, err := readText(d, parts[0][:0])
		left, right, _ := bytes.Cut(text, []byte(" "))
		parts[0], parts[1] = left, append(parts[1][:0], right...)
		return 1 + bytes.Count(text, []byte(" ")), err
	}
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return 0, errors.Join(errors.New("a merge is neither a text nor a list"), err)
	}
	var other []byte
	for ; d.PeekKind() != ']'; n++ {
		into := &other
		if n < len(parts) {
			into = &parts[n]
		}
		if *into, err = readText(d, (*into)[:0]); err != nil {
			return n, err
		}
	}
	_, err = d.ReadToken()
	return n, err
}
