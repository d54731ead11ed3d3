package main

import (
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

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// searched is what `search` writes as JSON.
type searched struct {
	Library string `json:"library"`
	Query   string `json:"query"`
	Kind    string `json:"kind"` // "sentence", "image" or "video"
	*library.Found
	Clips []string `json:"clips,omitempty"` // of the results, "" where it failed
}

func (a *app) searchCommand() *cobra.Command {
	var b backboneFlags
	var dir, run, picture, clipPath, clips, page string
	var asJSON bool
	top := 10
	c := &cobra.Command{
		Use:   "search --library DIR SENTENCE",
		Short: "Find the moments of a library that a sentence describes",
		Long: `Finds the moments that a sentence describes, or that look like a picture (--image)
or a video (--video). Moments that touch are one result.

The score of a sentence is the probability that the model gives it for a moment's
caption, when the others to choose from are the library's background captions. Where
no moment reaches 50 %, nothing fits well, and the command says so. The score of a
picture or a video is 1 for the same pictures and 0 for a moment that is no more like
it than the others. Neither is how often such results are right.

--clips cuts the results out, encoded anew so that they begin and end exactly.`,
		Example: `  clipcue search --library lib "a man opens a door"
  clipcue search --library lib --image door.jpg --top 5 --clips clips`,
		RunE: func(c *cobra.Command, args []string) error {
			sentence := strings.Join(args, " ")
			given := 0
			for _, q := range []bool{len(args) > 0, picture != "", clipPath != ""} {
				if q {
					given++
				}
			}
			if given != 1 {
				return usageError{errors.New("search takes one of a sentence, --image and --video; see: clipcue search --help")}
			}
			l, err := library.Open(c.Context(), dir)
			if err != nil {
				return err
			}
			defer l.Close()
			out := searched{Library: dir, Query: sentence, Kind: "sentence"}
			towers := clip.Text
			switch {
			case picture != "":
				out.Query, out.Kind, towers = picture, "image", clip.Image
			case clipPath != "":
				out.Query, out.Kind, towers = clipPath, "video", clip.Image
			}
			s := l.Settings()
			if !c.Flags().Changed("model") && !c.Flags().Changed("run") {
				b.model, run = s.Model, s.Adapter
				if b.activation == "" {
					b.activation = s.Activation
				}
			}
			b.precision = s.Precision
			m, e, f, err := a.embedder(run, b, towers, &library.Settings{})
			if err != nil {
				if run == s.Adapter && errors.Is(err, fs.ErrNotExist) {
					err = fmt.Errorf("%w; give the place where it is now by --run", err)
				}
				return fmt.Errorf("the model of %s: %w", dir, err)
			}
			switch out.Kind {
			case "sentence":
				extra := 2 // SOT and EOT
				if f != nil {
					extra += f.Config.Prefix + f.Config.Postfix
				}
				if n := len(m.Tokenizer().Encode(sentence)) + extra; n > m.Config().Context {
					a.log.Warn("the sentence is longer than the model takes; its end is cut off", "tokens", n, "most", m.Config().Context)
				}
				if out.Found, err = l.Search(c.Context(), e, sentence, top); errors.Is(err, library.ErrEmptyQuery) {
					err = usageError{err}
				}
			default:
				var query []float32
				if err = l.Fits(e); err != nil {
					return err
				}
				if out.Kind == "image" {
					query, err = library.Picture(m, e, picture)
				} else {
					var o feature.Options
					if o.Sampling, err = video.ParseSampling(s.Sampling); err == nil {
						query, err = library.Clip(c.Context(), m, e, clipPath, o)
					}
				}
				if err == nil {
					out.Found, err = l.Like(c.Context(), query, top)
				}
			}
			if err != nil {
				return err
			}
			for _, w := range out.Warnings {
				a.log.Warn(w)
			}
			failed := 0
			if clips != "" {
				if out.Clips, failed, err = a.cut(c.Context(), clips, out.Results); err != nil {
					return err
				}
			}
			if page != "" {
				if err := report.Search(out.Query, out.Kind, out.Found, s).WriteFile(page); err != nil {
					return fmt.Errorf("the page was not written: %w", err)
				}
			}
			if asJSON {
				err = a.json(out)
			} else {
				err = a.printFound(out)
			}
			return errors.Join(err, failedClips(failed))
		},
	}
	b.add(c)
	libraryFlag(c, &dir)
	f := c.Flags()
	f.StringVar(&run, "run", "", "the library's retriever, if it is not where it was")
	f.StringVar(&picture, "image", "", "find what looks like this picture")
	f.StringVar(&clipPath, "video", "", "find what looks like this video")
	whole(c, &top, "top", 1, "how many results, at most")
	f.StringVar(&clips, "clips", "", "cut the results out into this folder")
	f.StringVar(&page, "html", "", "write a page with the thumbnails to this file, such as found.html")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func (a *app) printFound(s searched) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "score\ttime\tvideo\tthumbnail")
	for _, r := range s.Results {
		score := fmt.Sprintf("%5.1f %%", 100*r.Score)
		if s.Kind != "sentence" {
			score = fmt.Sprintf("%.3f", r.Score)
		}
		missing := ""
		if r.Missing {
			missing = " (missing)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s%s\t%s\n", score, r.Time, shown(r.Video), missing, r.Thumbnail)
	}
	return w.Flush()
}

// shown is a file's name as a line on a terminal can hold it: quoted, if it has line
// ends or other characters that do more than be seen.
func shown(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// cut writes results as files, named by their place and what they are of. It
// returns the files' paths and how many failed, each of which was named.
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

// clipName is a name that every file system takes: the place, letters and digits of
// the video's name, and the time.
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
	return fmt.Sprintf("%02d_%s_%s.mp4", place, name, strings.ReplaceAll(library.Clock(r.Start), ":", "-"))
}

// failedClips is the error that ends a search of which n results could not be cut
// out.
func failedClips(n int) error {
	if n == 0 {
		return nil
	}
	return partialError{fmt.Errorf("done, but %d of the results could not be cut out", n)}
}
