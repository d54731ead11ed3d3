package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/library"
)

func (a *app) libraryCommand() *cobra.Command {
	c := &cobra.Command{Use: "library", Short: "Describe a library, check it, export its moments, or list its saved searches",
		Example: "  clipcue library info --library lib\n  clipcue library check --library lib\n  clipcue library searches --library lib"}
	c.AddCommand(a.libraryInfoCommand(), a.libraryCheckCommand(), a.libraryExportCommand(), a.librarySearchesCommand())
	return c
}

func (a *app) libraryInfoCommand() *cobra.Command {
	var o libraryFlags
	c := &cobra.Command{
		Use:   "info --library DIR",
		Short: "Describe a library and its settings",
		Long: `Prints the number of videos and moments of a library, its settings, and the videos that
are missing, were decoded only in part, failed, or are waiting to be re-indexed.`,
		Example: "  clipcue library info --library lib --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := o.server.Open(c, o.library)
			if err != nil {
				return err
			}
			defer l.Close()
			i, err := l.Info(c.Context())
			if err != nil {
				return err
			}
			if o.json {
				return a.json(i)
			}
			s := i.Settings
			rows := [][2]string{
				{"videos", fmt.Sprintf("%d, %v", i.Videos, duration(i.Seconds))},
				{"moments", fmt.Sprintf("%d of %g s, one every %g s", i.Moments, s.Window, s.Hop)},
				{"size", fmt.Sprintf("%.1f MB", float64(i.Bytes)/1e6)},
				{"model", fmt.Sprintf("%s (%s, width %d)", s.Model, s.Fingerprint, s.Width)},
			}
			if s.Run != "" {
				rows = append(rows, [2]string{"run", s.Run})
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
					rows = append(rows, [2]string{list.name, text.Quote(p)})
				}
			}
			for _, list := range []struct {
				name  string
				items []feature.Failure
			}{{"in part", i.Partial}, {"failed", i.Failed}} {
				for _, f := range list.items {
					rows = append(rows, [2]string{list.name, text.Quote(f.Path) + ": " + f.Reason})
				}
			}
			return a.pairs(rows)
		},
	}
	o.add(c)
	return c
}

func (a *app) libraryCheckCommand() *cobra.Command {
	var o libraryFlags
	c := &cobra.Command{
		Use:   "check --library DIR",
		Short: "Read all of a library and report damage",
		Long: `Reads all of a library and compares the rows of the database, the vectors and the
thumbnails with their checksums. For each damaged item it prints the file and what to
do. The exit code is 3 if anything is damaged. Do not run it while clipcue index is
running.`,
		Example: "  clipcue library check --library lib",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := o.server.Open(c, o.library)
			if err != nil {
				return err
			}
			defer l.Close()
			damage, err := l.Check(c.Context())
			if err != nil {
				return err
			}
			type damaged struct {
				library.Damage
				Remedy string `json:"remedy"`
			}
			list := []damaged{}
			for _, d := range damage {
				list = append(list, damaged{d, damageRemedy(o.library, d)})
			}
			switch {
			case o.json:
				err = a.json(map[string]any{"library": o.library, "damage": list})
			case len(damage) == 0:
				_, err = fmt.Fprintln(a.out, "all is well")
			}
			if !o.json {
				for _, d := range list {
					terminal.Fprintf(a.out, "%s; %s\n", d.String(), d.Remedy)
				}
			}
			if err == nil && len(damage) > 0 {
				err = partialError{fmt.Errorf("%d damaged in %s", len(damage), o.library)}
			}
			return err
		},
	}
	o.add(c)
	return c
}

// thumbnails is the format of tracks of thumbnails, one file per video.
const thumbnails library.TableFormat = "thumbnails"

func (a *app) libraryExportCommand() *cobra.Command {
	var o libraryFlags
	var out string
	var format library.TableFormat
	c := &cobra.Command{
		Use:   "export --library DIR --out FILE",
		Short: "Write the moments of a library with their embeddings to a table, or thumbnails",
		Long: `Writes the video, the times in seconds, the share of blank frames and the embedding of
each moment. The extension of FILE chooses the format, unless --as is given.

  parquet  columns id, video, start, end, blank, vector; the provenance in the metadata
  arrow    the same
  jsonl    a line for each moment, with the same keys
  npz      arrays id, video, start, end, blank [n] and vector [n,E]; video is a row of
           "videos" in metadata.json, which has the provenance

With --as thumbnails, it writes tracks of thumbnails for web players to the folder FILE: in
VIDEO.thumbnails, thumbnails.vtt (WebVTT) and the images.`,
		Example: "  clipcue library export --library lib --out moments.parquet\n  clipcue library export --library lib --out tracks --as thumbnails",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if format == "" {
				var ok bool
				if format, ok = library.TableFormatOf(filepath.Ext(out)); !ok {
					return usageError{fmt.Errorf("--out %s has none of the extensions of %s, and --as is not given", text.Quote(out), flags.Words(library.TableFormats))}
				}
			}
			l, err := o.server.Open(c, o.library)
			if err != nil {
				return err
			}
			defer l.Close()
			if err := l.CheckOutput(c.Context(), out); err != nil {
				return err
			}
			what := "moments"
			var n int
			if format == thumbnails {
				what = "videos"
				n, err = a.exportThumbnails(c.Context(), l, o.library, out)
			} else {
				n, err = l.Export(c.Context(), out, format, a.progress)
			}
			switch {
			case err != nil:
				return err
			case o.json:
				return a.json(map[string]any{"file": out, "format": format, what: n})
			}
			if info, err := os.Stat(out); err == nil && (info.Mode().IsRegular() || info.IsDir()) { // not /dev/stdout
				terminal.Fprintf(a.out, "%d %s: %s\n", n, what, out)
			}
			return nil
		},
	}
	o.add(c)
	formats := append(slices.Clone(library.TableFormats), thumbnails)
	flags.Out(c, &out, "file to write; with thumbnails, a folder")
	flags.OneOf(c, &format, "as", formats, "file format: "+flags.Words(formats))
	c.Flags().Lookup("as").DefValue = "by the extension"
	return c
}

// exportThumbnails writes the thumbnails of the videos that have not changed since they were
// indexed, and warns of the others.
func (a *app) exportThumbnails(ctx context.Context, l *library.Library, dir, out string) (int, error) {
	videos, err := l.Videos(ctx)
	if err != nil {
		return 0, err
	}
	var paths []string
	for _, v := range videos {
		paths = append(paths, v.Path)
	}
	if _, err := a.warnChanged(ctx, l, dir, paths, "their thumbnails are left out"); err != nil {
		return 0, err
	}
	return l.ExportThumbnails(ctx, out, a.progress)
}

func (a *app) librarySearchesCommand() *cobra.Command {
	var o libraryFlags
	var remove string
	c := &cobra.Command{
		Use:   "searches --library DIR",
		Short: "List the saved searches of a library, or delete one",
		Long: `Prints the searches that clipcue search --save stored. Repeat one with
clipcue search --saved NAME.`,
		Example: "  clipcue library searches --library lib\n  clipcue library searches --library lib --delete dogs",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("delete") {
				return library.DeleteSearch(c.Context(), o.library, remove)
			}
			l, err := o.server.Open(c, o.library)
			if err != nil {
				return err
			}
			defer l.Close()
			list, err := l.SavedSearches(c.Context())
			switch {
			case err != nil:
				return err
			case o.json:
				return a.json(list)
			}
			return a.rows("name\tsaved\tquery\tfilter", len(list), func(i int) string {
				s := list[i]
				return fmt.Sprintf("%s\t%s\t%s\t%s", text.Quote(s.Name), s.Created.Local().Format(time.DateTime), text.Quote(s.Query.String()), text.Quote(s.Query.Filter.String()))
			})
		},
	}
	o.add(c)
	c.Flags().StringVar(&remove, "delete", "", "name of a saved search to delete")
	return c
}
