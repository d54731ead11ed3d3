package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/internal/atomicfile"
)

// Results are those of one part, measured with one instruction set.
type Results struct {
	Part string `json:"part"`
	suite.Machine
	Go      string  `json:"go"`
	Rounds  int     `json:"rounds"`
	Seconds float64 `json:"seconds"` // minimum duration of each measurement
	// Others is the largest share of the processors that other programs used during a
	// measurement.
	Others  float64  `json:"others"`
	Rows    []Row    `json:"rows"`
	Skipped []string `json:"skipped,omitempty"`
}

// Row is a row of the table: clipcue and a peer, or clipcue alone.
type Row struct {
	What     string  `json:"what"`
	Unit     string  `json:"unit,omitempty"`
	Clipcue  float64 `json:"clipcue,omitempty"` // units per second, median; comparisons only
	Note     string  `json:"note,omitempty"`    // about clipcue's result
	Peer     string  `json:"peer,omitempty"`
	Theirs   float64 `json:"theirs,omitempty"` // as Clipcue
	PeerNote string  `json:"peer_note,omitempty"`
	Counts   bool    `json:"counts,omitempty"` // the peer's result is good enough for the goal
	// Value is the measured value. In a comparison, it is the speed relative to the peer: the
	// ratio of the medians over all rounds, and the extremes of the single rounds' ratios.
	Value Spread `json:"value"`
	Goal  string `json:"goal,omitempty"`
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

// median returns the median rate of measurements, per second.
func median(samples []sample) float64 {
	var x []float64
	for _, s := range samples {
		x = append(x, s.Seconds)
	}
	return 1 / suite.Median(x)
}

// ratio returns how much faster our measurements are than theirs.
func ratio(ours, theirs []sample) Spread {
	var ratios []float64
	for i, x := range ours {
		ratios = append(ratios, theirs[i].Seconds/x.Seconds)
	}
	s := spreadOf(ratios)
	s.Median = median(ours) / median(theirs)
	return s
}

// note describes the quality of a result, and the use of the machine.
func note(r ready, samples []sample) string {
	var parts, shares = []string{}, []float64{}
	for _, s := range samples {
		shares = append(shares, s.Share)
	}
	if share := suite.Median(shares); share > 0 {
		parts = append(parts, fmt.Sprintf("%.0f %% of peak", 100*share))
	}
	if r.Cosine > 0 {
		parts = append(parts, fmt.Sprintf("cosine %s", down(r.Cosine)))
	}
	if r.Recall > 0 {
		parts = append(parts, fmt.Sprintf("recall %s", down(r.Recall)))
	}
	if r.Build > 0 {
		parts = append(parts, fmt.Sprintf("built in %.0f s", r.Build))
	}
	return strings.Join(parts, ", ")
}

// down rounds a share down to four digits, so that 0.99999 does not look like 1.
func down(v float64) string { return fmt.Sprintf("%.4f", math.Floor(1e4*v)/1e4) }

func (r *Results) add(row Row) { r.Rows = append(r.Rows, row) }

func (r *Results) skip(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	say("skipped: %s", why)
	r.Skipped = append(r.Skipped, why)
}

func rate(v float64, unit, note string) string {
	text := fmt.Sprintf("%.*f %s", digits(v), v, unit)
	if note != "" {
		text += " (" + note + ")"
	}
	return text
}

// cells returns the cells of a row. What the row before it has is not repeated.
func (x Row) cells(before Row) []string {
	if x.Peer == "" {
		return []string{x.What, "", "", "", strings.TrimSpace(x.Value.String() + " " + x.Unit), x.Goal}
	}
	what, ours := x.What, rate(x.Clipcue, x.Unit, x.Note)
	if before.What == x.What && before.Clipcue == x.Clipcue {
		what, ours = "", ""
	}
	return []string{what, ours, x.Peer, rate(x.Theirs, x.Unit, x.PeerNote), x.Value.String() + " ×", x.Goal}
}

// markdown returns a table of the results of one part or of several.
func markdown(all ...*Results) string {
	var b strings.Builder
	var skipped []string
	fmt.Fprintln(&b, "| what | clipcue | peer | | result (min–max) | goal |\n|---|---|---|---|---|---|")
	for _, r := range all {
		var before Row
		for _, x := range r.Rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(x.cells(before), " | "))
			before = x
		}
		skipped = append(skipped, r.Skipped...)
	}
	slices.Sort(skipped)
	for _, s := range slices.Compact(skipped) {
		fmt.Fprintf(&b, "\nSkipped: %s.\n", s)
	}
	return b.String()
}

// about describes how parts were measured: once for those that were measured alike.
func about(all []*Results) string {
	var lines []string
	parts := map[string][]string{}
	for _, r := range all {
		line := fmt.Sprintf("%s, %s, %d threads, %s; %d rounds of %g s", r.CPU, r.Backend, r.Threads, r.Go, r.Rounds, r.Seconds)
		if parts[line] == nil {
			lines = append(lines, line)
		}
		parts[line] = append(parts[line], r.Part)
	}
	for i, line := range lines {
		if len(lines) > 1 {
			line += ": " + strings.Join(parts[line], ", ")
		}
		lines[i] = line + "."
	}
	text := strings.Join(lines, " ")
	for _, r := range all {
		if r.Others > disturbed {
			text += fmt.Sprintf(" During %s, other programs used up to %.0f %% of the processors.", r.Part, 100*r.Others)
		}
	}
	return text
}

// disturbed is the share of the processors from which on other programs distort a measurement.
const disturbed = 0.05

func resultsDir(size, backend string) string {
	return filepath.Join(workDir, "results", strings.ReplaceAll(size, "/", "-"), backend)
}

// store writes the results to a file of their part.
func (r *Results) store(size string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	dir := resultsDir(size, r.Backend)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, r.Part+".json"), text)
}

// stored returns the stored results of an instruction set, in the order of the parts.
func stored(size, backend string) (all []*Results, err error) {
	for _, part := range partNames() {
		text, err := os.ReadFile(filepath.Join(resultsDir(size, backend), part+".json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := &Results{}
		if err := json.Unmarshal(text, r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

const (
	readmePath = "bench/README.md"
	begin      = "<!-- begin: written by go run ./bench/peers --readme -->\n"
	end        = "<!-- end -->\n"
)

// writeReadme replaces the tables between the marks in a file by the stored results: one table for
// each instruction set.
func writeReadme(path, size string) error {
	var tables []string
	for _, backend := range []string{"avx512", "avx2", "neon", "generic"} {
		all, err := stored(size, backend)
		if err != nil {
			return err
		}
		if len(all) > 0 {
			tables = append(tables, about(all)+"\n\n"+markdown(all...))
		}
	}
	if len(tables) == 0 {
		return fmt.Errorf("there are no results of %s in %s: measure first", size, workDir)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := between(string(old), strings.Join(tables, "\n"))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteBytes(path, []byte(text))
}

// between replaces the text between the marks.
func between(text, tables string) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("the marks %q and %q are missing", begin, end)
	}
	return before + begin + "\n" + tables + "\n" + end + after, nil
}
