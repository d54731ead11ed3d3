package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

// indexRate is the frames a second that are sampled for a library if nothing else
// says it: a moment of 4 s then has 8.
const indexRate = 2

func (a *app) indexCommand() *cobra.Command {
	var b backboneFlags
	var dir, run, captions string
	var window, hop time.Duration
	var fps float64
	var o library.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "index --library DIR [VIDEO|FOLDER...]",
		Short: "Make a library of videos that can be searched",
		Long: `Cuts videos into moments, windows of --window seconds every --hop, embeds each and
keeps the embeddings in a library, with a thumbnail and the times of each.

Run again, it does what is new or has changed: a video's size, and its time or
content. Without any VIDEO it brings up to date all that the library knows, and what
is new in the folders that it was given before. Videos that are no longer there are
named and stay in the library; --prune drops them. A run that was stopped or killed
is gone on with by the same command.

The model is chosen when the library is made: a backbone (--model), or a retriever
that was trained on one (--run). The library remembers it. Another model, or
other windows, need --reindex, which does all videos again.

A video that cannot be read is skipped, named and counted. The exit code is 0 if all
is well, 3 if some videos failed, 1 if all did or the run was stopped.`,
		Example: `  clipcue index --library lib --model ViT-B/16 videos/
  clipcue index --library lib`,
		RunE: func(c *cobra.Command, args []string) error {
			old, err := library.ReadSettings(c.Context(), dir)
			if err != nil && !errors.Is(err, library.ErrNone) {
				return err
			}
			given := c.Flags().Changed
			s := &o.Settings
			s.Window, s.Hop = window.Seconds(), hop.Seconds()
			if captions != "" {
				if s.Captions, err = dataset.ReadSentences(captions); err != nil {
					return err
				}
			}
			if !given("model") && !given("run") {
				b.model, b.activation, run = old.Model, cmp.Or(b.activation, old.Activation), old.Adapter
			}
			if !given("precision") && old.Precision != "" {
				b.precision = old.Precision
			}
			m, e, f, err := a.embedder(run, b, clip.Image|clip.Text, s)
			if err != nil {
				return err
			}
			sampling := cmp.Or(old.Sampling, video.AtRate(indexRate).String())
			if f != nil && (old.Sampling == "" || o.Reindex && given("run")) {
				sampling = f.Sampling
			}
			if o.Extract.Sampling, err = video.ParseSampling(sampling); err != nil {
				return err
			}
			if given("fps") {
				o.Extract.Sampling = video.AtRate(fps)
			}
			o.Extract.Progress = a.progress
			report, err := library.Index(c.Context(), dir, m, e, args, o)
			return a.indexed(dir, report, err, asJSON)
		},
	}
	b.add(c)
	b.addPrecision(c)
	libraryFlag(c, &dir)
	f := c.Flags()
	f.StringVar(&run, "run", "", "a retriever that was trained: a model file or run folder")
	seconds(c, &window, "window", "length of a moment; 4s in a new library")
	seconds(c, &hop, "hop", "time from one moment's start to the next one's; 2s in a new library")
	fps = indexRate
	number(c, &fps, "fps", false, "frames a second to sample; in a new library those that --run learned from, or 2")
	f.StringVar(&captions, "background-captions", "", "file of the captions that scores are measured against, one a line; if not given, everyday ones that come with the program")
	whole(c, &o.Settings.Graph, "graph", 0, "from how many moments on searches are approximate, by a graph that takes minutes to make; 0 means a million in a new library")
	f.StringVar(&o.Settings.Server, "server", "", "keep the vectors on the Weaviate server of this address, such as http://localhost:8080; CLIPCUE_WEAVIATE_KEY is its key")
	f.BoolVar(&o.Reindex, "reindex", false, "do the given videos again, or without any, or with another model or windows, all of the library")
	f.BoolVar(&o.Prune, "prune", false, "drop videos, and forget folders, that are no longer there")
	f.BoolVar(&o.Extract.AllowPartial, "allow-partial", false, "take what can be decoded of a damaged video")
	timeout(c, &o.Extract.Timeout)
	whole(c, &o.Extract.Batch, "batch", 0, "frames a pass through the backbone; 0 means 32")
	whole(c, &o.Extract.Decoders, "decoders", 0, "videos decoded at a time; 0 means 2")
	f.BoolVar(&o.Extract.Strict, "strict", false, "stop at the first video that fails")
	whole(c, &o.Extract.MaxFailures, "max-failures", 0, "stop when more videos than this have failed; 0 means no limit")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// libraryFlag adds the flag that names a library.
func libraryFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "library", "", "folder of the library")
	required(c, "library")
}

// seconds adds a flag that takes a time of at least a tenth of a second.
func seconds(c *cobra.Command, p *time.Duration, name, usage string) {
	c.Flags().Var(&checked[time.Duration]{p, "duration", func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < 100*time.Millisecond || d > time.Hour {
			return 0, fmt.Errorf("it is a time from 100ms to 1h, such as 4s")
		}
		return d, nil
	}}, name, usage)
	c.Flags().Lookup(name).DefValue = "" // what usage says
}

// embedder loads a retriever: the one of a model file or run folder, or the backbone
// by itself. It notes in s how it can be loaded again, wherever that is called from,
// and returns the model file, if there is one.
func (a *app) embedder(run string, b backboneFlags, towers clip.Tower, s *library.Settings) (m *clip.Model, r *retrieval.Retriever, f *adapter.File, err error) {
	if run == "" {
		var path string
		if m, path, err = a.load(b, towers); err != nil {
			return nil, nil, nil, err
		}
		s.Model, s.Activation, s.Precision = rooted(cmp.Or(b.model, path)), b.activation, b.precision
		return m, retrieval.Baseline(m), nil, nil
	}
	if run, err = adapter.FindModel(run, ""); err != nil {
		return nil, nil, nil, err
	}
	if f, err = adapter.ReadFile(run); err != nil {
		return nil, nil, nil, err
	}
	if m, err = a.loadFor(f, b, towers); err != nil {
		return nil, nil, nil, fmt.Errorf("backbone of %s: %w", run, err)
	}
	if r, err = retrieval.New(f, m); err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", run, err)
	}
	s.Model, s.Activation, s.Precision = rooted(cmp.Or(b.model, f.Backbone.Path)), cmp.Or(b.activation, f.Backbone.Config.Activation), b.precision
	s.Adapter = rooted(run)
	return m, r, f, nil
}

// rooted makes the path of a file that is there hold in every folder; other names
// stay as they are.
func rooted(path string) string {
	if _, err := os.Stat(path); err == nil {
		if absolute, err := filepath.Abs(path); err == nil {
			return absolute
		}
	}
	return path
}

// indexed tells what a run came to, and how the command ends.
func (a *app) indexed(dir string, r library.Report, err error, asJSON bool) error {
	for _, f := range r.Failed {
		a.log.Warn("skipped", "video", f.Path, "reason", f.Reason)
	}
	for _, f := range r.Partial {
		a.log.Warn("taken in part", "video", f.Path, "reason", f.Reason)
	}
	few := func(message string, paths []string) {
		warnFew(len(paths), func(i int) { a.log.Warn(message, "video", paths[i]) }, func(more int) { a.log.Warn(message, "more", more) })
	}
	if r.Pruned == 0 {
		few("no longer there; --prune drops it from the library", r.Missing)
	}
	few("has changed since it was indexed; index it again, or all: clipcue index --library "+dir, r.Changed)
	if r.Repaired > 0 {
		a.log.Warn("files of the library were lost; the videos were indexed anew as far as they are there", "videos", r.Repaired)
	}
	switch {
	case asJSON && (err == nil || r.Videos > 0):
		err = errors.Join(err, a.json(r))
	case err != nil && r.Done > 0:
		a.log.Info("stopped", "account", r)
	case err == nil:
		_, err = fmt.Fprintln(a.out, r)
	}
	return cmp.Or(err, failedVideos(len(r.Failed)))
}
