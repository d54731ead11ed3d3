package text

import "bytes"

// Separator returns what separates the columns in the first line of a table: a comma, or a semicolon or
// a tab if it has no comma.
func Separator(table []byte) rune {
	line, _, _ := bytes.Cut(table, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(line, c) {
			return c
		}
	}
	return ','
}
