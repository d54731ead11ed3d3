package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

// searched is what `search` prints as JSON.
type searched struct {
	Library string `json:"library"`
	Query   string `json:"query"`
	Kind    string `json:"kind"` // "text", "image" or "video"
	*library.Response
	Clips []string `json:"clips,omitempty"` // of the results, "" where it failed
}

// searchFlags are the flags of `search`.
type searchFlags struct {
	backbone               flags.Backbone
	run                    flags.Run
	library                string
	server                 flags.Server
	image, video           string // of the query, if not text
	top                    int
	clips, html, queryText string
	json                   bool
}

func (a *app) searchCommand() *cobra.Command {
	var o searchFlags
	c := &cobra.Command{
		Use:   "search --library DIR QUERY",
		Short: "Find the moments of a library that match a text query",
		Long: `Finds the moments that match a text query, or that look like an image (--image) or a
video (--video). Adjacent moments are merged into one result.

The score of a text query is the probability that the model gives it for a moment,
compared with the library's background captions. If no moment reaches 50 %, nothing
matches well, and the command prints a warning. The score of an image or a video is 1
for the same frames and 0 for a moment no more similar than the others. Neither score
is a rate of correct results.

--clips cuts the results out. They are re-encoded, so that they start and end exactly.`,
		Example: `  clipcue search --library lib "a man opens a door"
  clipcue search --library lib --image door.jpg --top 5 --clips clips`,
		RunE: func(c *cobra.Command, args []string) error {
			o.queryText = strings.Join(args, " ")
			given := 0
			for _, q := range []bool{len(args) > 0, o.image != "", o.video != ""} {
				if q {
					given++
				}
			}
			if given != 1 {
				return usageError{errors.New("search takes one of a text query, --image and --video; see: clipcue search --help")}
			}
			return a.search(c, o)
		},
	}
	o.backbone.AddOfLibrary(c)
	o.run.Add(c)
	flags.Library(c, &o.library)
	o.server.Add(c)
	f := c.Flags()
	f.StringVar(&o.image, "image", "", "image to search by, instead of a text query")
	f.StringVar(&o.video, "video", "", "video to search by, instead of a text query")
	o.top = 10
	flags.Int(c, &o.top, "top", 1, "number of best results")
	f.StringVar(&o.clips, "clips", "", "folder to cut the results into")
	flags.HTML(c, &o.html)
	flags.JSON(c, &o.json)
	return c
}

func (a *app) search(c *cobra.Command, o searchFlags) error {
	l, err := o.server.Open(c, o.library)
	if err != nil {
		return err
	}
	defer l.Close()
	out, err := a.find(c, l, o)
	if err != nil {
		return err
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

// find searches a library by the query of the flags.
func (a *app) find(c *cobra.Command, l *library.Library, o searchFlags) (*searched, error) {
	out := &searched{Library: o.library, Query: o.queryText, Kind: "text"}
	towers := clip.TextTower
	switch {
	case o.image != "":
		out.Query, out.Kind, towers = o.image, "image", clip.ImageTower
	case o.video != "":
		out.Query, out.Kind, towers = o.video, "video", clip.ImageTower
	}
	m, e, f, err := a.libraryModel(c, l, o, towers)
	if err != nil {
		return nil, err
	}
	ctx := c.Context()
	if out.Kind == "text" {
		a.warnCut(m, f, o.queryText)
		out.Response, err = l.Search(ctx, e, o.queryText, o.top)
		if errors.Is(err, library.ErrEmptyQuery) {
			err = usageError{err}
		}
		return out, err
	}
	if err := l.CheckEmbedder(e); err != nil {
		return nil, err
	}
	var query []float32
	if out.Kind == "image" {
		query, err = library.EmbedImage(ctx, m, e, o.image)
	} else {
		var extract feature.Options
		if extract.Sampling, err = video.ParseSampling(l.Settings().Sampling); err == nil {
			query, err = library.EmbedVideo(ctx, m, e, o.video, extract)
		}
	}
	if err == nil {
		out.Response, err = l.SearchEmbedding(ctx, query, o.top)
	}
	return out, err
}

// libraryModel loads the model of a library, or the given one.
func (a *app) libraryModel(c *cobra.Command, l *library.Library, o searchFlags, towers clip.Tower) (*clip.Model, *retrieval.Retriever, *adapter.File, error) {
	s := l.Settings()
	if !c.Flags().Changed("model") && !c.Flags().Changed("run") {
		o.backbone.Model, o.run.Path = s.Model, s.Run
		o.backbone.Activation = cmp.Or(o.backbone.Activation, s.Activation)
	}
	o.backbone.Precision = s.Precision
	m, e, f, err := a.embedder(c.Context(), o.run, o.backbone, towers, &library.Settings{})
	if err != nil {
		if o.run.Path == s.Run && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; give its new path with --run", err)
		}
		return nil, nil, nil, fmt.Errorf("the model of %s: %w", o.library, err)
	}
	return m, e, f, nil
}

// warnCut logs that a text query is longer than the model's context.
func (a *app) warnCut(m *clip.Model, f *adapter.File, query string) {
	n := len(m.Tokenizer().Encode(query)) + 2 // SOT and EOT
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
		if s.Kind != "text" {
			score = fmt.Sprintf("%.3f", r.Score)
		}
		mark := ""
		if r.Missing {
			mark = " (missing)"
		}
		if r.Blank {
			mark += " (no content)"
		}
		terminal.Fprintf(w, "%s\t%s\t%s%s\t%s\n", score, r.Time, shown(r.Video), mark, r.Thumbnail)
	}
	return w.Flush()
}

// shown returns a file's name for a line on a terminal. Names with line ends or other
// control characters are quoted.
func shown(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// cut writes results as video files. It returns their paths and how many failed;
// failures are logged.
func (a *app) cut(ctx context.Context, dir string, results []library.Result) (paths []string, failed int, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, 0, err
	}
	bar := a.progress.Start("cut", int64(len(results)), "clips")
	defer bar.Finish()
	for i, r := range results {
		path := filepath.Join(dir, clipName(i+1, r))
		err := video.Cut(ctx, r.Video, r.Start, r.End, path)
		_, fault := errors.AsType[*video.Error](err)
		switch {
		case err != nil && !fault:
			return nil, failed, err
		case fault:
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

// failedClips returns the error of a search of which n results could not be cut out.
func failedClips(n int) error {
	if n == 0 {
		return nil
	}
	return partialError{fmt.Errorf("done, but %d of the results could not be cut out", n)}
}
