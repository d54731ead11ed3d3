package localization

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// Detection is a segment of a video with a class and a score.
type Detection struct {
	Label string // "" for a proposal
	Score float64
	video.Span
}

// MarshalJSON returns ActivityNet's form: {"label": …, "score": …, "segment": [start, end]}.
func (d Detection) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the outer encoder decides whether to escape
	err := e.Encode(struct {
		Label   string     `json:"label,omitempty"`
		Score   float64    `json:"score"`
		Segment [2]float64 `json:"segment"`
	}{d.Label, d.Score, [2]float64{d.Start, d.End}})
	return b.Bytes(), err
}

// compare orders detections by decreasing score.
func (d Detection) compare(e Detection) int {
	return cmp.Or(cmp.Compare(e.Score, d.Score), cmp.Compare(d.Start, e.Start), cmp.Compare(d.End, e.End), cmp.Compare(d.Label, e.Label))
}

// Results holds the detections or proposals of videos by path or id.
type Results map[string][]Detection

// resultsFile is ActivityNet's JSON format of results.
type resultsFile struct {
	Version  string         `json:"version"`
	Results  Results        `json:"results"`
	External map[string]any `json:"external_data"`
}

// Write writes results as ActivityNet's JSON:
// {"version": …, "results": {id: [{"label": …, "score": …, "segment": [start, end]}]}, "external_data": {}}.
// A byte of an id that is not UTF-8 is written as \xHH, and read back.
func (r Results) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(resultsFile{"1.3", text.Map(r, text.Escape), map[string]any{}})
}

// WriteFile writes results atomically: as CSV with the header video,start,end,label,score if
// the path ends in .csv, otherwise as ActivityNet's JSON.
func (r Results) WriteFile(path string) error {
	write := r.Write
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		write = r.WriteCSV
	}
	return atomicfile.Output(path, write)
}

// WriteCSV writes results as CSV with the header video,start,end,label,score. Names that
// a spreadsheet would run as a formula begin with an apostrophe, which it does not show.
func (r Results) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"video", "start", "end", "label", "score"})
	for _, id := range slices.Sorted(maps.Keys(r)) {
		for _, d := range r[id] {
			start, end := decimal(d.Start), decimal(d.End)
			if start == end { // a segment without length could not be read back
				start, end = fmt.Sprint(d.Start), fmt.Sprint(d.End)
			}
			c.Write([]string{text.Cell(id), start, end, text.Cell(d.Label), strconv.FormatFloat(d.Score, 'g', 6, 64)})
		}
	}
	c.Flush()
	return c.Error()
}

// decimal formats a time to the millisecond.
func decimal(t float64) string { return strconv.FormatFloat(math.Round(t*1000)/1000, 'f', -1, 64) }

// ReadResults reads detections, or proposals, which have no label, of clipcue or another
// program: ActivityNet's JSON, or CSV with the columns video, start, end, score and
// optionally label. It sorts those of each video by decreasing score.
func ReadResults(path string) (Results, error) {
	content, err := input.ReadText(path, largest)
	if err != nil {
		return nil, err
	}
	parse := parseResults
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		parse = parseResultsCSV
	}
	r, err := parse(content, path)
	if err != nil {
		return nil, err
	}
	for _, found := range r {
		slices.SortStableFunc(found, Detection.compare)
	}
	return r, nil
}

// ReadProposals reads results to be classified. Their scores must be from 0 to 1, because
// they are multiplied by probabilities; a negative score would favor the least probable
// class. Otherwise the error wraps [ErrScoreRange].
func ReadProposals(path string) (Results, error) {
	r, err := ReadResults(path)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(r)) {
		for _, d := range r[id] {
			if !(d.Score >= 0 && d.Score <= 1) {
				return nil, fmt.Errorf("%s: video %q: the proposal from %g to %g s has score %g: %w", path, id, d.Start, d.End, d.Score, ErrScoreRange)
			}
		}
	}
	return r, nil
}

// largest is the maximum size of a file of results, which is held in memory.
const largest = 4 << 30

func parseResults(content []byte, name string) (Results, error) {
	var in struct {
		Results map[string][]struct {
			Label   string            `json:"label"`
			Score   *float64          `json:"score"`
			Segment []dataset.Seconds `json:"segment"`
		} `json:"results"`
	}
	if err := input.Unmarshal(input.QuoteNumbers(content), &in); err != nil {
		return nil, fmt.Errorf("%s: not results in ActivityNet's shape: %w", name, err)
	}
	if in.Results == nil {
		return nil, fmt.Errorf(`%s: no results in ActivityNet's shape, {"results": {id: [{"score": …, "segment": [start, end]}]}}`, name)
	}
	out := Results{}
	for id, found := range in.Results {
		all := make([]Detection, len(found))
		for i, x := range found {
			if x.Score == nil || len(x.Segment) != 2 {
				return nil, fmt.Errorf("%s: video %q: detection %d has no score or no segment [start, end]", name, id, i+1)
			}
			all[i] = Detection{strings.TrimSpace(x.Label), *x.Score, video.Span{Start: float64(x.Segment[0]), End: float64(x.Segment[1])}}
			if err := all[i].check(); err != nil {
				return nil, fmt.Errorf("%s: video %q: detection %d: %w", name, id, i+1, err)
			}
		}
		out[text.Unescape(id)] = all
	}
	return out, nil
}

func parseResultsCSV(content []byte, name string) (Results, error) {
	c := csv.NewReader(bytes.NewReader(content))
	c.Comma = text.Separator(content)
	c.TrimLeadingSpace = c.Comma != '\t' // an empty field would be trimmed with its tab
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; the first line must name the columns video,start,end,score and may add label", name, err)
	}
	at := map[string]int{}
	for i, column := range header {
		column = strings.ToLower(strings.TrimSpace(column))
		if _, twice := at[column]; twice {
			return nil, fmt.Errorf("%s:1: there are two columns %q", name, column)
		}
		at[column] = i
	}
	for _, column := range []string{"video", "start", "end", "score"} {
		if _, ok := at[column]; !ok {
			return nil, fmt.Errorf("%s:1: column %q is missing; the first line must name the columns video,start,end,score and may add label", name, column)
		}
	}
	out := Results{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		var n [3]float64
		for i, column := range []string{"start", "end", "score"} {
			if n[i], err = strconv.ParseFloat(strings.TrimSpace(row[at[column]]), 64); err != nil {
				return nil, fmt.Errorf("%s:%d: %s %q is not a number", name, line, column, row[at[column]])
			}
		}
		d := Detection{Score: n[2], Span: video.Span{Start: n[0], End: n[1]}}
		if i, ok := at["label"]; ok {
			d.Label = text.Uncell(strings.TrimSpace(row[i]))
		}
		id := text.Uncell(strings.TrimSpace(row[at["video"]]))
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if id == "" {
			return nil, fmt.Errorf("%s:%d: the video has no name", name, line)
		}
		out[id] = append(out[id], d)
	}
}

// check returns an error for a detection that is not valid in a file.
func (d Detection) check() error {
	if !text.IsLine(d.Label) {
		return fmt.Errorf("label %q is not plain text", d.Label)
	}
	return d.checkNumbers()
}

// checkNumbers returns an error unless the score is finite and the segment has a length.
func (d Detection) checkNumbers() error {
	for _, x := range []float64{d.Score, d.Start, d.End} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%v is not a finite number", x)
		}
	}
	if !(d.Start < d.End) {
		return fmt.Errorf("the segment from %g to %g s must end after its start", d.Start, d.End)
	}
	return nil
}

// Finder returns a function that finds the results of a video by path or id. As in
// annotations, either may have more folders or an extension, and ids of ActivityNet may
// begin with "v_". The id is empty if there are none. A name that matches several is an
// error.
func (r Results) Finder() func(name string) (id string, found []Detection, err error) {
	resolver := dataset.NewResolver(slices.Collect(maps.Keys(r)))
	return func(name string) (string, []Detection, error) {
		id, err := resolver.ResolveID(name)
		if errors.Is(err, dataset.ErrNotFound) {
			return "", nil, nil
		}
		return id, r[id], err
	}
}

// ToProposals returns detections as proposals, without their labels.
func ToProposals(found []Detection) []proposal.Proposal {
	out := make([]proposal.Proposal, len(found))
	for i, d := range found {
		out[i] = proposal.Proposal{Span: video.Span{Start: d.Start, End: d.End}, Score: d.Score}
	}
	return out
}

// FromProposals returns proposals as detections without labels.
func FromProposals(p []proposal.Proposal) []Detection {
	out := make([]Detection, len(p))
	for i, x := range p {
		out[i] = Detection{Score: x.Score, Span: video.Span{Start: x.Start, End: x.End}}
	}
	return out
}

// RemoveDuplicates returns the detections without those that overlap a better one of
// their class by more than a share of the shorter of the two. The detections must be
// sorted by decreasing score.
func RemoveDuplicates(found []Detection, share float64) []Detection {
	kept := []Detection{}
	for _, d := range found {
		if !slices.ContainsFunc(kept, func(k Detection) bool { return k.Label == d.Label && d.within(k) > share }) {
			kept = append(kept, d)
		}
	}
	return kept
}

// within returns the share of the shorter of two detections that lies in the other.
func (d Detection) within(e Detection) float64 {
	return d.Overlap(e.Span) / min(d.Duration(), e.Duration())
}
