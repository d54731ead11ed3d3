package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// Segment is a part of a video with its label.
type Segment struct {
	video.Span // seconds as a player shows them
	Label      string
}

// Untrimmed is a video with its segments, possibly none.
type Untrimmed struct {
	Path     string    // the annotation's name of the video: a slash-separated path or an ID
	Split    string    // Train, Val, Test, or "" if the annotation has no splits
	Duration float64   // seconds; 0 = unknown
	Segments []Segment // sorted by start
}

// Segments are annotations of long videos. Labels are spelled as in Classes.
type Segments struct {
	Videos  []Untrimmed
	Classes []string // sorted
	Faults  []Fault
	Skipped []Skipped // what the file has besides segments
	Source  string    // the file
	Format  string    // one of SegmentFormats

	whole     []Untrimmed // what was loaded; parts keep it for Match
	spellings []string    // of classes that are spelled in several ways
}

// Fault is an invalid segment.
type Fault struct {
	Path string
	Segment
	Reason  string
	Dropped bool // false if the segment is used although it is partly outside of the video
}

// SegmentFormats lists the formats that [LoadSegments] reads.
//
// activitynet: the JSON of ActivityNet 1.3; THUMOS14's is a variant. Times may be strings.
//
//	{"database": {"v1": {"subset": "training", "duration": 139.0, "annotations":
//	  [{"segment": [0.5, "12.3"], "label": "Fun sliding down"}]}}}
//
// csv: a header, and one segment per line. The columns video (or path), start, end and label
// are required; split and duration (seconds) are optional. A line with neither times nor
// label is a video without segments.
//
//	video,start,end,label
//	a.mp4,3.5,12,opening a door
//
// jsonl: the same keys, one object per line.
//
// The others are those of annotation programs, as in [Formats].
var SegmentFormats = withPrograms("activitynet", "csv", "jsonl")

// segmentParsers map formats to their readers, of which name is for errors; the others are of
// annotation programs.
var segmentParsers = map[string]func(r io.Reader, name string) ([]Untrimmed, error){
	"activitynet": parseActivityNet,
	"csv":         parseSegmentsCSV,
	"jsonl":       parseSegmentsJSONL,
}

// LoadSegments reads annotations of long videos. format is one of [SegmentFormats], or empty
// to choose by the extension and the content of the file. There is at least one video. Labels with the same
// [Canonical] form become one class, spelled as the first of them. Segments that end before
// they start, are outside of the video or are repeated are dropped and listed in Faults.
func LoadSegments(path, format string) (*Segments, error) {
	if format == "" {
		format = programFormat(path, markfile.CSV, markfile.JSONL, markfile.ActivityNet)
	}
	if format == "" {
		format = map[string]string{".json": "activitynet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}[strings.ToLower(filepath.Ext(path))]
	}
	if !slices.Contains(SegmentFormats, format) {
		return nil, fmt.Errorf("%s: %w: annotations of segments are a .json, .csv or .jsonl file or that of an annotation program, in one of the formats %s", path, ErrUnknownFormat, strings.Join(SegmentFormats, ", "))
	}
	var videos []Untrimmed
	var leftOut []Skipped
	var err error
	if parse := segmentParsers[format]; parse != nil {
		videos, err = readFile(path, parse)
	} else {
		videos, leftOut, err = loadMarkSegments(path, format)
	}
	if err != nil {
		return nil, err
	}
	if len(videos) == 0 {
		return nil, fmt.Errorf("%s: %w: no videos", path, ErrNoSamples)
	}
	s := &Segments{Videos: videos, Skipped: leftOut, Source: path, Format: format}
	s.clean()
	s.name()
	s.whole = s.Videos
	return s, nil
}

// check returns an error for values that are never valid, and normalizes the split.
func (v *Untrimmed) check() error {
	switch {
	case text.Key(v.Path) == "" || normalPath(v.Path) == ".":
		return errors.New("the video has no name")
	case strings.ContainsFunc(v.Path, unicode.IsControl):
		return fmt.Errorf("path %q has a control character", v.Path)
	case !(v.Duration >= 0) || math.IsInf(v.Duration, 0):
		return fmt.Errorf("duration %g is not a number of seconds", v.Duration)
	}
	if v.Split != "" {
		split, ok := splitName(v.Split)
		if !ok {
			return fmt.Errorf("split %q is none of train, val, test", v.Split)
		}
		v.Split = split
	}
	for _, x := range v.Segments {
		if err := checkLabel(x.Label); err != nil {
			return err
		}
		for _, t := range []float64{x.Start, x.End} {
			if math.IsNaN(t) || math.IsInf(t, 0) {
				return fmt.Errorf("time %g is not a number of seconds", t)
			}
		}
	}
	return nil
}

// clean sorts the segments and drops invalid ones.
func (s *Segments) clean() {
	for i := range s.Videos {
		v := &s.Videos[i]
		slices.SortStableFunc(v.Segments, func(a, b Segment) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		var valid []Segment
		for _, x := range v.Segments {
			reason, drop := v.fault(x, valid)
			if reason != "" {
				s.Faults = append(s.Faults, Fault{v.Path, x, reason, drop})
			}
			if !drop {
				valid = append(valid, x)
			}
		}
		v.Segments = valid
	}
}

// fault returns what is wrong with a segment that comes after others, or "", and whether it
// cannot be used.
func (v *Untrimmed) fault(x Segment, before []Segment) (reason string, drop bool) {
	const slack = 1e-3 // seconds within which times are equal
	switch {
	case x.End <= x.Start:
		return "does not end after its start", true
	case x.End <= 0:
		return "lies before the video", true
	case v.Duration > 0 && x.Start >= v.Duration:
		return "starts after the video's end", true
	}
	for i := len(before) - 1; i >= 0 && x.Start-before[i].Start < slack; i-- {
		if y := before[i]; math.Abs(x.End-y.End) < slack && Canonical(x.Label) == Canonical(y.Label) {
			return "is repeated", true
		}
	}
	switch {
	case x.Start < 0:
		return "starts before the video", false
	case v.Duration > 0 && x.End > v.Duration+1:
		return "ends after the video", false
	}
	return "", false
}

// name gives each class one spelling.
func (s *Segments) name() {
	spelling, labels := map[string]string{}, map[string]bool{}
	for _, v := range s.Videos {
		for i := range v.Segments {
			x := &v.Segments[i]
			labels[x.Label] = true
			key := Canonical(x.Label)
			if spelling[key] == "" {
				spelling[key] = x.Label
			}
			x.Label = spelling[key]
		}
	}
	s.Classes = slices.Sorted(maps.Values(spelling))
	s.spellings = spellings(maps.Keys(labels))
}

// Warnings returns one line for each kind of fault and of what is left out.
func (s *Segments) Warnings() []string {
	names := map[string][]string{}
	for _, f := range s.Faults {
		key := "segments used as they are, each of which "
		if f.Dropped {
			key = "segments dropped, each of which "
		}
		key += f.Reason
		names[key] = append(names[key], fmt.Sprintf("%q at %g to %g s", f.Path, f.Start, f.End))
	}
	var out []string
	for _, skipped := range s.Skipped {
		out = append(out, fmt.Sprintf("%s: left out: %s", skipped.Where, skipped.Reason))
	}
	if len(s.spellings) > 0 {
		out = append(out, fmt.Sprintf("%s: %s: %s", s.Source, severalSpellings, firstOf(s.spellings)))
	}
	for _, key := range slices.Sorted(maps.Keys(names)) {
		out = append(out, fmt.Sprintf("%s: %s: %s", s.Source, key, firstOf(names[key])))
	}
	return out
}

// Count returns the number of segments.
func (s *Segments) Count() int {
	n := 0
	for _, v := range s.Videos {
		n += len(v.Segments)
	}
	return n
}

// Splits returns the number of videos in each split, with "" for videos without a split.
func (s *Segments) Splits() map[string]int {
	n := map[string]int{}
	for _, v := range s.Videos {
		n[v.Split]++
	}
	return n
}

// Split returns the videos of one split, with all classes of s. If there are none, the
// error contains the existing splits.
func (s *Segments) Split(name string) (*Segments, error) {
	out := s.filter(func(v Untrimmed) bool { return v.Split == name })
	if len(out.Videos) == 0 {
		var have []string
		n := s.Splits()
		for _, split := range slices.Sorted(maps.Keys(n)) {
			have = append(have, fmt.Sprintf("%s (%d)", cmp.Or(split, "no split"), n[split]))
		}
		return nil, fmt.Errorf("%s has no videos in split %q; it has %s", s.Source, name, strings.Join(have, ", "))
	}
	return out, nil
}

func (s *Segments) filter(keep func(Untrimmed) bool) *Segments {
	out := *s
	out.Videos = nil
	for _, v := range s.Videos {
		if keep(v) {
			out.Videos = append(out.Videos, v)
		}
	}
	return &out
}

// Divide assigns splits to videos that have none: the share test becomes the test split, the
// rest the training split. The choice depends only on the seed and the paths. Annotations
// with splits are returned unchanged.
func (s *Segments) Divide(test float64, seed uint64) (*Segments, error) {
	if s.Splits()[""] < len(s.Videos) {
		return s, nil
	}
	all := &Dataset{Classes: []string{"video"}}
	for _, v := range s.Videos {
		all.Samples = append(all.Samples, Sample{Path: v.Path, Label: "video"})
	}
	all, err := all.Divide(test, seed)
	if err != nil {
		return nil, err
	}
	out := *s
	out.Videos = slices.Clone(s.Videos)
	for i := range out.Videos {
		out.Videos[i].Split = all.Samples[i].Split
	}
	return &out, nil
}

// WithClasses returns s with its labels spelled and ordered as in classes, which may include
// classes without segments. A label that is not in classes is an error.
func (s *Segments) WithClasses(classes []string) (*Segments, error) {
	out, dropped, err := s.only(classes)
	if err == nil && len(dropped) > 0 {
		f := dropped[0]
		err = fmt.Errorf("%s: label %q of %q is not among the %d classes given", s.Source, f.Label, f.Path, len(classes))
	}
	return out, err
}

// Only returns s with the segments of the given classes, in their order and spelling, and
// the number of dropped segments. All videos stay.
func (s *Segments) Only(classes []string) (*Segments, int, error) {
	out, dropped, err := s.only(classes)
	return out, len(dropped), err
}

func (s *Segments) only(classes []string) (*Segments, []Fault, error) {
	spelling, err := classSet(classes)
	if err != nil {
		return nil, nil, err
	}
	var dropped []Fault
	out := *s
	out.Classes = slices.Clone(classes)
	out.Videos = slices.Clone(s.Videos)
	for i := range out.Videos {
		v := &out.Videos[i]
		all := v.Segments
		v.Segments = nil
		for _, x := range all {
			name, ok := spelling[Canonical(x.Label)]
			if !ok {
				dropped = append(dropped, Fault{Path: v.Path, Segment: x})
				continue
			}
			x.Label = name
			v.Segments = append(v.Segments, x)
		}
	}
	return &out, dropped, nil
}

// SplitSegments divides s by class for zero-shot localization. train has the videos all of
// whose segments are of trainClasses, so that new classes were neither seen nor used as
// background. test has the videos with segments of testClasses, and only these segments.
// excluded counts the videos outside of the test split that are not in train. Classes in
// both lists and classes without segments are errors.
func SplitSegments(s *Segments, trainClasses, testClasses []string) (train, test *Segments, excluded int, err error) {
	if err := disjoint(trainClasses, testClasses); err != nil {
		return nil, nil, 0, err
	}
	if train, err = s.ofClasses(trainClasses, "training"); err != nil {
		return nil, nil, 0, err
	}
	if test, err = s.ofClasses(testClasses, "test"); err != nil {
		return nil, nil, 0, err
	}
	var trainVideos, testVideos []Untrimmed
	for i, v := range s.Videos {
		if len(train.Videos[i].Segments) == len(v.Segments) {
			trainVideos = append(trainVideos, train.Videos[i])
		} else if v.Split != Test {
			excluded++
		}
		if len(test.Videos[i].Segments) > 0 {
			testVideos = append(testVideos, test.Videos[i])
		}
	}
	train.Videos, test.Videos = trainVideos, testVideos
	return train, test, excluded, nil
}

// ofClasses is only, with an error for a class without segments.
func (s *Segments) ofClasses(classes []string, side string) (*Segments, error) {
	part, _, err := s.only(classes)
	if err != nil {
		return nil, fmt.Errorf("%s classes: %w", side, err)
	}
	seen := map[string]bool{}
	for _, v := range part.Videos {
		for _, x := range v.Segments {
			seen[x.Label] = true
		}
	}
	for _, c := range classes {
		if !seen[c] {
			return nil, fmt.Errorf("%s classes: %s has no segments of class %q", side, s.Source, c)
		}
	}
	return part, nil
}

// MissingVideo is a video without stored features, and the reason.
type MissingVideo struct {
	Untrimmed
	Err error
}

// MatchedVideo is a video and the ID of its stored features.
type MatchedVideo struct {
	Untrimmed
	ID string
}

// Match finds the stored features of every video. Each video is in exactly one of the
// results, in the order of s. Two names that resolve to one ID are both missing, also if they are in
// different parts of the data, such as training and test.
func (s *Segments) Match(r *Resolver) (matched []MatchedVideo, missing []MissingVideo) {
	resolve := r.Resolve
	if s.Format == "activitynet" {
		resolve = r.ResolveID
	}
	owners := map[string][]string{} // by ID, the names that resolve to it
	for i := range len(s.whole) + len(s.Videos) {
		v := at(s.whole, s.Videos, i)
		if id, err := resolve(v.Path); err == nil && !slices.Contains(owners[id], v.Path) {
			owners[id] = append(owners[id], v.Path)
		}
	}
	for _, v := range s.Videos {
		id, err := resolve(v.Path)
		if err == nil && len(owners[id]) > 1 {
			err = fmt.Errorf("%q and %q both resolve to the stored %q", owners[id][0], owners[id][1], id)
		}
		if err != nil {
			missing = append(missing, MissingVideo{v, err})
			continue
		}
		matched = append(matched, MatchedVideo{v, id})
	}
	return matched, missing
}

// ResolveID is Resolve for the IDs of ActivityNet's videos. Their files start with "v_", but
// most of the IDs do not. If an ID is not found, it tries the last element with "v_" before
// it, and then without.
func (r *Resolver) ResolveID(p string) (id string, err error) {
	id, err = r.Resolve(p)
	at := strings.LastIndexAny(p, `/\`) + 1
	others := []string{p[:at] + "v_" + p[at:]}
	if bare, ok := strings.CutPrefix(p[at:], "v_"); ok && bare != "" {
		others = append(others, p[:at]+bare)
	}
	for _, other := range others {
		if !errors.Is(err, ErrNotFound) {
			break
		}
		if found, e := r.Resolve(other); !errors.Is(e, ErrNotFound) {
			id, err = found, e
		}
	}
	return id, err
}
