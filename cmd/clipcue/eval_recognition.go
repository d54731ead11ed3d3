package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/recognition"
)

// evalRecognitionFlags are the flags of `eval recognition`.
type evalRecognitionFlags struct {
	backbone        flags.Backbone
	run             flags.Run
	data            recognition.Data
	eval            recognition.Evaluation
	split           string
	classes, html   string
	knownOnly, json bool
	temporalScale   float64
}

func (a *app) evalRecognitionCommand() *cobra.Command {
	var o evalRecognitionFlags
	c := &cobra.Command{
		Use:   "recognition --run RUN --features STORE --data DATA",
		Short: "Evaluate a recognizer: top-1, top-5, accuracy per class, confusions",
		Long: `Classifies the videos of a split, each by several windows, and compares the results
with their labels. Data without splits is divided as in training. With --classes the
model chooses among these names, which may be new. The episodes of a few-shot run are
evaluated one at a time: --run RUN/episode-000 and so on.`,
		Example: "  clipcue eval recognition --run run --features features --data videos/ --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE:    func(c *cobra.Command, args []string) error { return a.evalRecognition(c, o) },
	}
	o.add(c)
	return c
}

func (o *evalRecognitionFlags) add(c *cobra.Command) {
	o.run.Add(c)
	labelFlags(c, &o.data)
	flags.Required(c, "run", "features", "data")
	o.split = dataset.Test
	flags.Split(c, &o.split)
	flags.HTML(c, &o.html)
	flags.Classes(c, &o.classes)
	c.Flags().BoolVar(&o.knownOnly, "known-only", false, "leave out samples of other classes instead of failing")
	o.backbone.AddOfRun(c)
	o.eval.Windows = recognition.DefaultConfig().Eval.Windows
	flags.Windows(c, &o.eval.Windows, &o.eval.RandomWindows)
	flags.TemporalScale(c, &o.temporalScale)
	flags.Seed(c, &o.eval.WindowSeed)
	flags.JSON(c, &o.json)
}

func (a *app) evalRecognition(c *cobra.Command, o evalRecognitionFlags) error {
	path, f, err := readRun(o.run)
	if err != nil {
		return err
	}
	set, skipped, err := a.evalSamples(o, f)
	if err != nil {
		return err
	}
	missing := skipped + a.warnMissing(set)
	m, err := a.textTower(f, o.backbone, set.Classes, false)
	if err != nil {
		return err
	}
	r, err := recognition.New(f, m)
	if err != nil {
		return err
	}
	if err := setTemporalScale(c, r, o.temporalScale); err != nil {
		return err
	}
	result, err := r.Evaluate(c.Context(), set, o.eval)
	if err != nil {
		return err
	}
	if o.json {
		err = a.json(result)
	} else {
		err = a.printResult(result)
	}
	if o.html != "" {
		err = errors.Join(err, reportEvaluation(c.Context(), o.html, filepath.Dir(path), report.Measured{Result: result, Set: set, Eval: o.eval,
			Frames: f.Config.Frames, On: videosIn[o.split]}))
	}
	return errors.Join(err, missingError(missing, "sample"))
}

// evalSamples opens the data that a run is evaluated on, divided as in training, and returns
// how many folders of it cannot be read.
func (a *app) evalSamples(o evalRecognitionFlags, f *adapter.File) (set *recognition.Set, skipped int, err error) {
	trained, episode, err := trainedOn(o.run.Path)
	if err != nil {
		return nil, 0, err
	}
	o.data.TestShare, o.data.SplitSeed = trained.TestShare, trained.SplitSeed
	data, err := o.data.Open(feature.Backbone{Fingerprint: f.Backbone.Fingerprint, Width: f.Backbone.Config.Embed})
	if err != nil {
		return nil, 0, err
	}
	a.warnEach(data.Warnings)
	names, _, err := evalClasses(o.classes, trained.TestClasses, f.Classes)
	if err != nil {
		return nil, 0, err
	}
	set, unknown, err := testSet(data, o.split, names, o.knownOnly || episode || trained.TestClasses != nil)
	if err == nil && unknown > 0 {
		a.log.Info("left out samples of other classes", "samples", unknown)
	}
	return set, a.warnSkipped(data.Dataset.Skipped), err
}

// trainedOn reads the data that a run was trained on, and whether the run is an episode
// of few-shot training, which knows only some classes.
func trainedOn(run string) (d recognition.Data, episode bool, err error) {
	note, err := runData[struct {
		recognition.Data
		// The data of an episode contains that of its few-shot run.
		Inner *recognition.Data `json:"data"`
	}](run)
	if note.Inner != nil {
		return *note.Inner, true, err
	}
	return note.Data, false, err
}

// testSet returns the samples of a split that belong to the given classes. Samples of
// other classes are an error, or with knownOnly they are left out and counted.
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
		return nil, 0, &advisedError{err, "--classes with a file of the names to choose from, or --known-only to leave out such samples"}
	}
	set, err = data.Set(named)
	return set, unknown, err
}

func (a *app) printResult(r *recognition.Result) error {
	terminal.Fprintf(a.out, "top-1 %.1f %%   top-5 %.1f %%   %d videos of %d classes\n\n", 100*r.Top1, 100*r.Top5, r.Videos, r.Classes)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "class\tvideos\ttop-1\tmost frequent error")
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
		terminal.Fprintf(w, "%s\t%d\t%.1f %%\t%s\n", c.Label, c.Videos, 100*c.Top1, other)
	}
	return w.Flush()
}
