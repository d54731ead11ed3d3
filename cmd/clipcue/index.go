package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

// indexFPS is the default frames per second of a library: a moment of 4 s then has 8
// frames.
const indexFPS = 2

// indexFlags are the flags of `index`.
type indexFlags struct {
	backbone    flags.Backbone
	run         flags.Run
	library     string
	captions    string // a file
	window, hop time.Duration
	server      flags.Server
	fleet       brokerFlags
	labels      []string
	point       pointFlags
	prune, yes  bool
	fps         float64
	options     library.Options
	json        bool
}

func (a *app) indexCommand() *cobra.Command {
	var o indexFlags
	c := &cobra.Command{
		Use:   "index --library DIR [VIDEO|FOLDER...]",
		Short: "Create or update a searchable library of videos",
		Long: `Divides videos into moments of length --window, one every --hop. The library stores
the embedding, the thumbnail and the times of each moment.

Run again, the command processes videos that are new or have changed in size and in
time or content. Without a VIDEO it updates everything in the library, and adds new
videos of the folders that were given before. Videos that no longer exist are reported
and stay in the library. --prune removes those that were deleted, after listing them. It
requires --yes to remove more than three videos and a fifth of the library, or videos
whose folder is gone, too. Videos whose folder cannot be read, or is empty like the mount
point of a disk that is not mounted, are never removed. Run the same command again to
resume an interrupted run.

The model is chosen when the library is created: a backbone (--model) or a retrieval
run (--run). The library stores this choice. Changing the model or the window settings
requires --reindex, which re-indexes every video.

From --graph moments on, search uses an approximate graph, which takes minutes to
build. --server stores the vectors on a Weaviate server such as http://localhost:8080.
The key in CLIPCUE_WEAVIATE_KEY is sent only to the address of --server or
CLIPCUE_WEAVIATE_URL, so later commands need it again. Scores are relative to the background captions,
everyday ones unless --background-captions is given.

With --fleet, the machines of a fleet extract the features (see "clipcue fleet"). The
command submits the videos that it has to process, waits, and reads them from the feature
store of the fleet, which must be in the same folder on this machine, as the videos must be
on all. It still decodes the videos, for the thumbnails. The library is the same.

With --label, the command also prints the segments of the videos that it indexed in which
a label of the library is seen, at the operating point of --min-precision or --min-recall.
Without these flags, it is the one that label apply has stored.

Unreadable videos are skipped and reported. The exit code is 0 if all is well, 3 if
some videos failed, and 1 if all failed or the run was stopped.`,
		Example: `  clipcue index --library lib --model ViT-B/16 videos/
  clipcue index --library lib
  clipcue index --library lib --fleet nats://10.0.0.5:4222 /shared/videos
  clipcue index --library lib --label leash --json`,
		RunE: func(c *cobra.Command, args []string) error { return a.index(c, args, o) },
	}
	o.add(c)
	return c
}

func (o *indexFlags) add(c *cobra.Command) {
	o.backbone.AddOfLibrary(c)
	o.run.Add(c)
	o.backbone.AddPrecision(c)
	flags.Library(c, &o.library)
	flags.Moment(c, &o.window, "window", "length of a moment", "4s in a new library")
	flags.Moment(c, &o.hop, "hop", "time between the starts of moments", "2s in a new library")
	o.fps = indexFPS
	flags.FPS(c, &o.fps)
	c.Flags().Lookup("fps").DefValue = "as in training of --run, or 2"
	f := c.Flags()
	f.StringVar(&o.captions, "background-captions", "", "file of captions that scores are relative to, one per line")
	flags.Int(c, &o.options.Settings.Graph, "graph", 0, "minimum number of moments for approximate search (default 1,000,000)")
	o.server.Add(c)
	o.fleet.addFleet(c)
	f.StringArrayVar(&o.labels, "label", nil, "label to look for in the videos that are indexed; repeatable")
	o.point.add(c)
	f.BoolVar(&o.options.Reindex, "reindex", false, "re-index the given videos, or all of the library")
	f.BoolVar(&o.prune, "prune", false, "remove videos and folders that were deleted")
	f.BoolVar(&o.yes, "yes", false, "let --prune remove a large part of the library")
	flags.AllowPartial(c, &o.options.Extract.AllowPartial)
	flags.Timeout(c, &o.options.Extract.Timeout)
	flags.Extraction(c, &o.options.Extract)
	flags.Still(c, &o.options.Extract.Still)
	flags.JSON(c, &o.json)
}

func (a *app) index(c *cobra.Command, paths []string, o indexFlags) error {
	old, err := library.ReadSettings(c.Context(), o.library)
	if err != nil && !errors.Is(err, library.ErrNotLibrary) {
		return err
	}
	if err := o.checkLabels(c); err != nil {
		return err
	}
	given := c.Flags().Changed
	s := &o.options.Settings
	s.Window, s.Hop = o.window.Seconds(), o.hop.Seconds()
	if o.captions != "" {
		if s.Captions, err = dataset.ReadSentences(o.captions); err != nil {
			return err
		}
	}
	if !given("model") && !given("run") {
		o.backbone.Model, o.run.Path = old.Model, old.Run
		o.backbone.Activation = cmp.Or(o.backbone.Activation, old.Activation)
	}
	if !given("precision") && old.Precision != "" {
		o.backbone.Precision = old.Precision
	}
	m, r, f, err := a.embedder(c.Context(), o.run, o.backbone, clip.ImageTower|clip.TextTower, s)
	if err != nil {
		return err
	}
	e := recognizingWith(m, r)
	sampling := cmp.Or(old.Sampling, video.AtRate(indexFPS).String())
	if f != nil && (old.Sampling == "" || o.options.Reindex && given("run")) {
		sampling = f.Sampling
	}
	if o.options.Extract.Sampling, err = video.ParseSampling(sampling); err != nil {
		return err
	}
	if !given("still") {
		o.options.Extract.Still = old.Still
	}
	if given("fps") {
		o.options.Extract.Sampling = video.AtRate(o.fps)
	}
	o.options.Extract.Progress = a.progress
	if s.Server, o.options.ServerKey = o.server.Address, o.server.Key(); old.Server != "" {
		s.Server = o.server.Trusted()
	}
	if o.fleet.address != "" {
		o.options.Extracted = a.extractedBy(o.fleet, m, o.options.Extract)
	}
	if o.prune {
		o.options.Prune = func(gone []string, total int) error { return a.confirmPrune(gone, total, o.yes) }
	}
	var out labeledReport
	out.Report, err = library.Index(c.Context(), o.library, m, e, paths, o.options)
	if err == nil && len(o.labels) > 0 && len(out.Indexed) > 0 {
		out.Segments, err = a.labelIndexed(c, e, o, out.Indexed)
	}
	return a.indexed(o.library, out, err, o.json)
}

// embedder loads what embeds videos and text queries: a run, or the backbone alone if
// there is no --run. It stores in s how to load it again from any folder. f is the
// model file of the run, or nil.
func (a *app) embedder(ctx context.Context, run flags.Run, b flags.Backbone, towers clip.Tower, s *library.Settings) (m *clip.Model, r *retrieval.Retriever, f *adapter.File, err error) {
	if run.Path == "" {
		var path string
		if m, path, err = a.load(b, towers); err != nil {
			return nil, nil, nil, err
		}
		s.Model, s.Activation, s.Precision = rooted(cmp.Or(b.Model, path)), b.Activation, b.Precision
		return m, retrieval.Baseline(m), nil, nil
	}
	options := a.openOptions(run, b, nil)
	options.Towers = towers
	opened, err := adapter.OpenRun(ctx, run.Path, options)
	if err != nil {
		return nil, nil, nil, err
	}
	f = opened.File
	if r, err = retrieval.New(f, opened.Backbone); err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", opened.Path, err)
	}
	s.Model, s.Activation, s.Precision = rooted(cmp.Or(b.Model, f.Backbone.Path)), cmp.Or(b.Activation, f.Backbone.Config.Activation), b.Precision
	s.Run = rooted(opened.Path)
	return opened.Backbone, r, f, nil
}

// rooted returns the absolute path of a file that exists. Other names stay unchanged.
func rooted(path string) string {
	if _, err := os.Stat(path); err == nil {
		if absolute, err := filepath.Abs(path); err == nil {
			return absolute
		}
	}
	return path
}

// pruneFreely is the number of videos that --prune removes without --yes, whatever share
// of the library they are; pruneShare is the share above which it requires --yes. It also
// requires --yes for videos whose folder is gone, as that of an ejected disk is.
const (
	pruneFreely = 3
	pruneShare  = 0.2
)

// pruneError reports that --prune would remove a large part of a library, or videos that may
// be on an ejected disk.
type pruneError struct {
	gone, total int
	folder      string // one that is gone, or ""
}

func (e *pruneError) Error() string {
	s := fmt.Sprintf("--prune would remove %d of %d videos from the library", e.gone, e.total)
	if e.folder != "" {
		s += fmt.Sprintf("; the folder %s is gone, and its disk may not be mounted", text.Quote(e.folder))
	}
	return s
}

// confirmPrune lists the videos that are about to be removed, and refuses to remove a large
// part of the library without --yes.
func (a *app) confirmPrune(gone []string, total int, yes bool) error {
	folder := ""
	for _, path := range gone {
		a.log.Warn("deleted", "video", path)
		if _, err := os.Stat(filepath.Dir(path)); err != nil && folder == "" {
			folder = filepath.Dir(path)
		}
	}
	if n := len(gone); (folder != "" || n > pruneFreely && float64(n) > pruneShare*float64(total)) && !yes {
		return &pruneError{n, total, folder}
	}
	a.log.Warn("removing deleted videos from the library", "videos", len(gone), "of", total)
	return nil
}

// indexed logs and prints the result of a run, and returns the error of the command.
func (a *app) indexed(dir string, r labeledReport, err error, asJSON bool) error {
	a.noteSkipped(video.Listing{Skipped: r.NotVideos})
	for _, f := range r.Failed {
		a.skipped("video", f)
	}
	for _, f := range r.Partial {
		a.log.Warn("decoded only in part", "video", f.Path, "reason", f.Reason)
	}
	a.warnCorrected(r.Corrected)
	few := func(message string, paths []string) {
		warnFew(len(paths), func(i int) { a.log.Warn(message, "video", paths[i]) }, func(more int) { a.log.Warn(message, "more", more) })
	}
	unreachable := map[string]bool{}
	for _, f := range r.Unreachable {
		unreachable[f.Path] = true
	}
	warnFew(len(r.Unreachable), func(i int) {
		a.log.Warn("cannot be found, and is kept in the library", "video", r.Unreachable[i].Path, "reason", r.Unreachable[i].Reason)
	}, func(more int) { a.log.Warn("cannot be found, and are kept in the library", "more", more) })
	if _, refused := errors.AsType[*pruneError](err); r.Pruned == 0 && !refused {
		few("no longer exists; --prune removes it from the library", slices.DeleteFunc(slices.Clone(r.Missing), func(path string) bool { return unreachable[path] }))
	}
	few("has changed since it was indexed; update the library: clipcue index --library "+shellArg(dir), r.Changed)
	if r.Repaired > 0 {
		a.log.Warn("files of the library were missing; their videos were re-indexed where they exist", "videos", r.Repaired)
	}
	switch {
	case asJSON && (err == nil || r.Videos > 0):
		err = errors.Join(err, a.json(r))
	case err != nil && r.Done > 0:
		a.log.Info("stopped", "summary", r.Report)
	case err == nil:
		if _, err = fmt.Fprintln(a.out, r.Report); err == nil && len(r.Segments) > 0 {
			err = a.printSegments(r.Segments)
		}
	}
	return cmp.Or(err, failedVideos(len(r.Failed)))
}
