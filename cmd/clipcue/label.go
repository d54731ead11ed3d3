package main

import (
	"fmt"
	"math"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/internal/text"
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
  clipcue label train    train a better head
  clipcue label apply    find all segments that show the label

Marks are stored in the library. They follow videos that move, and stay when the
library is re-indexed with another model.`,
		Example: `  clipcue label new --library lib "dog on a leash"
  clipcue label suggest --library lib "dog on a leash"
  clipcue label mark --library lib "dog on a leash" walk.mp4 12 16`,
	}
	c.AddCommand(a.labelNewCommand(), a.labelListCommand(), a.labelMarkCommand(), a.labelSuggestCommand(), a.labelEvalCommand(), a.labelTrainCommand(),
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
	flags.Texts(c, &texts, "text", "text that describes the label; repeatable (default the name)")
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
	var o libraryFlags
	c := &cobra.Command{
		Use:     "list --library DIR [NAME]",
		Short:   "List the labels, or the marks of a label",
		Example: "  clipcue label list --library lib\n  clipcue label list --library lib leash --json",
		Args:    arguments(0, 1, "at most one name"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := o.server.Open(c, o.library)
			if err != nil {
				return err
			}
			defer l.Close()
			if len(args) == 1 {
				marks, err := l.Marks(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.printMarks(marks, o.json)
			}
			labels, err := l.Labels(c.Context())
			if err != nil {
				return err
			}
			return a.printLabels(labels, o.json)
		},
	}
	o.add(c)
	return c
}

func (a *app) printLabels(labels []library.Label, asJSON bool) error {
	if asJSON {
		return a.json(labels)
	}
	return a.rows("label\tpositive\tnegative\tpoint\ttexts", len(labels), func(i int) string {
		l := labels[i]
		return fmt.Sprintf("%s\t%d\t%d\t%s\t%s", text.Quote(l.Name), l.Positive, l.Negative, pointName(l.Point), text.Quote(strings.Join(l.Texts, "; ")))
	})
}

// pointName describes a stored operating point.
func pointName(p label.Target) string {
	switch {
	case p.Precision > 0:
		return fmt.Sprintf("precision %g", p.Precision)
	case p.Recall > 0:
		return fmt.Sprintf("recall %g", p.Recall)
	default:
		return "default"
	}
}

func (a *app) printMarks(marks []library.Mark, asJSON bool) error {
	if asJSON {
		return a.json(marks)
	}
	return a.rows("mark\tstart\tend\tvideo\tauthor\ttime", len(marks), func(i int) string {
		m := marks[i]
		return fmt.Sprintf("%s\t%g\t%g\t%s\t%s\t%s", sign(m.Positive), m.Start, m.End, text.Quote(m.Video), text.Quote(m.Author), m.Time.Local().Format(time.DateTime))
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
			added, _, err := library.AddMarks(c.Context(), dir, []library.Mark{m}, false)
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
	f.StringVar(&author, "author", userName(), "author of marks that have none")
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
