package jsonl

import (
	"bytes"
	"encoding/json"
	"math"
)

// Float is a number that JSON shows to be no integer: 2 becomes 2.0. Programs such as polars take the type of a
// column from the first lines, and refuse a later 2.5 in a column of integers. NaN becomes null.
type Float float64

// MarshalJSON implements [json.Marshaler].
func (f Float) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) {
		return []byte("null"), nil
	}
	data, err := json.Marshal(float64(f))
	if err == nil && !bytes.ContainsAny(data, ".e") {
		data = append(data, ".0"...)
	}
	return data, err
}
