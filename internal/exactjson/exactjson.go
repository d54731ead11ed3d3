// Package exactjson decodes JSON as Python does: names of fields have to be written exactly.
// encoding/json also accepts them in another case, and reads "MEAN" as "mean".
package exactjson

import (
	"github.com/go-json-experiment/json"
	v1 "github.com/go-json-experiment/json/v1"
)

// SyntaxError reports text that is not JSON.
type SyntaxError = v1.SyntaxError

// Unmarshal decodes data into the value that into points to, as encoding/json does in all else.
func Unmarshal(data []byte, into any) error {
	return json.Unmarshal(data, into, v1.DefaultOptionsV1(), json.MatchCaseInsensitiveNames(false))
}
