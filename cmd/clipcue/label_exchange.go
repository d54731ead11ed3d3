package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// exchangeFlags choose the format of a file of marks or segments.
type exchangeFlags struct {
	app     *app
	format  markfile.Format
	fps     float64
	folders []string                        // of the library
	video   func(name string) (path string) // that a file names; nil if names are paths
}

func (x *exchangeFlags) add(c *cobra.Command) {
	flags.OneOf(c, &x.format, "format", markfile.Formats(), "file format, of those that clipcue formats prints")
	c.Flags().Lookup("format").DefValue = "by the extension"
	flags.Positive(c, &x.fps, "frame-rate", "frames per second of missing videos, for formats that count frames")
	c.Flags().Lookup("frame-rate").DefValue = ""
}

// write writes rows to a file in the format, or that of its extension.
func (x *exchangeFlags) write(out string, rows []markfile.Row) error {
	f := x.format
	if f == "" {
		var err error
		if f, err = markfile.ExportFormat(out); err != nil {
			return usageError{err}
		}
	}
	files, err := markfile.Write(out, f, rows, x.options())
	if err != nil {
		return err
	}
	others, err := markfile.OtherFiles(out, f, files)
	if len(others) > 0 {
		x.app.log.Warn("the folder has other files of this format, which readers of the folder also find", "files", len(others), "first", others[0],
			"try", "an empty folder, if they are of an earlier export")
	}
	return err
}

// withAdvice adds which flag helps after an error.
func withAdvice(err error) error {
	switch {
	case errors.Is(err, markfile.ErrRate):
		return &advisedError{err, "the same command when the video can be read, or with --frame-rate"}
	case errors.Is(err, markfile.ErrFormat):
		return &advisedError{err, "--format with one that clipcue formats prints"}
	}
	return err
}

// options returns the options of the format. A list for a video editor counts the frames of
// a video, from its own timecode on, if the video can be read.
func (x *exchangeFlags) options() markfile.Options {
	return markfile.Options{Rate: x.fps, Folders: x.folders, Lost: func(what string, n int) {
		x.app.log.Warn("left out: "+what, "count", n)
	}, Clock: func(path string) (float64, markfile.Clock, error) {
		if x.video != nil {
			path = x.video(path)
		}
		return markfile.ClockOf(video.FrameClock(context.Background(), path))
	}, Duration: func(path string) float64 {
		return video.DurationOf(context.Background(), path)
	}}
}

// storedVideo returns the path of the video of a library that a path, or the end of one,
// names, or the path itself. Adding the marks reports what is wrong.
func storedVideo(ctx context.Context, dir, path string) string {
	if l, err := library.Open(ctx, dir); err == nil {
		defer l.Close()
		if stored, err := l.Video(ctx, path); err == nil {
			return stored
		}
	}
	return path
}

// warnChanged warns of the given videos that have changed since they were indexed, and
// returns them by path. effect is what this means for n moments, marks or segments.
func (a *app) warnChanged(ctx context.Context, l *library.Library, dir string, paths []string, effect string) (map[string]bool, error) {
	changed, err := l.Changed(ctx, paths)
	n := 0
	for _, path := range paths {
		if changed[path] {
			n++
		}
	}
	if n > 0 {
		a.log.Warn("the files of "+english.Plural(len(changed), "video", "")+" have changed since they were indexed; "+effect, "count", n, "try", "clipcue index --library "+shellArg(dir))
	}
	return changed, err
}

// leaveOutChanged returns the rows whose videos have not changed since they were indexed,
// and warns of the others: their times are those of the old content.
func (a *app) leaveOutChanged(ctx context.Context, l *library.Library, dir string, rows []markfile.Row) ([]markfile.Row, error) {
	var paths []string
	for _, r := range rows {
		paths = append(paths, r.Video)
	}
	changed, err := a.warnChanged(ctx, l, dir, paths, "their segments describe the old content and are not written to files")
	return slices.DeleteFunc(rows, func(r markfile.Row) bool { return changed[r.Video] }), err
}

func segmentRows(segments []library.Segment) (rows []markfile.Row) {
	for _, s := range segments {
		rows = append(rows, markfile.Row{Video: s.Video, Start: s.Start, End: s.End, Label: s.Label, Score: &s.Score})
	}
	return rows
}

func (a *app) labelExportCommand() *cobra.Command {
	var dir, out string
	var server flags.Server
	var negatives bool
	x := exchangeFlags{app: a}
	c := &cobra.Command{
		Use:   "export --library DIR --out FILE [NAME]",
		Short: "Write the marks of a label, or of all, to a file",
		Long: `Writes the positive marks. CSV (video,start,end,label), JSONL and ActivityNet JSON are
valid data for clipcue train. --negatives adds the negative marks, authors and dates to
CSV, JSONL and Parquet; use these files for clipcue label import only.

For formats with one file per video, --out is a folder. clipcue formats prints all formats
and what each cannot represent.`,
		Example: `  clipcue label export --library lib --out marks.csv
  clipcue label export --library lib --out all.jsonl --negatives
  clipcue label export --library lib leash --out subtitles --format vtt`,
		Args: arguments(0, 1, "at most one name"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := server.Open(c, dir)
			if err != nil {
				return err
			}
			defer l.Close()
			if err := l.CheckOutput(c.Context(), out); err != nil {
				return err
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			marks, err := l.Marks(c.Context(), name)
			if err != nil {
				return err
			}
			var rows []markfile.Row
			gone := 0
			for _, m := range marks {
				if m.VideoID == 0 {
					gone++
				} else if m.Positive || negatives {
					rows = append(rows, markfile.Row{Video: m.Video, Start: m.Start, End: m.End, Label: m.Label, Negative: !m.Positive, Author: m.Author, Time: m.Time})
				}
			}
			if gone > 0 {
				a.log.Warn("marks are left out: their videos are not in the library", "marks", gone)
			}
			info, err := l.Info(c.Context())
			if err != nil {
				return err
			}
			x.folders = info.Folders
			if rows, err = a.leaveOutChanged(c.Context(), l, dir, rows); err != nil {
				return err
			}
			return withAdvice(x.write(out, rows))
		},
	}
	flags.Library(c, &dir)
	server.Add(c)
	flags.Out(c, &out, "file, or folder for formats with one file per video")
	x.add(c)
	c.Flags().BoolVar(&negatives, "negatives", false, "also write negative marks, to csv, jsonl or parquet")
	return c
}

func (a *app) labelImportCommand() *cobra.Command {
	var dir, author, videoPath string
	var asJSON bool
	x := exchangeFlags{app: a}
	c := &cobra.Command{
		Use:   "import --library DIR FILE|FOLDER...",
		Short: "Add marks from files",
		Long: `Adds marks, all or none. Labels that do not exist are created. Marks that the library has
already are skipped. Marks of a label that cover about the same span (a temporal IoU of at
least 0.5), such as those of several annotators, become one. Videos are named by their
path, or by the end of it that only one video of the library has. In formats with one file
per video, the file is named as its video, with the extension added; --video names it
otherwise. clipcue formats prints all formats.

The label is the text of an interval or annotation (Praat, ELAN; the tier if it has none)
or the behavior (BORIS).`,
		Example: `  clipcue label import --library lib marks.csv
  clipcue label import --library lib talk.srt --video talk.mp4`,
		Args: arguments(1, -1, "files or folders"),
		RunE: func(c *cobra.Command, args []string) error {
			if videoPath != "" && len(args) > 1 {
				return usageError{errors.New("--video is for one file, got several")}
			}
			var marks []library.Mark
			x.video = func(name string) string { return storedVideo(c.Context(), dir, cmp.Or(videoPath, name)) }
			for _, path := range args {
				rows, err := markfile.Read(path, x.format, x.options())
				if err != nil {
					return withAdvice(err)
				}
				for _, r := range rows {
					m := library.Mark{Label: r.Label, Video: r.Video, Start: r.Start, End: r.End, Positive: !r.Negative, Author: r.Author, Time: r.Time}
					if videoPath != "" {
						m.Video = filepath.Clean(videoPath)
					}
					if m.Author == "" {
						m.Author = author
					}
					marks = append(marks, m)
				}
			}
			added, joined, err := library.AddMarks(c.Context(), dir, marks, true)
			switch {
			case err != nil:
				return err
			case asJSON:
				return a.json(map[string]int{"marks": len(marks), "added": added, "joined": joined})
			}
			summary := fmt.Sprintf("%s added, %d were there already", english.Plural(added, "mark", ""), len(marks)-joined-added)
			if joined > 0 {
				summary += fmt.Sprintf(", %d joined with others of their label", joined)
			}
			_, err = fmt.Fprintln(a.out, summary)
			return err
		},
	}
	flags.Library(c, &dir)
	x.add(c)
	c.Flags().StringVar(&videoPath, "video", "", "video of the marks, if the file does not name it")
	c.Flags().StringVar(&author, "author", userName(), "author of marks that have none")
	c.Flags().Lookup("author").DefValue = "your user name"
	flags.JSON(c, &asJSON)
	return c
}
