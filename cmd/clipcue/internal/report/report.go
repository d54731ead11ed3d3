// Package report writes results as one self-contained HTML file with its style, charts
// and images. The file loads nothing and runs no script. It follows the browser's
// light or dark mode and fits narrow windows.
package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/text"
)

// FileName is the name of the report in a run folder.
const FileName = "report.html"

// Report is a page. Its strings are plain text; HTML in them is escaped.
type Report struct {
	Title    string
	Verdict  string // the result, as a sentence
	Sections []Section
	Footer   string
}

// Section is a part of the page under a heading. Its non-empty fields are shown in
// their order.
type Section struct {
	Title     string
	Text      string // what was measured, on what
	Figures   []Figure
	Charts    []Chart
	Table     *Table
	Confusion *Confusion
	Classes   []Class
	Strips    []Strip
	Timelines []Timeline
	Values    []Value
	Folded    bool // the reader has to open it
}

// Figure is a number in large type.
type Figure struct{ Name, Value, Note string }

// Table is a table with column headings. Columns of numbers are right-aligned.
type Table struct {
	Columns []string
	Rows    []Row
}

// Row is a row of a table. A row with a single cell in a table of several columns is a
// heading for the rows below it.
type Row struct {
	Cells  []string
	Strong bool
}

// Class is the accuracy on the videos of one class.
type Class struct {
	Label     string
	Videos    int
	Share     float64 // recognized, from 0 to 1
	Confusion string  // what else they were most often taken for
}

// Value is a setting or a property of the data.
type Value struct{ Name, Value string }

// Write writes the page to w. Control and invisible characters of names, and bytes of
// paths that are not UTF-8, are shown as escapes.
func (r *Report) Write(w io.Writer) error {
	return page().Execute(w, text.Map(r, func(s string) string { return text.Quote(text.Escape(s)) }))
}

// WriteFile writes the page to a file, atomically.
func (r *Report) WriteFile(path string) error {
	return atomicfile.Output(filepath.Clean(path), r.Write)
}

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// page is parsed on first use, because most commands write no report.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"style":   func() template.CSS { return template.CSS(styleCSS) },
		"percent": percent,
		"second":  func(t float64) string { return fmt.Sprintf("%.1f s", t) },
		"short":   func(s string) string { return short(s, 240) },
		"uri":     dataURI,
	}).Parse(pageHTML))
})

// percent formats a fraction as a percentage.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// dataURI returns a JPEG or PNG image as a data URI.
func dataURI(picture []byte) template.URL {
	kind := "jpeg"
	if bytes.HasPrefix(picture, []byte("\x89PNG")) {
		kind = "png"
	}
	return template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(picture))
}

// short truncates a text to n runes.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Interval returns the 95 % confidence interval of the fraction k/n (Wilson 1927).
func Interval(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	m, p := float64(n), float64(k)/float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, middle-half), min(1, middle+half)
}

// foldedFrom is the number of rows from which a list is collapsed.
const foldedFrom = 30

// Long reports whether the table is collapsed.
func (t *Table) Long() bool { return len(t.Rows) > foldedFrom }

// Heading reports whether a row is a heading.
func (t *Table) Heading(r Row) bool { return len(r.Cells) == 1 && len(t.Columns) > 1 }

// Number reports whether a column holds numbers.
func (t *Table) Number(column int) bool {
	some := false
	for _, r := range t.Rows {
		if t.Heading(r) || column >= len(r.Cells) || r.Cells[column] == "" || r.Cells[column] == "–" {
			continue
		}
		if c := strings.TrimLeft(r.Cells[column], "+-−±≤≥<> "); c == "" || c[0] < '0' || c[0] > '9' {
			return false
		}
		some = true
	}
	return some
}

// ManyClasses reports whether the list of classes is collapsed.
func (s Section) ManyClasses() bool { return len(s.Classes) > foldedFrom }
