package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/labeling"
	"github.com/clipcue/clipcue/task/retrieval"
)

// lesson holds labels that were learned, and the model of their library.
type lesson struct {
	teachers []*library.Teacher
	library  *library.Library
	model    *clip.Model
	embedder library.Embedder
	settings library.Settings
	folders  []string // of the library
}

// recognizing is an embedder that trains and runs the recognizers of labels.
type recognizing struct {
	*retrieval.Retriever
	labeling.Trainer
}

func recognizingWith(m *clip.Model, r *retrieval.Retriever) recognizing {
	return recognizing{r, labeling.Trainer{Backbone: m}}
}

// teach opens a library, learns labels, all if none is given, and calls use with them.
func (a *app) teach(c *cobra.Command, o embedderFlags, towers clip.Tower, names []string, use func(lesson) error) error {
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
			if x.Positive == 0 {
				a.log.Warn("left out: the label has no positive marks", "label", x.Name)
				continue
			}
			names = append(names, x.Name)
		}
	}
	info, err := l.Info(c.Context())
	if err != nil {
		return err
	}
	x := lesson{library: l, settings: l.Settings(), folders: info.Folders}
	if x.model, x.embedder, _, err = a.libraryModel(c, l, o, towers); err != nil {
		return err
	}
	return a.learn(c.Context(), l, x, names, use)
}

// learn learns labels of an open library with the model of x, and calls use with them.
func (a *app) learn(ctx context.Context, l *library.Library, x lesson, names []string, use func(lesson) error) error {
	m, err := l.Moments(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, name := range names {
		t, err := l.Teach(ctx, x.embedder, m, name)
		if err != nil {
			return err
		}
		if t.Unused > 0 {
			a.log.Warn("marks are not used: their videos are not in the library or wait to be re-indexed", "label", t.Name, "marks", t.Unused)
		}
		if t.Outdated {
			a.log.Warn("the label has at least twice as many marks as when it was trained; train it again", "label", t.Name)
		}
		x.teachers = append(x.teachers, t)
	}
	return use(x)
}

// teachOne is teach for one label.
func (a *app) teachOne(c *cobra.Command, o embedderFlags, name string, use func(*library.Teacher) error) error {
	return a.teach(c, o, clip.TextTower, []string{name}, func(x lesson) error { return use(x.teachers[0]) })
}

// suspects is the feed of marks that the others contradict.
const suspects label.Feed = "suspects"

func (a *app) labelSuggestCommand() *cobra.Command {
	var o embedderFlags
	var top int
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
			return a.teach(c, o, clip.TextTower, args, func(x lesson) error {
				t := x.teachers[0]
				if feed == suspects {
					return a.printSuspects(c.Context(), t, top, o.json)
				}
				found := t.Suggest(feed, top, seed, func(video string) bool { return strings.HasPrefix(video, prefix) })
				var paths []string
				for _, s := range found {
					paths = append(paths, s.Video)
				}
				if _, err := a.warnChanged(c.Context(), x.library, o.library, paths, "their moments cannot be marked"); err != nil {
					return err
				}
				return a.printSuggestions(found, o.json)
			})
		},
	}
	o.add(c)
	flags.OneOf(c, &feed, "feed", append(label.Feeds(), suspects), "what to suggest: likely, uncertain, random or suspects")
	top = 10
	flags.Int(c, &top, "top", 1, "number of suggestions")
	c.Flags().StringVar(&prefix, "below", "", "only videos whose absolute path begins with this")
	flags.Seed(c, &seed)
	return c
}

func (a *app) printSuggestions(found []library.Suggestion, asJSON bool) error {
	if asJSON {
		return a.json(found)
	}
	return a.rows("score\tstart\tend\tvideo\tthumbnail", len(found), func(i int) string {
		s := found[i]
		return fmt.Sprintf("%.2f\t%g\t%g\t%s\t%s", s.Score, s.Start, s.End, text.Quote(s.Video), text.Quote(s.Thumbnail))
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
		return fmt.Sprintf("%.2f\t%s\t%g\t%g\t%s", s.Margin, sign(s.Positive), s.Start, s.End, text.Quote(s.Video))
	})
}
