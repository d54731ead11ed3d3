package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// pointFlags choose an operating point.
type pointFlags struct{ precision, recall float64 }

func (p *pointFlags) add(c *cobra.Command) {
	p.precision = 0.8
	flags.UpTo1(c, &p.precision, "min-precision", "lowest precision")
	c.Flags().Lookup("min-precision").DefValue = "as applied last, or 0.8"
	flags.UpTo1(c, &p.recall, "min-recall", "lowest recall, instead of a precision")
	c.Flags().Lookup("min-recall").DefValue = ""
	c.MarkFlagsMutuallyExclusive("min-precision", "min-recall")
}

// given reports whether the command line has an operating point.
func (p *pointFlags) given(c *cobra.Command) bool {
	return c.Flags().Changed("min-precision") || c.Flags().Changed("min-recall")
}

// target returns the operating point of the flags. Without any, it is the one that the
// library stores for the label, or the default.
func (p *pointFlags) target(c *cobra.Command, t *library.Teacher) label.Target {
	switch {
	case !p.given(c) && t.Point != (label.Target{}):
		return t.Point
	case p.recall > 0:
		return label.Target{Recall: p.recall}
	}
	return label.Target{Precision: p.precision}
}

func (a *app) labelEvalCommand() *cobra.Command {
	var o embedderFlags
	var point pointFlags
	c := &cobra.Command{
		Use:   "eval --library DIR NAME",
		Short: "Estimate the precision and recall of a label",
		Long: `Estimates the quality of a label by cross-validation over its marks: each video is
scored by a label that learned from other videos only. Mark what clipcue suggests, the
wrong suggestions too.

Precision is that of all moments of the library above the threshold. Recall is the
share of the marked videos that are found; it says nothing about what nobody marked.`,
		Example: `  clipcue label eval --library lib leash --min-precision 0.9`,
		Args:    arguments(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.teachOne(c, o, args[0], func(t *library.Teacher) error {
				q, err := t.Quality(c.Context(), point.target(c, t))
				switch {
				case err != nil:
					return labelError(t, err)
				case o.json:
					return a.json(q)
				case !q.Reached:
					a.log.Warn("no threshold reaches this; the closest one is shown")
				}
				return a.pairs([][2]string{
					{"precision", percent(q.Precision)}, {"recall", percent(q.Recall)}, {"threshold", fmt.Sprintf("%.2f", q.Threshold)},
					{"moments", fmt.Sprintf("%d above the threshold", q.Moments)},
					{"marks", fmt.Sprintf("%d in %s", q.Marks, english.Plural(q.Videos, "video", ""))},
				})
			})
		},
	}
	o.add(c)
	point.add(c)
	return c
}

func percent(i label.Interval) string {
	return fmt.Sprintf("%.0f %% (%.0f–%.0f %%)", 100*i.Mean, 100*i.Low, 100*i.High)
}

// applied is what `label apply` prints as JSON.
type applied struct {
	Label    string            `json:"label"`
	Quality  *label.Quality    `json:"quality"` // null if the marks do not allow an estimate
	Cut      label.Cut         `json:"cut"`
	Segments []library.Segment `json:"segments"`
}

// applyFlags are the flags of `label apply`.
type applyFlags struct {
	embedderFlags
	point     pointFlags
	threshold float64
	minLength time.Duration
	maxGap    time.Duration
	out       string
	exchange  exchangeFlags
}

func (a *app) labelApplyCommand() *cobra.Command {
	o := applyFlags{exchange: exchangeFlags{app: a}}
	c := &cobra.Command{
		Use:   "apply --library DIR [NAME...]",
		Short: "Find all segments of a library that show a label",
		Long: `Scores all moments of the library by a label, and prints the segments that show it, with
start and end. Without a NAME it applies all labels. It takes in videos that were added
since the label was learned.

A segment starts where the score reaches a threshold and ends where it falls below a
lower one. The threshold is the lowest that reaches --min-precision by the estimate of
clipcue label eval. --min-precision or --min-recall is stored with the label; label apply,
label eval, index --label and watch --label use it from then on. With too few marks for an estimate, it is halfway between the scores
of the positive marks and of the rest. The shortest segment and the widest gap that is
closed follow from the lengths of the marks.`,
		Example: `  clipcue label apply --library lib leash
  clipcue label apply --library lib leash --min-precision 0.9 --out segments.csv`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.teach(c, o.embedderFlags, clip.TextTower, args, func(x lesson) error {
				if err := x.library.CheckOutput(c.Context(), o.out); err != nil {
					return err
				}
				o.exchange.folders = x.folders
				return a.labelApply(c, x, o)
			})
		},
	}
	o.embedderFlags.add(c)
	o.point.add(c)
	defer func() {
		for _, name := range []string{"min-precision", "min-recall"} {
			c.MarkFlagsMutuallyExclusive("threshold", name)
		}
	}()
	o.threshold = math.NaN()
	f := c.Flags()
	f.Float64Var(&o.threshold, "threshold", o.threshold, "score at which segments start, instead of --min-precision")
	f.Lookup("threshold").DefValue = ""
	flags.Moment(c, &o.minLength, "min-length", "drop shorter segments", "half the shortest marks")
	flags.Moment(c, &o.maxGap, "max-gap", "close gaps that are shorter", "a quarter of the median mark")
	f.StringVar(&o.out, "out", "", "file to write the segments to, as label export does")
	o.exchange.add(c)
	return c
}

func (a *app) labelApply(c *cobra.Command, l lesson, o applyFlags) error {
	all := []applied{}
	var segments []library.Segment
	for _, t := range l.teachers {
		x, err := a.applyLabel(c, t, o)
		if err != nil {
			return labelError(t, err)
		}
		a.storePoint(c, t, o)
		all, segments = append(all, x), append(segments, x.Segments...)
	}
	rows, err := a.leaveOutChanged(c.Context(), l.library, o.library, segmentRows(segments))
	if err == nil && o.out != "" {
		err = o.exchange.write(o.out, rows)
	}
	if err != nil {
		return withAdvice(err)
	}
	if o.json {
		return a.json(all)
	}
	return a.printSegments(segments)
}

// storePoint stores an operating point of the command line with the label. The segments do
// not depend on it, so a library that cannot be changed now is only a warning.
func (a *app) storePoint(c *cobra.Command, t *library.Teacher, o applyFlags) {
	target := o.point.target(c, t)
	if !o.point.given(c) || target == t.Point {
		return
	}
	if err := library.SetPoint(c.Context(), o.library, t.Name, target); err != nil {
		a.log.Warn("the operating point is not stored", "label", t.Name, "reason", err)
	}
}

func (a *app) printSegments(segments []library.Segment) error {
	return a.rows("score\ttime\tstart\tend\tlabel\tvideo", len(segments), func(i int) string {
		s := segments[i]
		return fmt.Sprintf("%.2f\t%s\t%.4g\t%.4g\t%s\t%s", s.Score, s.Time, s.Start, s.End, text.Quote(s.Label), text.Quote(s.Video))
	})
}

// applyLabel chooses the threshold and finds the segments.
func (a *app) applyLabel(c *cobra.Command, t *library.Teacher, o applyFlags) (x applied, err error) {
	x.Label = t.Name
	threshold := o.threshold
	if !c.Flags().Changed("threshold") {
		if threshold, x.Quality, err = a.chooseThreshold(c.Context(), t, o.point.target(c, t)); err != nil {
			return x, err
		}
	}
	x.Cut = t.Cut(threshold)
	if c.Flags().Changed("min-length") {
		x.Cut.MinLength = o.minLength.Seconds()
	}
	if c.Flags().Changed("max-gap") {
		x.Cut.MaxGap = o.maxGap.Seconds()
	}
	x.Segments, err = t.Segments(x.Cut)
	return x, err
}

// chooseThreshold returns the threshold of an operating point, or, with too few marks for
// an estimate, that of the head, and logs what is not as it was asked for.
func (a *app) chooseThreshold(ctx context.Context, t *library.Teacher, target label.Target) (float64, *label.Quality, error) {
	q, err := t.Quality(ctx, target)
	switch {
	case errors.Is(err, label.ErrFewVideos), errors.Is(err, label.ErrNoNegatives):
		a.log.Warn("the quality is not known", "label", t.Name, "reason", err)
		return t.Head().Threshold, nil, nil
	case err != nil:
		return 0, nil, err
	case !q.Reached:
		a.log.Warn("no threshold reaches this; the closest one is used", "label", t.Name, "precision", percent(q.Precision), "recall", percent(q.Recall))
	}
	return q.Threshold, &q, nil
}

func labelError(t *library.Teacher, err error) error { return fmt.Errorf("label %q: %w", t.Name, err) }
