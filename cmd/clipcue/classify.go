package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/video"
)

// classified is an item of what `classify` prints as JSON.
type classified struct {
	Path        string                   `json:"path"`
	Predictions []recognition.Prediction `json:"predictions"`
	Error       string                   `json:"error,omitempty"`
}

// classifyFlags are the flags of `classify`.
type classifyFlags struct {
	backbone      flags.Backbone
	run           flags.Run
	sampling      flags.Sampling
	decoding      feature.Options
	classes       string
	templates     []string
	ensemble      bool
	top           int
	temporalScale float64
	json          bool
}

func (a *app) classifyCommand() *cobra.Command {
	var o classifyFlags
	c := &cobra.Command{
		Use:   "classify --run RUN|--classes FILE VIDEO|FOLDER...",
		Short: "Classify the actions in videos",
		Long: `Classifies each video. With --run, a trained model chooses among its own classes or
those of --classes. Without --run, the backbone alone chooses among --classes, by
their names in hand-written templates.`,
		Example: `  clipcue classify --run run video.mp4
  clipcue classify --model ViT-B/16 --classes names.txt videos/ --json`,
		Args: arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c); err != nil {
				return usageError{err}
			}
			sampling, err := o.sampling.Choose(c)
			if err != nil {
				return usageError{err}
			}
			names, err := readClasses(o.classes)
			if err != nil {
				return err
			}
			sources, folders, err := a.videosOf(args)
			if err != nil {
				return err
			}
			m, r, trained, err := a.classifier(c, o, names)
			if err != nil {
				return err
			}
			if o.run.Path != "" && !o.sampling.Given(c) {
				sampling = trained
			}
			o.decoding.Sampling, o.decoding.Progress = sampling, a.progress
			items, failed, err := a.classify(c.Context(), m, r, sources, o.decoding, o.top)
			if err != nil {
				return err
			}
			for _, f := range folders {
				items = append(items, classified{Path: f.Path, Predictions: []recognition.Prediction{}, Error: f.Reason})
			}
			a.warnFolders(folders)
			if o.json {
				err = a.json(items)
			} else {
				err = a.printClassified(items)
			}
			return errors.Join(err, failedVideos(failed+len(folders)))
		},
	}
	o.add(c)
	return c
}

func (o *classifyFlags) add(c *cobra.Command) {
	o.run.Add(c)
	o.backbone.Add(c)
	o.backbone.AddPrecision(c)
	o.sampling.AddOfRun(c)
	flags.Decoding(c, &o.decoding)
	flags.Classes(c, &o.classes)
	flags.Templates(c, &o.templates)
	flags.Ensemble(c, &o.ensemble)
	o.top = 5
	flags.Int(c, &o.top, "top", 0, "number of best results; 0 means all")
	flags.TemporalScale(c, &o.temporalScale)
	flags.JSON(c, &o.json)
}

// check returns an error for flags that do not go together.
func (o *classifyFlags) check(c *cobra.Command) error {
	trained := o.run.Path != ""
	switch {
	case !trained && o.classes == "":
		return errors.New("classify needs --run or --classes; see: clipcue classify --help")
	case trained && (len(o.templates) > 0 || o.ensemble):
		return errors.New("--template and --ensemble cannot be used with --run, which has learned prompts")
	case !trained && c.Flags().Changed("temporal-scale"):
		return errors.New("--temporal-scale needs --run: the backbone alone has no temporal Transformer")
	}
	for _, t := range o.templates {
		if !strings.Contains(t, "{}") {
			return fmt.Errorf("--template %q has no {} for the class name", t)
		}
	}
	if o.ensemble {
		o.templates = append(o.templates, clip.Templates...)
	}
	return nil
}

// classifier returns the recognizer to classify with and its backbone. With --run it
// also returns the sampling that the run was trained with.
func (a *app) classifier(c *cobra.Command, o classifyFlags, names []string) (m *clip.Model, r *recognition.Recognizer, trained video.Sampling, err error) {
	if o.run.Path == "" {
		if m, _, err = a.load(o.backbone, clip.ImageTower|clip.TextTower); err == nil {
			r, err = recognition.Baseline(c.Context(), m, names, o.templates)
		}
		return m, r, trained, err
	}
	opened, r, err := adapter.OpenModel(c.Context(), o.run.Path, a.openOptions(o.run, o.backbone, names), recognition.New)
	if err != nil {
		return nil, nil, trained, err
	}
	if trained, err = opened.File.VideoSampling(); err != nil {
		return nil, nil, trained, err
	}
	return opened.Backbone, r, trained, setTemporalScale(c, r, o.temporalScale)
}

// videosOf finds the videos to classify, in the order given. Their IDs are their paths:
// nothing is stored under them, and two folders may hold the same names. Folders that
// cannot be read are failures.
func (a *app) videosOf(paths []string) (all []video.Source, failed []feature.Failure, err error) {
	seen := map[string]bool{}
	for _, p := range paths {
		found, err := video.Discover([]string{p})
		if err != nil {
			return nil, nil, err
		}
		a.noteSkipped(found)
		failed = append(failed, failures(found.Unreadable)...)
		for _, s := range found.Videos {
			s.ID = s.Path
			if !seen[s.Path] {
				seen[s.Path] = true
				all = append(all, s)
			}
		}
	}
	return all, failed, nil
}

// failures returns folders that cannot be read as failures.
func failures(unreadable []*video.Error) (failed []feature.Failure) {
	for _, e := range unreadable {
		failed = append(failed, feature.NewFailure(e.Path, e))
	}
	return failed
}

// warnFolders logs folders that cannot be read.
func (a *app) warnFolders(folders []feature.Failure) {
	for _, f := range folders {
		a.skipped("folder", f)
	}
}

// classify classifies videos, in the order given, and returns how many failed.
func (a *app) classify(ctx context.Context, m *clip.Model, r *recognition.Recognizer, sources []video.Source, o feature.Options, top int) ([]classified, int, error) {
	items := make([]classified, len(sources))
	place := map[string]int{}
	for i, src := range sources {
		items[i] = classified{Path: src.Path, Predictions: []recognition.Prediction{}}
		place[src.ID] = i
	}
	report, err := feature.ExtractFunc(ctx, m, sources, o, func(q *feature.Sequence) error {
		p, err := r.Classify(ctx, q)
		if top > 0 && len(p) > top {
			p = p[:top]
		}
		items[place[q.ID]].Predictions = p
		return err
	})
	a.warnVideos(report)
	for _, f := range report.Failed {
		items[place[f.ID]].Error = f.Reason
	}
	return items, len(report.Failed), err
}

func (a *app) printClassified(items []classified) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, it := range items {
		for i, p := range it.Predictions {
			path := ""
			if i == 0 {
				path = it.Path
			}
			terminal.Fprintf(w, "%s\t%5.1f %%\t%s\n", path, 100*p.Score, p.Label)
		}
	}
	return w.Flush()
}
