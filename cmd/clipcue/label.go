package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

func (a *app) labelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "label",
		Short: "Teach a library a label from a few marks",
		Long: `A label is learned from marks: spans of videos that show it or do not. Create a label,
mark the moments that clipcue suggests, and apply the label to all videos:

  clipcue label new      create a label
  clipcue label suggest  print moments to mark
  clipcue label mark     mark a span
  clipcue label eval     estimate precision and recall
  clipcue label apply    find all segments that show the label

Marks are stored in the library. They follow videos that move, and stay when the
library is re-indexed with another model.`,
		Example: `  clipcue label new --library lib "dog on a leash"
  clipcue label suggest --library lib "dog on a leash"
  clipcue label mark --library lib "dog on a leash" walk.mp4 12 16`,
	}
	c.AddCommand(a.labelNewCommand(), a.labelListCommand(), a.labelMarkCommand(), a.labelSuggestCommand(), a.labelEvalCommand(),
		a.labelApplyCommand(), a.labelImportCommand(), a.labelExportCommand(), a.labelDeleteCommand())
	return c
}

func (a *app) labelNewCommand() *cobra.Command {
	var dir string
	var texts []string
	c := &cobra.Command{
		Use:   "new --library DIR NAME",
		Short: "Create a label",
		Long: `Creates a label. Before the first mark, it ranks moments as a text query does. The query
is the mean of the texts (--text), or the name.`,
		Example: `  clipcue label new --library lib leash --text "a dog on a leash" --text "a person walks a dog"`,
		Args:    arguments(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			return library.CreateLabel(c.Context(), dir, library.Label{Name: args[0], Texts: texts})
		},
	}
	flags.Library(c, &dir)
	c.Flags().StringArrayVar(&texts, "text", nil, "text that describes the label; repeatable (default the name)")
	return c
}

func (a *app) labelDeleteCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "delete --library DIR NAME",
		Short:   "Delete a label and its marks",
		Example: "  clipcue label delete --library lib leash",
		Args:    arguments(1, 1, "a name"),
		RunE:    func(c *cobra.Command, args []string) error { return library.DeleteLabel(c.Context(), dir, args[0]) },
	}
	flags.Library(c, &dir)
	return c
}

func (a *app) labelListCommand() *cobra.Command {
	var dir string
	var server flags.Server
	var asJSON bool
	c := &cobra.Command{
		Use:     "list --library DIR [NAME]",
		Short:   "List the labels, or the marks of a label",
		Example: "  clipcue label list --library lib\n  clipcue label list --library lib leash --json",
		Args:    arguments(0, 1, "at most one name"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := server.Open(c, dir)
			if err != nil {
				return err
			}
			defer l.Close()
			if len(args) == 1 {
				marks, err := l.Marks(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.printMarks(marks, asJSON)
			}
			labels, err := l.Labels(c.Context())
			if err != nil {
				return err
			}
			return a.printLabels(labels, asJSON)
		},
	}
	flags.Library(c, &dir)
	server.Add(c)
	flags.JSON(c, &asJSON)
	return c
}

func (a *app) printLabels(labels []library.Label, asJSON bool) error {
	if asJSON {
		return a.json(labels)
	}
	return a.rows("label\tpositive\tnegative\ttexts", len(labels), func(i int) string {
		l := labels[i]
		return fmt.Sprintf("%s\t%d\t%d\t%s", shown(l.Name), l.Positive, l.Negative, shown(strings.Join(l.Texts, "; ")))
	})
}

func (a *app) printMarks(marks []library.Mark, asJSON bool) error {
	if asJSON {
		return a.json(marks)
	}
	return a.rows("mark\tstart\tend\tvideo\tauthor\ttime", len(marks), func(i int) string {
		m := marks[i]
		return fmt.Sprintf("%s\t%g\t%g\t%s\t%s\t%s", sign(m.Positive), m.Start, m.End, shown(m.Video), shown(m.Author), m.Time.Local().Format(time.DateTime))
	})
}

func sign(positive bool) string {
	if positive {
		return "yes"
	}
	return "no"
}

// rows prints a table with a heading.
func (a *app) rows(heading string, n int, row func(i int) string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, heading)
	for i := range n {
		fmt.Fprintln(w, row(i))
	}
	return w.Flush()
}

func (a *app) labelMarkCommand() *cobra.Command {
	var dir, author string
	var not, remove, asJSON bool
	c := &cobra.Command{
		Use:   "mark --library DIR NAME VIDEO START END",
		Short: "Mark a span that shows a label, or does not (--not)",
		Long: `Marks a span of a video of the library. Times are in seconds, or as 1:02.5 or 1:00:02.5.
VIDEO is a path, or the end of a path that only one video of the library has.

Reject a suggestion with --not. A marked moment is not suggested again.`,
		Example: `  clipcue label mark --library lib leash walk.mp4 12 16
  clipcue label mark --library lib leash walk.mp4 1:20 1:24 --not
  clipcue label mark --library lib leash walk.mp4 12 16 --remove`,
		Args: arguments(4, 4, "a name, a video, a start and an end"),
		RunE: func(c *cobra.Command, args []string) error {
			m := library.Mark{Label: args[0], Video: args[1], Positive: !not, Author: author}
			var err error
			if m.Start, err = seconds(args[2]); err != nil {
				return err
			}
			if m.End, err = seconds(args[3]); err != nil {
				return err
			}
			if remove {
				return library.RemoveMarks(c.Context(), dir, []library.Mark{m})
			}
			added, err := library.AddMarks(c.Context(), dir, []library.Mark{m}, false)
			if err == nil && asJSON {
				err = a.json(map[string]int{"added": added})
			}
			if err == nil && added == 0 && !asJSON {
				a.log.Info("the library has this mark already")
			}
			return err
		},
	}
	flags.Library(c, &dir)
	f := c.Flags()
	f.BoolVar(&not, "not", false, "the span does not show the label")
	f.BoolVar(&remove, "remove", false, "remove the mark of this span")
	f.StringVar(&author, "author", userName(), "name stored with the mark")
	f.Lookup("author").DefValue = "your user name"
	flags.JSON(c, &asJSON)
	return c
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// seconds parses a time: seconds, m:ss or h:mm:ss, with decimals.
func seconds(s string) (float64, error) {
	parts := strings.Split(s, ":")
	total := 0.
	for i, part := range parts {
		x, err := strconv.ParseFloat(part, 64)
		whole := i == len(parts)-1 || x == math.Trunc(x)
		if err != nil || len(parts) > 3 || !(x >= 0 && x < 1e9) || !whole || i > 0 && x >= 60 {
			return 0, usageError{fmt.Errorf("a time must be seconds, m:ss or h:mm:ss, got %q", s)}
		}
		total = 60*total + x
	}
	return total, nil
}

// teach opens a library, learns labels, all if none is given, and calls use with them.
func (a *app) teach(c *cobra.Command, o searchFlags, names []string, use func([]*library.Teacher) error) error {
	l, err := o.server.Open(c, o.library)
	if err != nil {
		return err
	}
	defer l.Close()
	labels, err := l.Labels(c.Context())
	if err != nil {
		return err
	}
	if len(names) == 0 {
		for _, x := range labels {
			names = append(names, x.Name)
		}
	}
	_, e, _, err := a.libraryModel(c, l, o, clip.Text)
	if err != nil {
		return err
	}
	m, err := l.Moments(c.Context())
	if err != nil {
		return err
	}
	defer m.Close()
	var teachers []*library.Teacher
	for _, name := range names {
		t, err := l.Teach(c.Context(), e, m, name)
		if err != nil {
			return err
		}
		if t.Unused > 0 {
			a.log.Warn("marks are not used: their videos are not in the library or wait to be re-indexed", "label", t.Name, "marks", t.Unused)
		}
		teachers = append(teachers, t)
	}
	return use(teachers)
}

// teachOne is teach for one label.
func (a *app) teachOne(c *cobra.Command, o searchFlags, name string, use func(*library.Teacher) error) error {
	return a.teach(c, o, []string{name}, func(t []*library.Teacher) error { return use(t[0]) })
}

// suspects is the feed of marks that the others contradict.
const suspects label.Feed = "suspects"

func (a *app) labelSuggestCommand() *cobra.Command {
	var o searchFlags
	var seed uint64
	var prefix string
	feed := label.Likely
	c := &cobra.Command{
		Use:   "suggest --library DIR NAME",
		Short: "Print moments to mark",
		Long: `Prints moments that are not marked yet. Mark them with: clipcue label mark.

likely     those that most probably show the label
uncertain  those that the label cannot decide; marking them teaches the most
random     drawn evenly from the library
suspects   marks that the other marks contradict, with the worst first

Scores are log-odds: higher is more likely. They are comparable within one label only.`,
		Example: `  clipcue label suggest --library lib leash
  clipcue label suggest --library lib leash --feed uncertain --top 20 --json`,
		Args: arguments(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.teachOne(c, o, args[0], func(t *library.Teacher) error {
				if feed == suspects {
					return a.printSuspects(c.Context(), t, o.top, o.json)
				}
				return a.printSuggestions(t.Suggest(feed, o.top, seed, prefix), o.json)
			})
		},
	}
	o.addLabel(c)
	flags.OneOf(c, &feed, "feed", append(label.Feeds(), suspects), "what to suggest: likely, uncertain, random or suspects")
	o.top = 10
	flags.Int(c, &o.top, "top", 1, "number of suggestions")
	c.Flags().StringVar(&prefix, "prefix", "", "only videos whose absolute path begins with this")
	flags.Seed(c, &seed)
	return c
}

// addLabel adds the flags of commands that learn a label.
func (o *searchFlags) addLabel(c *cobra.Command) {
	o.backbone.AddOfLibrary(c)
	o.run.Add(c)
	flags.Library(c, &o.library)
	o.server.Add(c)
	flags.JSON(c, &o.json)
}

func (a *app) printSuggestions(found []library.Suggestion, asJSON bool) error {
	if asJSON {
		return a.json(found)
	}
	return a.rows("score\tstart\tend\tvideo\tthumbnail", len(found), func(i int) string {
		s := found[i]
		return fmt.Sprintf("%.2f\t%g\t%g\t%s\t%s", s.Score, s.Start, s.End, shown(s.Video), shown(s.Thumbnail))
	})
}

func (a *app) printSuspects(ctx context.Context, t *library.Teacher, top int, asJSON bool) error {
	found, err := t.Suspects(ctx)
	if err != nil {
		return err
	}
	found = found[:min(top, len(found))]
	if asJSON {
		return a.json(found)
	}
	return a.rows("margin\tmark\tstart\tend\tvideo", len(found), func(i int) string {
		s := found[i]
		return fmt.Sprintf("%.2f\t%s\t%g\t%g\t%s", s.Margin, sign(s.Positive), s.Start, s.End, shown(s.Video))
	})
}

// pointFlags choose an operating point.
type pointFlags struct{ precision, recall float64 }

func (p *pointFlags) add(c *cobra.Command) {
	p.precision = 0.8
	flags.UpTo1(c, &p.precision, "precision", "precision to reach")
	flags.UpTo1(c, &p.recall, "recall", "recall to reach, instead of a precision")
	c.Flags().Lookup("recall").DefValue = ""
	c.MarkFlagsMutuallyExclusive("precision", "recall")
}

func (p *pointFlags) target() label.Target {
	if p.recall > 0 {
		return label.Target{Recall: p.recall}
	}
	return label.Target{Precision: p.precision}
}

func (a *app) labelEvalCommand() *cobra.Command {
	var o searchFlags
	var point pointFlags
	c := &cobra.Command{
		Use:   "eval --library DIR NAME",
		Short: "Estimate the precision and recall of a label",
		Long: `Estimates the quality of a label by cross-validation over its marks: each video is
scored by a label that learned from other videos only. The intervals contain the truth
with a probability of 95 %, if the marks are typical of the library: mark what clipcue
suggests, the wrong suggestions too.

Precision is that of all moments of the library above the threshold. Recall is the
share of the marked videos that are found; it says nothing about what nobody marked.`,
		Example: `  clipcue label eval --library lib leash --precision 0.9`,
		Args:    arguments(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.teachOne(c, o, args[0], func(t *library.Teacher) error {
				q, err := t.Quality(c.Context(), point.target())
				switch {
				case err != nil:
					return fmt.Errorf("label %q: %w", t.Name, err)
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
	o.addLabel(c)
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
	search    searchFlags
	point     pointFlags
	threshold float64
	minLength time.Duration
	maxGap    time.Duration
	out       string
	exchange  exchangeFlags
}

func (a *app) labelApplyCommand() *cobra.Command {
	var o applyFlags
	c := &cobra.Command{
		Use:   "apply --library DIR [NAME...]",
		Short: "Find all segments of a library that show a label",
		Long: `Scores all moments of the library by a label, and prints the segments that show it, with
start and end. Without a NAME it applies all labels. It takes in videos that were added
since the label was learned.

A segment starts where the score reaches a threshold and ends where it falls below a
lower one. The threshold is the lowest that reaches --precision by the estimate of
clipcue label eval. With too few marks for an estimate, it is halfway between the scores
of the positive marks and of the rest. The shortest segment and the widest gap that is
closed follow from the lengths of the marks.`,
		Example: `  clipcue label apply --library lib leash
  clipcue label apply --library lib leash --precision 0.9 --out segments.csv`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.teach(c, o.search, args, func(t []*library.Teacher) error { return a.labelApply(c, t, o) })
		},
	}
	o.search.addLabel(c)
	o.point.add(c)
	o.threshold = math.NaN()
	f := c.Flags()
	f.Float64Var(&o.threshold, "threshold", o.threshold, "score at which segments start, instead of --precision")
	f.Lookup("threshold").DefValue = ""
	flags.Moment(c, &o.minLength, "min-length", "drop shorter segments", "half the shortest marks")
	flags.Moment(c, &o.maxGap, "max-gap", "close gaps that are shorter", "a quarter of the median mark")
	f.StringVar(&o.out, "out", "", "file to write the segments to, as label export does")
	o.exchange.add(c)
	return c
}

func (a *app) labelApply(c *cobra.Command, teachers []*library.Teacher, o applyFlags) error {
	all := []applied{}
	var segments []library.Segment
	for _, t := range teachers {
		x, err := a.applyLabel(c, t, o)
		if err != nil {
			return fmt.Errorf("label %q: %w", t.Name, err)
		}
		all, segments = append(all, x), append(segments, x.Segments...)
	}
	if o.out != "" {
		if err := o.exchange.write(o.out, segmentRows(segments)); err != nil {
			return err
		}
	}
	if o.search.json {
		return a.json(all)
	}
	return a.rows("score\ttime\tstart\tend\tlabel\tvideo", len(segments), func(i int) string {
		s := segments[i]
		return fmt.Sprintf("%.2f\t%s\t%.4g\t%.4g\t%s\t%s", s.Score, s.Time, s.Start, s.End, shown(s.Label), shown(s.Video))
	})
}

// applyLabel chooses the threshold and finds the segments.
func (a *app) applyLabel(c *cobra.Command, t *library.Teacher, o applyFlags) (applied, error) {
	x := applied{Label: t.Name}
	threshold := o.threshold
	if !c.Flags().Changed("threshold") {
		q, err := t.Quality(c.Context(), o.point.target())
		switch {
		case errors.Is(err, label.ErrFewVideos), errors.Is(err, label.ErrNoNegatives):
			a.log.Warn("the quality is not known", "label", t.Name, "reason", err)
			threshold = t.Head().Threshold
		case err != nil:
			return x, err
		default:
			if !q.Reached {
				a.log.Warn("no threshold reaches this; the closest one is used", "label", t.Name, "precision", percent(q.Precision), "recall", percent(q.Recall))
			}
			x.Quality, threshold = &q, q.Threshold
		}
	}
	x.Cut = t.Cut(threshold)
	if c.Flags().Changed("min-length") {
		x.Cut.MinLength = o.minLength.Seconds()
	}
	if c.Flags().Changed("max-gap") {
		x.Cut.MaxGap = o.maxGap.Seconds()
	}
	var err error
	x.Segments, err = t.Segments(x.Cut)
	return x, err
}
