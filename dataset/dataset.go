package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// Values of Sample.Split.
const (
	Train = "train"
	Val   = "val"
	Test  = "test"
)

// Sample is one labeled or captioned video, or a segment of one.
type Sample struct {
	Path    string // the annotation's name of the video: a slash-separated path or an ID
	Label   string // one of the dataset's Classes
	Split   string // Train, Val, Test, or "" if the annotation has no splits
	Caption string // in [Captions] only
	// Start and End limit the segment, in seconds. End 0 means the end of the video, so
	// that the pair is not a [video.Span].
	Start, End float64
}

// segment describes the part of a video that a sample labels.
func (s Sample) segment() string {
	switch {
	case s.Start == 0 && s.End == 0:
		return fmt.Sprintf("%q", s.Path)
	case s.End == 0:
		return fmt.Sprintf("%q from %gs", s.Path, s.Start)
	}
	return fmt.Sprintf("%q from %gs to %gs", s.Path, s.Start, s.End)
}

// Dataset is a set of samples. The label of each sample is spelled as in Classes.
type Dataset struct {
	Samples []Sample
	// Classes are in the order of the class list that came with the data, or sorted. All
	// of them have samples, unless the caller provided the list.
	Classes []string
	Source  string // the file or folder
	Format  string // one of Formats
	// Skipped are the annotations and folders that cannot be used.
	Skipped []Skipped

	whole     []Sample // what was loaded; parts of a dataset keep it for Match
	spellings []string // of classes that are spelled in several ways
}

// Skipped is an annotation or a folder that cannot be used, and the reason.
type Skipped struct{ Where, Reason string }

// ClassIndex returns the index of each class in Classes.
func (d *Dataset) ClassIndex() map[string]int {
	index := make(map[string]int, len(d.Classes))
	for i, c := range d.Classes {
		index[c] = i
	}
	return index
}

// Splits returns the number of samples in each split, with "" for samples without a split.
func (d *Dataset) Splits() map[string]int {
	n := map[string]int{}
	for _, s := range d.Samples {
		n[s.Split]++
	}
	return n
}

// Split returns the samples of one split, with all classes of d. If there are none, the
// error contains the existing splits.
func (d *Dataset) Split(name string) (*Dataset, error) {
	out := d.filter(func(s Sample) bool { return s.Split == name })
	if len(out.Samples) == 0 {
		return nil, fmt.Errorf("%s has no samples in split %q; it has %s", d.Source, name, d.describeSplits())
	}
	return out, nil
}

func (d *Dataset) describeSplits() string {
	var parts []string
	n := d.Splits()
	for _, name := range []string{Train, Val, Test} {
		if n[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s (%d)", name, n[name]))
		}
	}
	if n[""] > 0 {
		parts = append(parts, fmt.Sprintf("%d without a split", n[""]))
	}
	if parts == nil {
		return "no samples at all"
	}
	return strings.Join(parts, ", ")
}

func (d *Dataset) filter(keep func(Sample) bool) *Dataset {
	out := *d
	out.Samples = nil
	for _, s := range d.Samples {
		if keep(s) {
			out.Samples = append(out.Samples, s)
		}
	}
	return &out
}

// WithClasses returns d with its labels spelled and ordered as in classes, which becomes the
// list of classes that can be predicted. It may include classes without samples. A label
// that is not in classes is an error.
func (d *Dataset) WithClasses(classes []string) (*Dataset, error) {
	spelling, err := classSet(classes)
	if err != nil {
		return nil, err
	}
	out := *d
	out.Classes = slices.Clone(classes)
	out.Samples = slices.Clone(d.Samples)
	for i := range out.Samples {
		s := &out.Samples[i]
		name, ok := spelling[Canonical(s.Label)]
		if !ok {
			return nil, fmt.Errorf("%s: label %q of %q is not among the %d classes given", d.Source, s.Label, s.Path, len(classes))
		}
		s.Label = name
	}
	return &out, nil
}

// only returns the samples of the given classes, in their order and spelling. A class without
// samples is an error.
func (d *Dataset) only(classes []string) (*Dataset, error) {
	spelling, err := classSet(classes)
	if err != nil {
		return nil, err
	}
	out := *d
	out.Classes = slices.Clone(classes)
	out.Samples = nil
	seen := map[string]bool{}
	for _, s := range d.Samples {
		if name, ok := spelling[Canonical(s.Label)]; ok {
			s.Label = name
			out.Samples = append(out.Samples, s)
			seen[name] = true
		}
	}
	for _, c := range classes {
		if !seen[c] {
			return nil, fmt.Errorf("%s has no samples of class %q", d.Source, c)
		}
	}
	return &out, nil
}

// SplitClasses divides d by class for zero-shot evaluation: train has the samples of
// trainClasses, test those of testClasses. Classes in both lists and classes without samples
// are errors. Samples keep their splits; those of other classes are dropped.
func SplitClasses(d *Dataset, trainClasses, testClasses []string) (train, test *Dataset, err error) {
	if err := disjoint(trainClasses, testClasses); err != nil {
		return nil, nil, err
	}
	if train, err = d.only(trainClasses); err != nil {
		return nil, nil, fmt.Errorf("training classes: %w", err)
	}
	if test, err = d.only(testClasses); err != nil {
		return nil, nil, fmt.Errorf("test classes: %w", err)
	}
	return train, test, nil
}
