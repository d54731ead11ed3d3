package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/library"
)

func (a *app) libraryCommand() *cobra.Command {
	c := &cobra.Command{Use: "library", Short: "Look at a library, and check it",
		Example: "  clipcue library info --library lib\n  clipcue library check --library lib"}
	c.AddCommand(a.libraryInfoCommand(), a.libraryCheckCommand())
	return c
}

func (a *app) libraryInfoCommand() *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "info --library DIR",
		Short: "Say what a library holds, and what it was made with",
		Long: `Tells how many videos and moments a library holds and what it was made with, and
names the videos that are missing, that could be decoded only in part, that failed,
and that wait for being indexed anew.`,
		Example: "  clipcue library info --library lib --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := library.Open(c.Context(), dir)
			if err != nil {
				return err
			}
			defer l.Close()
			i, err := l.Info(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(i)
			}
			s := i.Settings
			rows := [][2]string{
				{"videos", fmt.Sprintf("%d, %v", i.Videos, duration(i.Seconds))},
				{"moments", fmt.Sprintf("%d of %g s, one every %g s", i.Moments, s.Window, s.Hop)},
				{"size", fmt.Sprintf("%.1f MB", float64(i.Bytes)/1e6)},
				{"model", fmt.Sprintf("%s (%s, width %d)", s.Model, s.Fingerprint, s.Width)},
			}
			if s.Adapter != "" {
				rows = append(rows, [2]string{"adapter", s.Adapter})
			}
			if s.Server != "" {
				rows = append(rows, [2]string{"server", s.Server + ", " + s.Collection})
			}
			rows = append(rows, [2]string{"frames", s.Sampling + ", " + s.Preprocess}, [2]string{"background", fmt.Sprintf("%d captions", len(s.Captions))})
			for _, list := range []struct {
				name  string
				paths []string
			}{{"folder", i.Folders}, {"missing", i.Missing}, {"waiting", i.Pending}} {
				for _, p := range list.paths {
					rows = append(rows, [2]string{list.name, shown(p)})
				}
			}
			for _, list := range []struct {
				name  string
				items []feature.Failure
			}{{"in part", i.Partial}, {"failed", i.Failed}} {
				for _, f := range list.items {
					rows = append(rows, [2]string{list.name, shown(f.Path) + ": " + f.Reason})
				}
			}
			return a.pairs(rows)
		},
	}
	libraryFlag(c, &dir)
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func (a *app) libraryCheckCommand() *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check --library DIR",
		Short: "Read all of a library and name what is damaged",
		Long: `Reads all of a library, the database's rows, the vectors and the thumbnails by their
checksums, and says for each damage which file it is in and what to do. The exit code
is 3 if there is any.
It is for a time when no clipcue index is at work.`,
		Example: "  clipcue library check --library lib",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := library.Open(c.Context(), dir)
			if err != nil {
				return err
			}
			defer l.Close()
			damage, err := l.Check(c.Context())
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				err = a.json(map[string]any{"library": dir, "damage": damage})
			case len(damage) == 0:
				_, err = fmt.Fprintln(a.out, "all is well")
			}
			if !asJSON {
				for _, d := range damage {
					fmt.Fprintln(a.out, d)
				}
			}
			if err == nil && len(damage) > 0 {
				err = partialError{fmt.Errorf("%d damaged in %s", len(damage), dir)}
			}
			return err
		},
	}
	libraryFlag(c, &dir)
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}
