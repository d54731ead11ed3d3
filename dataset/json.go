package dataset

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// maxJSON is the limit of a JSON file, which is in memory as a whole. ActivityNet's has 11
// MB, MSR-VTT's up to 100 MB.
const maxJSON = 1 << 30

// readJSON reads a JSON file for [exactjson.Unmarshal], with [input.QuoteNumbers] applied. It returns an
// error for a file with so many objects that it would take a multiple of its size as
// memory.
func readJSON(r io.Reader, name string) ([]byte, error) {
	var text []byte
	requested := 0
	for part := make([]byte, 1<<16); ; {
		n, err := r.Read(part)
		text = append(text, part[:n]...)
		if len(text) > requested {
			requested = 2 * len(text)
			release, err := memory.Request(4*int64(requested), name)
			if err != nil {
				return nil, err
			}
			release() // only the decision to continue depends on it
		}
		switch {
		case len(text) > maxJSON:
			return nil, fmt.Errorf("%s: %w: more than %d bytes", name, ErrNotAnnotations, maxJSON)
		case errors.Is(err, io.EOF):
			if err := checkObjects(text, name); err != nil {
				return nil, err
			}
			return input.QuoteNumbers(text), nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// checkObjects returns an error for JSON text with implausibly many objects.
func checkObjects(text []byte, name string) error {
	objects := rowCount{rows: int64(bytes.Count(text, []byte("{"))), bytes: int64(len(text))}
	if err := objects.add(0); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// decodeLine decodes the JSON object of one line. A key that v does not have is an error
// if strict.
func decodeLine(text string, v any, strict bool) error {
	d := json.NewDecoder(bytes.NewReader(input.QuoteNumbers([]byte(text))))
	var object json.RawMessage
	if err := d.Decode(&object); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one object in a line")
	}
	if strict {
		return exactjson.UnmarshalKnown(object, v)
	}
	return exactjson.Unmarshal(object, v)
}

// jsonError adds what was expected to an error of the JSON decoder.
func jsonError(err error, expected string) error {
	if mistyped, ok := errors.AsType[*exactjson.TypeError](err); ok {
		return fmt.Errorf("%s cannot be a %s; expected %s", cmp.Or(strings.ToLower(mistyped.Field), "the value"), mistyped.Value, expected)
	}
	return fmt.Errorf("%s; expected %s", strings.ReplaceAll(err.Error(), "\n", " "), expected)
}

// jsonList is a list in JSON that is decoded one item at a time. Reading it ends at the first
// item that is null or has another type, which encoding/json would accept.
type jsonList[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *jsonList[T]) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		if open == nil && err == nil { // null
			return nil
		}
		return errors.New("not a list")
	}
	for n := 1; d.More(); n++ {
		var item *T
		var text json.RawMessage
		err := d.Decode(&text)
		if err == nil {
			err = exactjson.Unmarshal(text, &item)
		}
		if wrong, ok := errors.AsType[*exactjson.TypeError](err); ok {
			return fmt.Errorf("item %d: %s cannot be a %s", n, cmp.Or(wrong.Field, "an object"), wrong.Value)
		}
		if err != nil {
			return err
		}
		if item == nil {
			return fmt.Errorf("item %d is null", n)
		}
		*l = append(*l, *item)
	}
	return nil
}

// jsonSegment is a list of two times in JSON.
type jsonSegment struct {
	times [2]jsonNumber
	n     int // length of the list
}

// UnmarshalJSON implements json.Unmarshaler. A list of another length is no error, so that
// the caller can report the number of the segment.
func (s *jsonSegment) UnmarshalJSON(b []byte) error {
	if s.n = bytes.Count(b, []byte(",")) + 1; s.n > len(s.times) {
		return nil
	}
	var times []jsonNumber
	err := exactjson.Unmarshal(b, &times)
	s.n = copy(s.times[:], times)
	return err
}

// jsonNumber is a number in JSON, or a string with a number. It may be NaN or infinite,
// which the caller checks for each video.
type jsonNumber float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *jsonNumber) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := exactjson.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	t, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("time %s is not a number of seconds", text)
	}
	*n = jsonNumber(t)
	return nil
}

// plainTime is a number in JSON that may be NaN or infinite, and not a string.
type plainTime float64

// UnmarshalJSON implements json.Unmarshaler.
func (t *plainTime) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' && input.NotNumber(b[1:]) == "" {
		return fmt.Errorf("time %s is a string and not a number", b)
	}
	return (*jsonNumber)(t).UnmarshalJSON(b)
}

// Seconds is a time in JSON: a number, or a string with one.
type Seconds float64

// UnmarshalJSON returns an error for a time that is not a finite number.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var n jsonNumber
	if err := n.UnmarshalJSON(b); err != nil {
		return err
	}
	if t := float64(n); math.IsNaN(t) || math.IsInf(t, 0) {
		return fmt.Errorf("time %s is not a number of seconds", b)
	}
	*s = Seconds(n)
	return nil
}
