package main

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/library"
)

func (a *app) duplicatesCommand() *cobra.Command {
	var dir string
	var asJSON bool
	threshold := library.DefaultThreshold
	c := &cobra.Command{
		Use:   "duplicates --library DIR",
		Short: "Find videos, and parts of them, that a library holds more than once",
		Long: `Names files of the same content, and pairs of videos that show the same pictures
in the same order, with the times in both: copies of another size or quality, and
parts that were cut out.

A similarity is 1 for the same pictures and 0 for two moments of the library picked
at random. Two moments in a row that are at least as similar as --min-similarity make a
part.`,
		Example: "  clipcue duplicates --library lib --min-similarity 0.95",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := library.Open(c.Context(), dir)
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
	libraryFlag(c, &dir)
	c.Flags().Var(&checked[float64]{&threshold, "float", func(s string) (x float64, err error) {
		if _, err = fmt.Sscan(s, &x); err != nil || !(x > 0 && x <= 1) || math.IsNaN(x) {
			return 0, fmt.Errorf("it is a number above 0, at most 1")
		}
		return x, nil
	}}, "min-similarity", "how similar moments have to be")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func (a *app) printDuplicates(d *library.Duplicates) error {
	if len(d.Exact)+len(d.Near) == 0 {
		_, err := fmt.Fprintln(a.out, "no duplicates")
		return err
	}
	for _, c := range d.Exact {
		fmt.Fprintf(a.out, "same file, %d bytes:\n", c.Bytes)
		for _, v := range c.Videos {
			fmt.Fprintf(a.out, "  %s\n", shown(v))
		}
	}
	for _, n := range d.Near {
		fmt.Fprintf(a.out, "same pictures:\n  %s\n  %s\n", shown(n.A), shown(n.B))
		for _, p := range n.Parts {
			fmt.Fprintf(a.out, "    %s–%s is %s–%s, similarity %.3f\n", library.Clock(p.StartA), library.Clock(p.EndA), library.Clock(p.StartB), library.Clock(p.EndB), p.Similarity)
		}
	}
	return nil
}
