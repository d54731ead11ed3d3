package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

func (a *app) evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure what was learned",
		Example: `  clipcue eval recognition --run run --features features --data videos/
  clipcue eval retrieval --run finder --features features --data captions.csv`,
	}
	c.AddCommand(a.evalRecognitionCommand(), a.evalLocalizationCommand(), a.evalRetrievalCommand())
	return c
}

func (a *app) evalRecognitionCommand() *cobra.Command {
	var b backboneFlags
	var d recognition.Data
	var run, split, classes, checkpoint, page string
	var knownOnly, asJSON bool
	var scale float64
	e := recognition.Evaluation{Windows: recognition.DefaultConfig().Eval.Windows}
	c := &cobra.Command{
		Use:   "recognition --run RUN --features STORE --data DATA",
		Short: "Measure a recognizer: top-1, top-5, every class, the confusions",
		Long: `Classifies the videos of a split over several windows each and compares with
their labels. Data without splits is divided as it was in training. With --classes
the videos are told apart among these names, which may be new ones. The runs of a
few-shot training are its episodes: RUN/episode-000 and so on.`,
		Example: "  clipcue eval recognition --run run --features features --data videos/ --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			_, f, err := readModel(run, checkpoint)
			if err != nil {
				return err
			}
			trained, episode, err := trainedOn(run)
			if err != nil {
				return err
			}
			d.TestShare, d.SplitSeed = trained.TestShare, trained.SplitSeed
			data, err := d.Open(f.Backbone.Fingerprint)
			if err != nil {
				return err
			}
			for _, w := range data.Warnings {
				a.log.Warn(w)
			}
			names := f.Classes
			if trained.TestClasses != nil {
				names = trained.TestClasses
			}
			if classes != "" {
				if names, err = dataset.ReadClasses(classes); err != nil {
					return err
				}
			}
			set, unknown, err := testSet(data, split, names, knownOnly || episode || trained.TestClasses != nil)
			if err != nil {
				return err
			}
			if unknown > 0 {
				a.log.Info("left out samples of other classes", "samples", unknown)
			}
			missing := a.warnMissing(set)
			m, err := a.backboneOf(f, b, set.Classes)
			if err != nil {
				return err
			}
			r, err := recognition.New(f, m)
			if err != nil {
				return err
			}
			if err := setTemporalScale(c, r, scale); err != nil {
				return err
			}
			result, err := r.Evaluate(c.Context(), set, e)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.json(result)
			} else {
				err = a.printResult(result)
			}
			if page != "" {
				err = errors.Join(err, reportEvaluation(c.Context(), page, run, report.Measured{Result: result, Set: set, Eval: e,
					Frames: f.Config.Frames, On: videosIn[split]}))
			}
			return errors.Join(err, missingError(missing, "sample"))
		},
	}
	labelFlags(c, &d)
	required(c, "run", "features", "data")
	f := c.Flags()
	f.StringVar(&run, "run", "", "the run folder")
	checkpoint = "best"
	oneOf(c, &checkpoint, "checkpoint", []string{"best", "last"}, "which of its models: best or last")
	split = dataset.Test
	oneOf(c, &split, "split", []string{dataset.Train, dataset.Val, dataset.Test}, "the split to measure on: train, val or test")
	f.StringVar(&page, "html", "", "write a page with everything to this file, such as eval.html")
	f.StringVar(&classes, "classes", "", "file of the names to choose from, one a line")
	f.BoolVar(&knownOnly, "known-only", false, "leave out samples of classes that are not among these, instead of refusing")
	f.StringVar(&b.model, "model", "", "the backbone, for names that the model has not seen; if not given, where it was in training")
	activationFlag(c, &b.activation)
	whole(c, &e.Windows, "windows", 1, "windows that a video is classified by")
	f.BoolVar(&e.RandomWindows, "random-windows", false, "draw the windows at random, as the authors do, instead of evenly")
	temporalScale(c, &scale)
	f.Uint64Var(&e.WindowSeed, "seed", 0, "seed of random windows")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// readModel reads one of a run's models.
func readModel(run, checkpoint string) (path string, f *adapter.File, err error) {
	if path, err = adapter.FindModel(run, checkpoint); err == nil {
		f, err = adapter.ReadFile(path)
	}
	return path, f, err
}

// trainedOn reads what data a run was trained on, and whether it was an episode
// of few-shot training, which knows some of its classes alone.
func trainedOn(run string) (d recognition.Data, episode bool, err error) {
	note, err := runData[struct {
		recognition.Data
		// An episode's note holds the run's.
		Inner *recognition.Data `json:"data"`
	}](run)
	if note.Inner != nil {
		return *note.Inner, true, err
	}
	return note.Data, false, err
}

// runData reads what a run's config.json notes of its data.
func runData[D any](run string) (data D, err error) {
	path := filepath.Join(run, train.ConfigFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return data, err
	}
	var config struct {
		Data D `json:"data"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return data, fmt.Errorf("%s: %w", path, err)
	}
	return config.Data, nil
}

// testSet picks a split's samples of the given classes. Samples of others are an
// error, or with knownOnly left out and counted.
func testSet(data *recognition.Source, split string, classes []string, knownOnly bool) (set *recognition.Set, unknown int, err error) {
	part, err := data.Dataset.Split(split)
	if err != nil {
		return nil, 0, err
	}
	all := len(part.Samples)
	if knownOnly {
		known := map[string]bool{}
		for _, c := range classes {
			known[dataset.Canonical(c)] = true
		}
		part.Samples = slices.DeleteFunc(slices.Clone(part.Samples), func(s dataset.Sample) bool { return !known[dataset.Canonical(s.Label)] })
		if len(part.Samples) == 0 {
			return nil, 0, fmt.Errorf("%s: no sample of split %q is of a class that the model knows", part.Source, split)
		}
	}
	unknown = all - len(part.Samples)
	named, err := part.WithClasses(classes)
	if err != nil {
		return nil, 0, fmt.Errorf("%w; to choose among other names give --classes FILE, to leave such samples out --known-only", err)
	}
	set, err = data.Set(named)
	return set, unknown, err
}

// backboneOf returns what a model file needs of its backbone to tell classes
// apart: nothing but its sizes if it knows them all.
func (a *app) backboneOf(f *adapter.File, b backboneFlags, classes []string) (*clip.Model, error) {
	if !f.Lacks(classes) {
		return clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, a.threads), nil
	}
	return a.loadFor(f, b, clip.Text)
}

// loadFor loads the backbone of a model file: the one given, or the one that the
// file was trained on, where it was then.
func (a *app) loadFor(f *adapter.File, b backboneFlags, towers clip.Tower) (*clip.Model, error) {
	b.model = cmp.Or(b.model, f.Backbone.Path)
	b.activation = cmp.Or(b.activation, f.Backbone.Config.Activation)
	m, _, err := a.load(b, towers)
	return m, err
}

func (a *app) printResult(r *recognition.Result) error {
	fmt.Fprintf(a.out, "top-1 %.1f %%   top-5 %.1f %%   %d videos of %d classes\n\n", 100*r.Top1, 100*r.Top5, r.Videos, r.Classes)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "class\tvideos\ttop-1\tmost often taken for")
	for _, c := range r.PerClass {
		var wrong recognition.Confusion
		for _, x := range r.Confusion {
			if x.Label == c.Label && x.Predicted != c.Label && x.Videos > wrong.Videos {
				wrong = x
			}
		}
		other := ""
		if wrong.Videos > 0 {
			other = fmt.Sprintf("%s (%d)", wrong.Predicted, wrong.Videos)
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f %%\t%s\n", c.Label, c.Videos, 100*c.Top1, other)
	}
	return w.Flush()
}
