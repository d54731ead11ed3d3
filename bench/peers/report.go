package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/internal/atomicfile"
)

// Report holds the results of a run.
type Report struct {
	suite.Machine
	Go      string   `json:"go"`
	Size    string   `json:"size"`
	Rounds  int      `json:"rounds"`
	Seconds float64  `json:"seconds"` // minimum duration of each measurement
	Rows    []Row    `json:"rows"`
	Skipped []string `json:"skipped,omitempty"`
}

// Row is a row of the table.
type Row struct {
	What    string  `json:"what"`
	Clipcue float64 `json:"clipcue,omitempty"` // units per second, median; comparisons only
	Peer    string  `json:"peer,omitempty"`
	Theirs  float64 `json:"peers,omitempty"` // the same for the peer
	Unit    string  `json:"unit,omitempty"`
	// Value is the measured value. In a comparison, it is the speed relative to the peer: the
	// ratio of the medians over all rounds, and the extremes of the single rounds' ratios.
	Value Spread `json:"value"`
	Goal  string `json:"goal,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Spread summarizes a value over all rounds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(x []float64) Spread {
	return Spread{suite.Median(x), slices.Min(x), slices.Max(x)}
}

// digits returns the number of decimals to print.
func digits(v float64) int {
	switch {
	case v >= 100:
		return 0
	case v >= 10:
		return 1
	}
	return 2
}

func (s Spread) String() string {
	digits := digits(s.Median)
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, s.Median, digits, s.Min, digits, s.Max)
}

func (r *Report) add(row Row) { r.Rows = append(r.Rows, row) }

func (r *Report) skip(why string) {
	say("skipped: %s", why)
	r.Skipped = append(r.Skipped, why)
}

// ratio adds a comparison, unless a side is nil.
func (r *Report) ratio(what, unit string, ours, theirs *side, goal, note string) {
	if ours == nil || theirs == nil {
		return
	}
	var a, b, ratios []float64
	for i, x := range ours.samples {
		y := theirs.samples[i]
		a, b, ratios = append(a, x.Seconds), append(b, y.Seconds), append(ratios, y.Seconds/x.Seconds)
	}
	value := spreadOf(ratios)
	value.Median = suite.Median(b) / suite.Median(a)
	r.add(Row{What: what, Clipcue: 1 / suite.Median(a), Peer: theirs.name, Theirs: 1 / suite.Median(b), Unit: unit,
		Value: value, Goal: goal, Note: note})
}

func rate(v float64, unit string) string { return fmt.Sprintf("%.*f %s", digits(v), v, unit) }

// cells returns the rows of the table, starting with the heading.
func (r *Report) cells() [][]string {
	out := [][]string{{"what", "clipcue", "peer", "", "result (min–max)", "goal"}}
	for _, x := range r.Rows {
		what := x.What
		if x.Note != "" {
			what += " (" + x.Note + ")"
		}
		if x.Peer == "" {
			out = append(out, []string{what, "", "", "", strings.TrimSpace(x.Value.String() + " " + x.Unit), x.Goal})
			continue
		}
		out = append(out, []string{what, rate(x.Clipcue, x.Unit), x.Peer,
			rate(x.Theirs, x.Unit), x.Value.String() + " ×", x.Goal})
	}
	return out
}

// about describes the machine and the measurement.
func (r *Report) about() string {
	return fmt.Sprintf("%s, %s, %d threads, %s; %d rounds of %g s", r.CPU, r.Backend, r.Threads, r.Go, r.Rounds, r.Seconds)
}

func (r *Report) table(out io.Writer) error {
	fmt.Fprintf(out, "%s\n\n", r.about())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, line := range r.cells() {
		text := strings.Join(line, "\t")
		if i == 0 {
			text = strings.ToUpper(text)
		}
		fmt.Fprintln(w, text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(out, "skipped: %s\n", s)
	}
	return nil
}

const (
	readmePath = "bench/README.md"
	begin      = "<!-- begin: written by go run ./bench/peers --readme -->\n"
	end        = "<!-- end -->\n"
)

// markdown returns the table in the format of the README.
func (r *Report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\n", r.about())
	for i, line := range r.cells() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintln(&b, strings.Repeat("|---", len(line))+"|")
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "\nSkipped: %s.\n", s)
	}
	return b.String()
}

// writeReadme replaces the table between the marks in a file.
func (r *Report) writeReadme(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := between(string(old), r.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteBytes(path, []byte(text))
}

// between replaces the text between the marks by a table.
func between(text, table string) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("the marks %q and %q are missing", begin, end)
	}
	return before + begin + "\n" + table + "\n" + end + after, nil
}
