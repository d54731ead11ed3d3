package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/library"
)

func (a *app) duplicatesCommand() *cobra.Command {
	var dir string
	var server flags.Server
	var asJSON bool
	threshold := library.DefaultThreshold
	c := &cobra.Command{
		Use:   "duplicates --library DIR",
		Short: "Find videos, and parts of them, that occur more than once",
		Long: `Prints files with the same content, and pairs of videos that show the same frames in
the same order, with the times in both: copies of another size or quality, and parts
that were cut out.

The similarity is 1 for the same frames and 0 for two random moments of the library.
Moments without content (black, one color, noise, color bars) do not count. Two or more consecutive moments of at least --min-similarity are a part.`,
		Example: "  clipcue duplicates --library lib --min-similarity 0.95",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := server.Open(c, dir)
			if err != nil {
				return err
			}
			defer l.Close()
			d, err := l.Duplicates(c.Context(), threshold, a.threads, a.progress)
			switch {
			case err != nil:
				return err
			case asJSON:
				return a.json(d)
			}
			return a.printDuplicates(d)
		},
	}
	flags.Library(c, &dir)
	server.Add(c)
	flags.UpTo1(c, &threshold, "min-similarity", "minimum similarity of two moments, from 0 to 1")
	flags.JSON(c, &asJSON)
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
			terminal.Fprintf(a.out, "  %s\n", shown(v))
		}
	}
	for _, n := range d.Near {
		terminal.Fprintf(a.out, "same frames:\n  %s\n  %s\n", shown(n.A), shown(n.B))
		for _, p := range n.Parts {
			terminal.Fprintf(a.out, "    %s–%s is %s–%s, similarity %.3f\n", library.FormatTime(p.A.Start), library.FormatTime(p.A.End), library.FormatTime(p.B.Start), library.FormatTime(p.B.End), p.Similarity)
		}
	}
	return nil
}
