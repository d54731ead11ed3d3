package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// Segment is a part of a video with what happens in it.
type Segment struct {
	Start, End float64 // seconds as a player shows them
	Label      string
}

// Untrimmed is a video with all that happens in it, which may be nothing.
type Untrimmed struct {
	Path     string // as the annotation names the video: a slash path or an id
	Split    string // Train, Val, Test, or "" where the annotation does not say
	Duration float64
	Segments []Segment // by their starts
}

// Segments are annotations of long videos: what happens when. Labels are spelled
// as in Classes.
type Segments struct {
	Videos  []Untrimmed
	Classes []string // sorted
	Faults  []Fault
	Source  string // the file that it was read from
	Format  string // one of SegmentFormats
}

// Fault is a segment that is not as it should be. It is left out, unless it is
// Kept.
type Fault struct {
	Path string
	Segment
	Reason string
	Kept   bool
}

// SegmentFormats lists the names that LoadSegments takes.
//
// activitynet: JSON as of ActivityNet 1.3, of which THUMOS14's is a variety; times
// may be strings.
//
//	{"database": {"v1": {"subset": "training", "duration": 139.0, "annotations":
//	  [{"segment": [0.5, "12.3"], "label": "Fun sliding down"}]}}}
//
// csv: a header, and a segment a line. The columns video (or path), start, end and
// label are needed; split and duration (seconds) are not. A line with neither
// times nor label is a video in which nothing happens.
//
//	video,start,end,label
//	a.mp4,3.5,12,opening a door
//
// jsonl: the same keys, one object a line.
var SegmentFormats = []string{"activitynet", "csv", "jsonl"}

// LoadSegments reads annotations of long videos. format is one of SegmentFormats,
// or empty to go by the file's name. There is at least one video; labels with one
// Canonical form become one class. Segments that end before they start, lie beyond
// the video or stand twice are left out and listed in Faults.
func LoadSegments(path, format string) (*Segments, error) {
	if format == "" {
		format = map[string]string{".json": "activitynet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}[strings.ToLower(filepath.Ext(path))]
	}
	parse, ok := map[string]segmentParser{"activitynet": parseActivityNet, "csv": parseSegmentsCSV, "jsonl": parseSegmentsJSONL}[format]
	if !ok {
		return nil, fmt.Errorf("%s: annotations of segments are a .json, .csv or .jsonl file; name the format if it is one of %s", path, strings.Join(SegmentFormats, ", "))
	}
	videos, err := readFile(path, parse)
	if err != nil {
		return nil, err
	}
	if len(videos) == 0 {
		return nil, fmt.Errorf("%s: no videos", path)
	}
	s := &Segments{Videos: videos, Source: path, Format: format}
	s.clean()
	s.name()
	return s, nil
}

// clean sorts the segments and leaves out those that make no sense.
func (s *Segments) clean() {
	for i := range s.Videos {
		v := &s.Videos[i]
		slices.SortStableFunc(v.Segments, func(a, b Segment) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		var kept []Segment
		for _, x := range v.Segments {
			reason, keep := v.fault(x, kept)
			if reason != "" {
				s.Faults = append(s.Faults, Fault{v.Path, x, reason, keep})
			}
			if keep {
				kept = append(kept, x)
			}
		}
		v.Segments = kept
	}
}

// fault says what is wrong with a segment that comes after others, "" if nothing,
// and whether it can be used.
func (v *Untrimmed) fault(x Segment, before []Segment) (reason string, keep bool) {
	const slack = 1e-3 // seconds within which times are the same
	switch {
	case x.End <= x.Start:
		return "does not end after its start", false
	case x.End <= 0:
		return "lies before the video", false
	case v.Duration > 0 && x.Start >= v.Duration:
		return "starts after the video's end", false
	}
	for i := len(before) - 1; i >= 0 && x.Start-before[i].Start < slack; i-- {
		if y := before[i]; math.Abs(x.End-y.End) < slack && Canonical(x.Label) == Canonical(y.Label) {
			return "stands twice", false
		}
	}
	switch {
	case x.Start < 0:
		return "starts before the video", true
	case v.Duration > 0 && x.End > v.Duration+1:
		return "ends after the video", true
	}
	return "", true
}

// name gives one class one spelling.
func (s *Segments) name() {
	spelling := map[string]string{}
	for _, v := range s.Videos {
		for i := range v.Segments {
			x := &v.Segments[i]
			key := Canonical(x.Label)
			if spelling[key] == "" {
				spelling[key] = x.Label
			}
			x.Label = spelling[key]
		}
	}
	s.Classes = slices.Sorted(maps.Values(spelling))
}

// Warnings says in a line for each kind what is wrong with segments.
func (s *Segments) Warnings() []string {
	names := map[string][]string{}
	for _, f := range s.Faults {
		key := "segments left out, of which each "
		if f.Kept {
			key = "segments taken as they are, of which each "
		}
		key += f.Reason
		names[key] = append(names[key], fmt.Sprintf("%q at %g to %g s", f.Path, f.Start, f.End))
	}
	var out []string
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

// Splits returns the number of videos in each split, under "" those of which the
// annotation does not say.
func (s *Segments) Splits() map[string]int {
	n := map[string]int{}
	for _, v := range s.Videos {
		n[v.Split]++
	}
	return n
}

// Split returns the videos of one split, with all of s's classes. A split without
// videos is an error that names the splits there are.
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

// Divide gives the videos of an annotation that says no splits one: the share test
// goes to the test split, the rest to training. Which ones follows from the seed
// and the paths alone. Annotations that say splits are returned as they are.
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

// WithClasses returns s with its labels spelled and ordered as in classes, which
// may hold ones that s has no segments of. A label that is not in it is an error.
func (s *Segments) WithClasses(classes []string) (*Segments, error) {
	out, dropped, err := s.only(classes)
	if err == nil && len(dropped) > 0 {
		f := dropped[0]
		err = fmt.Errorf("%s: label %q of %q is not among the %d classes given", s.Source, f.Label, f.Path, len(classes))
	}
	return out, err
}

// Only returns s with the segments of the classes named, in the order and spelling
// given, and the number of segments that it left out. All videos stay.
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

// SplitSegments divides s by class, as zero-shot localization needs it: train holds
// the videos in which nothing happens but what is of trainClasses, so that what is
// to be new has not been seen, and has not been taken for background; test holds
// those with segments of testClasses, and these alone. leftOut counts the videos
// that show both, or others: they are in test at most. Classes in both lists or
// without segments are an error.
func SplitSegments(s *Segments, trainClasses, testClasses []string) (train, test *Segments, leftOut int, err error) {
	inTrain, err := classSet(trainClasses)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("training classes: %w", err)
	}
	for _, c := range testClasses {
		if _, ok := inTrain[Canonical(c)]; ok {
			return nil, nil, 0, fmt.Errorf("class %q is among both the training and the test classes; zero-shot needs them disjoint", c)
		}
	}
	side := func(classes []string, what string) (*Segments, error) {
		part, _, err := s.only(classes)
		if err != nil {
			return nil, fmt.Errorf("%s classes: %w", what, err)
		}
		seen := map[string]bool{}
		for _, v := range part.Videos {
			for _, x := range v.Segments {
				seen[x.Label] = true
			}
		}
		for _, c := range classes {
			if !seen[c] {
				return nil, fmt.Errorf("%s classes: %s has no segments of class %q", what, s.Source, c)
			}
		}
		return part, nil
	}
	if train, err = side(trainClasses, "training"); err != nil {
		return nil, nil, 0, err
	}
	if test, err = side(testClasses, "test"); err != nil {
		return nil, nil, 0, err
	}
	var pure, some []Untrimmed
	for i, v := range s.Videos {
		if len(train.Videos[i].Segments) == len(v.Segments) {
			pure = append(pure, train.Videos[i])
		} else if v.Split != Test {
			leftOut++
		}
		if len(test.Videos[i].Segments) > 0 {
			some = append(some, test.Videos[i])
		}
	}
	train.Videos, test.Videos = pure, some
	return train, test, leftOut, nil
}

// MissingVideo is a video that is not to be had, and why.
type MissingVideo struct {
	Untrimmed
	Err error
}

// MatchedVideo is a video and the id under which it is stored.
type MatchedVideo struct {
	Untrimmed
	ID string
}

// Match finds the stored video of every annotated one; each is in exactly one of
// the results, in s's order.
func (s *Segments) Match(r *Resolver) (matched []MatchedVideo, missing []MissingVideo) {
	owner := map[string]string{}
	for _, v := range s.Videos {
		resolve := r.Resolve
		if s.Format == "activitynet" {
			resolve = r.ResolveID
		}
		id, err := resolve(v.Path)
		if err == nil && owner[id] != "" {
			err = fmt.Errorf("%q and %q both come to the stored %q", owner[id], v.Path, id)
		}
		if err != nil {
			missing = append(missing, MissingVideo{v, err})
			continue
		}
		owner[id] = v.Path
		matched = append(matched, MatchedVideo{v, id})
	}
	return matched, missing
}

// ResolveID is Resolve for the names of ActivityNet's videos, whose files begin with
// "v_" and whose ids, most of them, do not: what is not found is looked for with "v_"
// before its last element, and then without.
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
