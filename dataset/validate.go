package dataset

import (
	"fmt"
	"strings"
)

// Validate checks the samples together. Errors: no samples, fewer than two classes, a split
// for some samples only, one segment with two labels. Warnings, one line each, are what may
// be intended: classes with several spellings, repeated samples, videos in several splits, classes without samples.
func (d *Dataset) Validate() (warnings []string, err error) {
	if len(d.Samples) == 0 {
		return nil, fmt.Errorf("%s: no samples", d.Source)
	}
	if len(d.Classes) == 1 {
		return nil, fmt.Errorf("%s: there is only one class, %q; at least two are required", d.Source, d.Classes[0])
	}
	if unsaid := d.Splits()[""]; unsaid > 0 && unsaid < len(d.Samples) {
		return nil, fmt.Errorf("%s: some samples have a split and some have none: %s", d.Source, d.describeSplits())
	}

	type segment struct {
		path       string
		start, end float64
	}
	labeled := make(map[segment]int, len(d.Samples)) // index of the first sample
	splitOf := map[string]string{}
	var twice, shared []string
	inTwo := map[string]bool{}
	used := map[string]bool{}
	for i, s := range d.Samples {
		used[s.Label] = true
		p := pathKey(s.Path)
		key := segment{p, s.Start, s.End}
		if first, ok := labeled[key]; !ok {
			labeled[key] = i
		} else if before := d.Samples[first]; before.Label != s.Label {
			return nil, fmt.Errorf("%s: %s is labeled both %q and %q", d.Source, s.segment(), before.Label, s.Label)
		} else if before.Split == s.Split {
			twice = append(twice, s.segment())
		}
		if before, ok := splitOf[p]; ok && before != s.Split && !inTwo[p] {
			inTwo[p] = true
			shared = append(shared, fmt.Sprintf("%q", s.Path))
		}
		splitOf[p] = s.Split
	}
	warn := func(what string, names []string) {
		if len(names) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s: %s: %s", d.Source, what, firstOf(names)))
		}
	}
	warn(severalSpellings, d.spellings)
	warn("repeated samples", twice)
	warn("videos in more than one split", shared)
	var unused []string
	for _, c := range d.Classes {
		if !used[c] {
			unused = append(unused, fmt.Sprintf("%q", c))
		}
	}
	warn("classes without samples", unused)
	return warnings, nil
}

// firstOf returns the number of names and the first few of them.
func firstOf(names []string) string {
	const few = 3
	if len(names) <= few {
		return fmt.Sprintf("%d (%s)", len(names), strings.Join(names, ", "))
	}
	return fmt.Sprintf("%d (%s, ...)", len(names), strings.Join(names[:few], ", "))
}
