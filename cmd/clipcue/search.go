package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/filelock"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// searched is what `search` prints as JSON.
type searched struct {
	Library string `json:"library"`
	Query   string `json:"query"`
	Kind    string `json:"kind"` // "text", "image", "video", "moment" or "combined"
	*library.Response
	Parts library.Query `json:"parts"`
	Clips []string      `json:"clips,omitempty"` // of the results, "" where it failed
}

// searchFlags are the flags of `search`.
type searchFlags struct {
	embedderFlags
	query       queryFlags
	save, saved string // names
	top         int
	clips, html string
	segments    string // file
}

func (a *app) searchCommand() *cobra.Command {
	var o searchFlags
	c := &cobra.Command{
		Use:   "search --library DIR [QUERY]",
		Short: "Find the moments of a library that match a query",
		Long: `Finds the moments that match a text query, or that look like an image (--image), a video
(--video) or a moment of the library (--like). All parts of a query are combined.
Adjacent moments are merged into one result.

The score of a text query is the probability that the model gives it for a moment,
compared with the library's background captions. The score of an image or a video is 1
for the same frames and 0 for a moment no more similar than the others. The score of a
combined query is the geometric mean of its parts. Neither score is a rate of correct
results. If the best moment is hardly better than chance, by what the background
captions reach in the library, the command prints a warning.

CLIP does not understand "not". --without TEXT, or -word and -"several words" in QUERY,
search for the excluded text, too, and multiply the score by 1 minus its score.

--folder, --path, --since, --until, --min-length, --max-length and --label restrict
the search; the results are the best that pass. --save stores the query without
--top, --clips, --segments and --html; --saved repeats it. List and delete saved searches with:
clipcue library searches.

--clips cuts the results out. They are re-encoded, so that they start and end exactly.
--segments writes the results to a file, labeled with the query, in a format that clipcue
formats prints: a table for pandas (.parquet), an annotation file, a timeline (.fcpxml).`,
		Example: `  clipcue search --library lib "a man opens a door"
  clipcue search --library lib "a dog -leash" --folder videos/park --since 2024-05-01
  clipcue search --library lib "at night" --image door.jpg --top 5 --clips clips
  clipcue search --library lib --like walk.mp4@1:20`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.read(c, args); err != nil {
				return usageError{err}
			}
			return a.search(c, o)
		},
	}
	o.embedderFlags.add(c)
	o.query.add(c)
	f := c.Flags()
	f.StringVar(&o.save, "save", "", "name under which the library stores the query")
	f.StringVar(&o.saved, "saved", "", "name of a stored query, instead of a query")
	o.top = 10
	flags.Int(c, &o.top, "top", 1, "number of best results")
	f.StringVar(&o.clips, "clips", "", "folder to cut the results into")
	f.StringVar(&o.segments, "segments", "", "file for the results as segments; the extension is the format")
	flags.HTML(c, &o.html)
	return c
}

// read reads the query of a command line, if it is not a stored one.
func (o *searchFlags) read(c *cobra.Command, args []string) error {
	if err := o.query.read(args); err != nil {
		return err
	}
	if c.Flags().Changed("saved") && (o.save != "" || !o.query.empty()) {
		return errors.New("--saved takes no other query, filter or --save; see: clipcue search --help")
	}
	return nil
}

func (a *app) search(c *cobra.Command, o searchFlags) error {
	l, err := o.server.Open(c, o.library)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.CheckOutput(c.Context(), o.clips, o.segments, o.html); err != nil {
		return err
	}
	q := o.query.query
	if o.saved != "" {
		s, err := l.SavedSearch(c.Context(), o.saved)
		if err != nil {
			return err
		}
		q = s.Query
	}
	out, err := a.find(c, l, o, q)
	if err != nil {
		return err
	}
	if o.save != "" {
		if err := library.SaveSearch(c.Context(), o.library, o.save, q); err != nil {
			return err
		}
	}
	for _, w := range out.Warnings {
		a.warn(w, o.library)
	}
	failed := 0
	if o.clips != "" {
		if out.Clips, failed, err = a.cut(c.Context(), o.clips, out.Results); err != nil {
			return err
		}
	}
	if o.segments != "" {
		if err := a.writeResults(c.Context(), l, o, out); err != nil {
			return fmt.Errorf("--segments: %w", err)
		}
	}
	if o.html != "" {
		if err := report.Search(out.Query, out.Kind, out.Response, l.Settings(), l.Thumbnail).WriteFile(o.html); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	if o.json {
		err = a.json(out)
	} else {
		err = a.printFound(*out)
	}
	return errors.Join(err, failedClips(failed))
}

// find searches a library.
func (a *app) find(c *cobra.Command, l *library.Library, o searchFlags, q library.Query) (*searched, error) {
	out := &searched{Library: o.library}
	var err error
	out.Query, _ = describe(q) // as it was given
	if q, err = q.Split(); err != nil {
		return nil, queryError(err)
	}
	out.Parts = q
	_, out.Kind = describe(q)
	var towers clip.Tower
	if len(q.Texts)+len(q.Without)+len(q.Filter.Labels) > 0 {
		towers |= clip.TextTower
	}
	if len(q.Images)+len(q.Videos) > 0 || towers == 0 {
		towers |= clip.ImageTower
	}
	m, e, f, err := a.libraryModel(c, l, o.embedderFlags, towers)
	if err != nil {
		return nil, err
	}
	for _, t := range q.Texts {
		a.warnCut(m, f, t)
	}
	out.Response, err = l.Find(c.Context(), m, e, q, o.top)
	return out, queryError(err)
}

// queryError returns a wrong query as an error of usage.
func queryError(err error) error {
	if errors.Is(err, library.ErrEmptyQuery) || errors.Is(err, library.ErrQuery) {
		return usageError{err}
	}
	return err
}

// describe returns a query as text, and what it consists of.
func describe(q library.Query) (query, kind string) {
	if len(q.Texts)+len(q.Without)+len(q.Images)+len(q.Videos)+len(q.Like) == 1 {
		switch {
		case len(q.Texts) == 1:
			return q.Texts[0], "text"
		case len(q.Images) == 1:
			return q.Images[0], "image"
		case len(q.Videos) == 1:
			return q.Videos[0], "video"
		case len(q.Like) == 1:
			return q.Like[0].String(), "moment"
		}
	}
	return q.String(), "combined"
}

// libraryModel loads the model of a library, or the given one.
func (a *app) libraryModel(c *cobra.Command, l *library.Library, o embedderFlags, towers clip.Tower) (*clip.Model, recognizing, *adapter.File, error) {
	s := l.Settings()
	if !c.Flags().Changed("model") && !c.Flags().Changed("run") {
		o.backbone.Model, o.run.Path = s.Model, s.Run
		o.backbone.Activation = cmp.Or(o.backbone.Activation, s.Activation)
	}
	o.backbone.Precision = s.Precision
	var given library.Settings
	m, e, f, err := a.embedder(c.Context(), o.run, o.backbone, towers, &given)
	if err != nil {
		if o.run.Path == s.Run && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; give its new path with --run", err)
		}
		return nil, recognizing{}, nil, fmt.Errorf("the model of %s: %w", o.library, err)
	}
	if err := l.CheckEmbedder(e); err != nil && given.Model == s.Model && given.Run == s.Run {
		return nil, recognizing{}, nil, &advisedError{err, changedModel(o.library, s)}
	}
	return m, recognizingWith(m, e), f, nil
}

// warnCut logs that a text query is longer than the model's context.
func (a *app) warnCut(m *clip.Model, f *adapter.File, query string) {
	start, end := m.Tokenizer().Marks()
	n := len(m.Tokenizer().Encode(query)) + len(start) + len(end)
	if f != nil {
		n += f.Config.Prefix + f.Config.Postfix
	}
	if n > m.Config().Context {
		a.log.Warn("the text query is longer than the model's context; its end is cut off", "tokens", n, "maximum", m.Config().Context)
	}
}

func (a *app) printFound(s searched) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "score\ttime\tvideo\tthumbnail")
	for _, r := range s.Results {
		score := fmt.Sprintf("%5.1f %%", 100*r.Score)
		if len(s.Parts.Texts) == 0 {
			score = fmt.Sprintf("%.3f", r.Score)
		}
		mark := ""
		switch {
		case r.Changed:
			mark = " (changed)"
		case r.Missing:
			mark = " (missing)"
		}
		if r.Blank {
			mark += " (no content)"
		}
		terminal.Fprintf(w, "%s\t%s\t%s%s\t%s\n", score, r.Time, text.Quote(r.Video), mark, r.Thumbnail)
	}
	return w.Flush()
}

// cut writes results as video files. It returns their paths and how many failed;
// failures are logged. It removes the leftovers of interrupted searches, so only one process
// at a time cuts into a folder.
func (a *app) cut(ctx context.Context, dir string, results []library.Result) (paths []string, failed int, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, 0, err
	}
	unlock, err := filelock.Folder(ctx, dir)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	if err := atomicfile.RemoveLeftovers(dir); err != nil {
		return nil, 0, err
	}
	bar := a.progress.Start("cut", int64(len(results)), "clips")
	defer bar.Finish()
	for i, r := range results {
		path := filepath.Join(dir, clipName(i+1, r))
		err := r.Unchanged()
		changed := err != nil
		if !changed {
			err = video.Cut(ctx, r.Video, r.Start, r.End, path)
		}
		_, fault := errors.AsType[*video.Error](err)
		switch {
		case err != nil && !fault && !changed:
			return nil, failed, err
		case err != nil:
			a.log.Warn("not cut out", "video", r.Video, "time", r.Time, "reason", err)
			failed++
			path = ""
		}
		paths = append(paths, path)
		bar.Add(1)
	}
	return paths, failed, nil
}

// clipName returns a file name for a result that is valid on every file system: its
// rank, the letters and digits of the video's name, and the time.
func clipName(place int, r library.Result) string {
	name := strings.TrimSuffix(filepath.Base(r.Video), filepath.Ext(r.Video))
	name = strings.Map(func(c rune) rune {
		if c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '-' || c == '_') {
			return c
		}
		return '_'
	}, name)
	if len(name) > 60 {
		name = name[:60]
	}
	return fmt.Sprintf("%02d_%s_%s.mp4", place, name, strings.ReplaceAll(library.FormatTime(r.Start), ":", "-"))
}

// writeResults writes results in the format of the file's extension.
func (a *app) writeResults(ctx context.Context, l *library.Library, o searchFlags, s *searched) error {
	f, err := markfile.ExportFormat(o.segments)
	if err != nil {
		return usageError{err}
	}
	var rows []markfile.Row
	for _, r := range s.Results {
		rows = append(rows, markfile.Row{Video: r.Video, Start: r.Start, End: r.End, Label: strings.Join(strings.Fields(s.Query), " "), Score: &r.Score})
	}
	if rows, err = a.leaveOutChanged(ctx, l, o.library, rows); err != nil {
		return err
	}
	x := exchangeFlags{app: a, format: f}
	return x.write(o.segments, rows)
}

// failedClips returns the error of a search of which n results could not be cut out.
func failedClips(n int) error {
	if n == 0 {
		return nil
	}
	return partialError{fmt.Errorf("done, but %d of the results could not be cut out", n)}
}
