package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/library"
)

func (a *app) duplicatesCommand() *cobra.Command {
	var o libraryFlags
	threshold := library.DefaultThreshold
	c := &cobra.Command{
		Use:   "duplicates --library DIR",
		Short: "Find videos, and parts of them, that occur more than once",
		Long: `Prints files with the same content, and pairs of videos that show the same frames in
the same order, with the times in both: copies of another size or quality, and parts
that were cut out. Hard and symbolic links to one file are no copies.

The similarity is 1 for the same frames and 0 for two random moments of the library.
Moments without content (black, one color, noise, color bars) do not count. Two or more consecutive moments of at least --min-similarity are a part.`,
		Example: "  clipcue duplicates --library lib --min-similarity 0.95",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := o.server.Open(c, o.library)
			if err != nil {
				return err
			}
			defer l.Close()
			d, err := l.Duplicates(c.Context(), threshold, a.threads, a.progress)
			if err == nil {
				_, err = a.warnChanged(c.Context(), l, o.library, d.Changed, "duplicates of their old content are left out")
			}
			switch {
			case err != nil:
				return err
			case o.json:
				return a.json(d)
			}
			return a.printDuplicates(d)
		},
	}
	o.add(c)
	flags.UpTo1(c, &threshold, "min-similarity", "minimum similarity of two moments, from 0 to 1")
	return c
}

func (a *app) printDuplicates(d *library.Duplicates) error {
	if len(d.Exact)+len(d.Near) == 0 {
		_, err := fmt.Fprintln(a.out, "no duplicates")
		return err
	}
	for _, c := range d.Exact {
		terminal.Fprintf(a.out, "same file, %d bytes:\n", c.Bytes)
		for _, v := range c.Videos {
			terminal.Fprintf(a.out, "  %s\n", text.Quote(v))
		}
	}
	for _, n := range d.Near {
		terminal.Fprintf(a.out, "same frames:\n  %s\n  %s\n", text.Quote(n.A), text.Quote(n.B))
		for _, p := range n.Parts {
			terminal.Fprintf(a.out, "    %s–%s is %s–%s, similarity %.3f\n", library.FormatTime(p.A.Start), library.FormatTime(p.A.End), library.FormatTime(p.B.Start), library.FormatTime(p.B.End), p.Similarity)
		}
	}
	return nil
}
