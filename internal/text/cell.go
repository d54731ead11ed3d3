package text

import "strings"

// Cell returns a text for a cell of a spreadsheet. Spreadsheets run a text that begins with
// one of formulaStart, unless an apostrophe precedes it.
func Cell(s string) string {
	if isFormula(s) {
		return "'" + s
	}
	return s
}

// Uncell returns the text of which Cell made s.
func Uncell(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && isFormula(rest) {
		return rest
	}
	return s
}

const formulaStart = "=+-@\t\r\n＝＋－＠"

// isFormula reports whether s is a formula for a spreadsheet, or the cell of one.
func isFormula(s string) bool {
	s = strings.TrimLeft(s, "'")
	return s != "" && strings.ContainsRune(formulaStart, []rune(s)[0])
}
