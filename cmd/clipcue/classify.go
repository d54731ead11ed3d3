package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/video"
)

// classified is an item of `classify`.
type classified struct {
	Path        string                   `json:"path"`
	Predictions []recognition.Prediction `json:"predictions"`
	Error       string                   `json:"error,omitempty"`
}

func (a *app) classifyCommand() *cobra.Command {
	var b backboneFlags
	var s samplingFlags
	var run, classes string
	var templates []string
	var ensemble, asJSON bool
	var top int
	var scale float64
	c := &cobra.Command{
		Use:   "classify --run FILE|--classes FILE VIDEO|FOLDER...",
		Short: "Name the actions in videos",
		Long: `Names the action in each video: with --run by a model that was trained (a
model file or a run folder), over its own classes or those of --classes; without
it by the backbone alone, from class names in hand-written templates.`,
		Example: `  clipcue classify --run run video.mp4
  clipcue classify --model ViT-B/16 --classes names.txt videos/ --json`,
		Args: arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			if run == "" && classes == "" {
				return usageError{errors.New("classify needs --run or --classes; see: clipcue classify --help")}
			}
			if run != "" && (len(templates) > 0 || ensemble) {
				return usageError{errors.New("--template and --ensemble are for classifying without --run, which has learned prompts of its own")}
			}
			if run == "" && c.Flags().Changed("temporal-scale") {
				return usageError{errors.New("--temporal-scale needs --run: the backbone alone has no temporal Transformer")}
			}
			for _, t := range templates {
				if !strings.Contains(t, "{}") {
					return usageError{fmt.Errorf("--template %q has no {} for the class name", t)}
				}
			}
			if ensemble {
				templates = append(templates, clip.Templates...)
			}
			sampling, err := s.sampling(c)
			if err != nil {
				return err
			}
			var names []string
			if classes != "" {
				if names, err = dataset.ReadClasses(classes); err != nil {
					return err
				}
			}
			sources, folders, err := videosOf(args)
			if err != nil {
				return err
			}
			var m *clip.Model
			var r *recognition.Recognizer
			if run != "" {
				var trainedAt video.Sampling
				m, r, trainedAt, err = a.trainedRecognizer(run, b, names)
				if !c.Flags().Changed("fps") && !c.Flags().Changed("frames") && !s.all {
					sampling = trainedAt
				}
				if err == nil {
					err = setTemporalScale(c, r, scale)
				}
			} else if m, _, err = a.load(b, clip.Image|clip.Text); err == nil {
				r, err = recognition.Baseline(m, names, templates)
			}
			if err != nil {
				return err
			}
			items, failed, err := a.classify(c, m, r, sources, sampling, top)
			if err != nil {
				return err
			}
			for _, f := range folders {
				a.log.Warn("skipped", "folder", f.Path, "reason", f.Reason)
				items = append(items, classified{Path: f.Path, Predictions: []recognition.Prediction{}, Error: f.Reason})
			}
			if asJSON {
				err = a.json(items)
			} else {
				err = a.printClassified(items)
			}
			return errors.Join(err, failedVideos(failed+len(folders)))
		},
	}
	b.add(c)
	b.addPrecision(c)
	s.add(c)
	f := c.Flags()
	f.StringVar(&run, "run", "", "a trained model file or run folder")
	f.StringVar(&classes, "classes", "", "file of the names to choose from, one a line")
	f.StringArrayVar(&templates, "template", nil, "without --run: a sentence with {} for the name; may be given again")
	f.BoolVar(&ensemble, "ensemble", false, "without --run: average over the built-in templates")
	top = 5
	whole(c, &top, "top", 0, "how many classes to name for each video; 0 means all")
	temporalScale(c, &scale)
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// videosOf finds the videos to classify, in the order given. Nothing is stored
// under their IDs, so these are the paths, and two folders may hold the same names.
// Folders that cannot be read are failures.
func videosOf(paths []string) (all []video.Source, failed []feature.Failure, err error) {
	seen := map[string]bool{}
	for _, p := range paths {
		found, unreadable, err := video.Discover([]string{p})
		if err != nil {
			return nil, nil, err
		}
		failed = append(failed, failures(unreadable)...)
		for _, s := range found {
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

// trained reads the model file of a run or a path, and loads its backbone: with the
// text tower if it is to name classes that the file does not know.
func (a *app) trained(run string, b backboneFlags, classes []string) (path string, f *adapter.File, m *clip.Model, err error) {
	if path, err = adapter.FindModel(run, ""); err != nil {
		return "", nil, nil, err
	}
	if f, err = adapter.ReadFile(path); err != nil {
		return "", nil, nil, err
	}
	towers := clip.Image
	if f.Lacks(classes) {
		towers |= clip.Text
	}
	if m, err = a.loadFor(f, b, towers); err != nil {
		err = fmt.Errorf("backbone of %s: %w", path, err)
	}
	return path, f, m, err
}

// trainedRecognizer loads a model file and its backbone.
func (a *app) trainedRecognizer(adapter string, b backboneFlags, classes []string) (*clip.Model, *recognition.Recognizer, video.Sampling, error) {
	var none video.Sampling
	path, f, m, err := a.trained(adapter, b, classes)
	if err != nil {
		return nil, nil, none, err
	}
	r, err := recognition.New(f, m)
	if err != nil {
		return nil, nil, none, fmt.Errorf("%s: %w", path, err)
	}
	if classes != nil {
		err = r.SetClasses(classes)
	}
	sampling, bad := f.VideoSampling()
	return m, r, sampling, errors.Join(err, bad)
}

// classify names the actions in videos, in the order given.
func (a *app) classify(c *cobra.Command, m *clip.Model, r *recognition.Recognizer, sources []video.Source, s video.Sampling, top int) ([]classified, int, error) {
	items := make([]classified, len(sources))
	place := map[string]int{}
	for i, src := range sources {
		items[i] = classified{Path: src.Path, Predictions: []recognition.Prediction{}}
		place[src.ID] = i
	}
	report, err := feature.ExtractFunc(c.Context(), m, sources, feature.Options{Sampling: s, Progress: a.progress}, func(q *feature.Sequence) error {
		p, err := r.Classify(q)
		if top > 0 && len(p) > top {
			p = p[:top]
		}
		items[place[q.ID]].Predictions = p
		return err
	})
	for _, f := range report.Failed {
		a.log.Warn("skipped", "video", f.Path, "reason", f.Reason)
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
			fmt.Fprintf(w, "%s\t%5.1f %%\t%s\n", path, 100*p.Score, p.Label)
		}
	}
	return w.Flush()
}
