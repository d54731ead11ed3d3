// Package exactjson decodes JSON as its writer means it: names of fields have to be written exactly, and an
// object must not have a name twice. encoding/json also accepts names in another case, reads "MEAN" as "mean",
// and takes the last of several.
package exactjson

import (
	"errors"

	"github.com/go-json-experiment/json"
	v1 "github.com/go-json-experiment/json/v1"
)

// Errors of the decoder.
type (
	// SyntaxError reports text that is not JSON.
	SyntaxError = v1.SyntaxError
	// TypeError reports a value of another type than that of its field.
	TypeError = v1.UnmarshalTypeError
)

// Unmarshal decodes data into the value that into points to, as encoding/json does in all else. Names that no field
// has are ignored. A name that is twice in an object, or that a field has in another case besides the right one, is
// an error.
func Unmarshal(data []byte, into any) error { return unmarshal(data, into, false) }

// UnmarshalKnown is Unmarshal, with an error for names that no field has.
func UnmarshalKnown(data []byte, into any) error { return unmarshal(data, into, true) }

// Bool is true or false. Null, which encoding/json ignores, is an error.
type Bool bool

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bool) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return errors.New("a value is null instead of true or false")
	}
	return unmarshal(data, (*bool)(b), false)
}

func unmarshal(data []byte, into any, known bool) error {
	if err := check(data, into); err != nil {
		return err
	}
	return json.Unmarshal(data, into, v1.DefaultOptionsV1(), json.MatchCaseInsensitiveNames(false), json.RejectUnknownMembers(known))
}
