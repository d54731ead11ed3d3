// Package jsonl writes tables as lines of JSON.
package jsonl

import (
	"encoding/json"
	"io"
	"iter"
)

// Write writes a line for each row.
func Write[T any](w io.Writer, rows iter.Seq2[T, error]) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for row, err := range rows {
		if err == nil {
			err = out.Encode(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
