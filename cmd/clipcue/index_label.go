package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// labeledReport is what `index` prints as JSON.
type labeledReport struct {
	library.Report
	Segments []library.Segment `json:"segments,omitempty"` // of --label, in the videos of Indexed
}

// checkLabels returns an error unless the library has the labels, before videos are indexed.
func (o *indexFlags) checkLabels(c *cobra.Command) error {
	if len(o.labels) == 0 {
		return nil
	}
	l, err := o.server.Open(c, o.library)
	if errors.Is(err, library.ErrOlder) { // the run upgrades it
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Close()
	for _, name := range o.labels {
		marks, err := l.Marks(c.Context(), name)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(marks, func(m library.Mark) bool { return m.Positive }) {
			return fmt.Errorf("%s: %w", text.Quote(name), label.ErrNoPositives)
		}
	}
	return nil
}

// labelIndexed returns the segments of newly indexed videos that show the labels.
func (a *app) labelIndexed(c *cobra.Command, e library.Embedder, o indexFlags, videos []string) (segments []library.Segment, err error) {
	l, err := o.server.Open(c, o.library)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	err = a.learn(c.Context(), l, lesson{embedder: e}, o.labels, func(x lesson) error {
		for _, t := range x.teachers {
			applied, err := a.applyLabel(c, t, applyFlags{point: o.point})
			if err != nil {
				return labelError(t, err)
			}
			segments = append(segments, applied.Segments...)
		}
		return nil
	})
	return slices.DeleteFunc(segments, func(s library.Segment) bool { return !slices.Contains(videos, s.Video) }), err
}
