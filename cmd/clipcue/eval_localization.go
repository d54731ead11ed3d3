package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/localization"
)

// Sources of proposals for eval localization.
const (
	detectorProposals = "detector"
	trueProposals     = "truth"
	windowProposals   = "windows"
)

// windowCount is the number of sliding windows of a video.
const windowCount = 100

// evalLocalizationFlags are the flags of `eval localization`.
type evalLocalizationFlags struct {
	backbone      flags.Backbone
	run           flags.Run
	data          localization.Data
	detector      detectorFlags
	results       string
	split         string // "" if not given
	classes       string
	proposals     string // a file
	from          string // source of proposals without a file
	templates     []string
	ensemble      bool
	temporalScale float64
	html, output  string
	json          bool
}

func (a *app) evalLocalizationCommand() *cobra.Command {
	var o evalLocalizationFlags
	c := &cobra.Command{
		Use:   "localization --run RUN --features STORE --data DATA | --results FILE --data DATA",
		Short: "Evaluate a localizer: mAP, recall of proposals, kinds of errors",
		Long: `Finds the actions in the videos of a split and compares them with the annotations, by
ActivityNet's protocol: mean average precision (mAP) at several tIoU thresholds, AP per
class, average recall of the proposals, and the kinds of errors of the best detections.
With --classes the model chooses among these names, which may be new; segments of
other classes are left out. The default split is the one that the run was measured on.

Proposals come from the model's detector. --proposal-source truth takes the annotated
segments instead, which gives an upper bound for classification; windows takes ` + fmt.Sprint(windowCount) + `
evenly spaced windows. --proposals reads them from a file. --template and --ensemble
classify by hand-written prompts instead of the learned ones.

--results evaluates the detections of a file, ActivityNet JSON or CSV, of clipcue or
another program; its default is all splits.`,
		Example: `  clipcue eval localization --run run --features features --data segments.csv
  clipcue eval localization --results results.json --data truth.json --tiou activitynet`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c); err != nil {
				return usageError{err}
			}
			if o.results != "" {
				return a.evalResults(o)
			}
			return a.evalLocalization(c, o)
		},
	}
	o.add(c)
	return c
}

func (o *evalLocalizationFlags) add(c *cobra.Command) {
	o.run.Add(c)
	c.Flags().StringVar(&o.results, "results", "", "file of detections to evaluate, instead of --run")
	segmentFlags(c, &o.data)
	flags.Required(c, "data")
	flags.Split(c, &o.split)
	flags.HTML(c, &o.html)
	flags.Detections(c, &o.output)
	flags.Classes(c, &o.classes)
	flags.Proposals(c, &o.proposals)
	o.from = detectorProposals
	flags.OneOf(c, &o.from, "proposal-source", []string{detectorProposals, trueProposals, windowProposals}, "source of proposals: detector, truth or windows")
	flags.Templates(c, &o.templates)
	flags.Ensemble(c, &o.ensemble)
	o.backbone.AddOfRun(c)
	flags.TemporalScale(c, &o.temporalScale)
	o.detector.add(c)
	tIoUs(c, &o.detector.eval.TIoU)
	flags.JSON(c, &o.json)
}

// check returns an error for flags that do not go together.
func (o *evalLocalizationFlags) check(c *cobra.Command) error {
	switch {
	case (o.run.Path == "") == (o.results == ""):
		return errors.New("eval localization needs --run or --results; see: clipcue eval localization --help")
	case o.run.Path != "" && o.data.Features == "":
		return errors.New("--run needs --features")
	case o.proposals != "" && c.Flags().Changed("proposal-source"):
		return errors.New("--proposals and --proposal-source are alternatives: give one")
	case o.results != "" && (o.html != "" || o.output != ""):
		return errors.New("--html and --output need --run")
	}
	if o.ensemble {
		o.templates = append(o.templates, clip.Templates...)
	}
	return nil
}

// evalLocalization evaluates a run.
func (a *app) evalLocalization(c *cobra.Command, o evalLocalizationFlags) error {
	path, f, err := readRun(o.run)
	if err != nil {
		return err
	}
	set, err := a.evalSegments(o, f)
	if err != nil {
		return err
	}
	missing := a.warnMissingVideos(set)
	if err := a.warnBeyond(set); err != nil {
		return err
	}
	l, err := a.evalLocalizer(c, o, f, set.Classes)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	p, unnamed, err := a.proposalsFor(c, l, set, o.from, o.proposals)
	if err != nil {
		return err
	}
	result, err := l.Evaluate(c.Context(), set, p)
	if err != nil {
		return err
	}
	result.WithoutProposals = unnamed
	if o.proposals == "" && o.from == windowProposals {
		if result.Recall, err = set.WindowRecall(); err != nil {
			return err
		}
	}
	if o.output != "" {
		if err := result.Found.WriteFile(o.output); err != nil {
			return err
		}
	}
	if o.json {
		err = a.json(result)
	} else {
		err = a.printScores(result.Scores, result.Recall)
	}
	if o.html != "" {
		err = errors.Join(err, reportEvaluation(c.Context(), o.html, filepath.Dir(path), report.Located{Result: result, Set: set}))
	}
	return errors.Join(err, missingError(missing, annotatedVideo))
}

// evalSegments opens the data that a run is evaluated on, divided as in training.
func (a *app) evalSegments(o evalLocalizationFlags, f *adapter.File) (*localization.Set, error) {
	trained, err := runData[localization.Data](o.run.Path)
	if err != nil {
		return nil, err
	}
	o.data.TestShare, o.data.SplitSeed = trained.TestShare, trained.SplitSeed
	data, err := o.data.Open(feature.Backbone{Fingerprint: f.Backbone.Fingerprint, Width: f.Backbone.Config.Embed})
	if err != nil {
		return nil, err
	}
	a.warnEach(data.Warnings)
	names, given, err := evalClasses(o.classes, trained.TestClasses, f.Classes)
	if err != nil {
		return nil, err
	}
	return a.measuredSet(data, cmp.Or(o.split, trained.EvalSplit), names, given || trained.TestClasses != nil)
}

// evalLocalizer makes the localizer that is evaluated.
func (a *app) evalLocalizer(c *cobra.Command, o evalLocalizationFlags, f *adapter.File, classes []string) (*localization.Localizer, error) {
	m, err := a.textTower(f, o.backbone, classes, o.templates != nil)
	if err != nil {
		return nil, err
	}
	l, err := localization.New(f, m)
	if err != nil {
		return nil, err
	}
	if err := o.detector.apply(c, l); err != nil {
		return nil, err
	}
	if err := setTemporalScale(c, l, o.temporalScale); err != nil {
		return nil, err
	}
	if o.templates != nil {
		err = l.UseBaseline(c.Context(), o.templates)
	}
	return l, err
}

// measuredSet returns the videos of a split with the segments of the given classes.
// Segments of other classes are an error, unless some is set: then they are left out,
// together with videos that have no segments left.
func (a *app) measuredSet(data *localization.Source, split string, classes []string, some bool) (*localization.Set, error) {
	part, err := data.Segments.Split(split)
	if err != nil {
		return nil, err
	}
	if !some {
		named, err := part.WithClasses(classes)
		if err != nil {
			return nil, &advisedError{err, "--classes with a file of the names to choose from"}
		}
		return data.Set(named)
	}
	named, dropped, err := part.Only(classes)
	if err != nil {
		return nil, err
	}
	all := len(named.Videos)
	if dropped > 0 {
		named.Videos = slices.DeleteFunc(named.Videos, func(v dataset.Untrimmed) bool { return len(v.Segments) == 0 })
		a.log.Info("left out segments of other classes, and videos that have no others", "segments", dropped, "videos", all-len(named.Videos))
	}
	if len(named.Videos) == 0 {
		return nil, fmt.Errorf("%s: no segment in split %q is of one of the %d classes", part.Source, split, len(classes))
	}
	return data.Set(named)
}

// proposalsFor computes proposals, or reads them from file if it is not "". unnamed
// counts the videos that the file lacks.
func (a *app) proposalsFor(c *cobra.Command, l *localization.Localizer, s *localization.Set, from, file string) (p localization.Proposals, unnamed int, err error) {
	if file != "" {
		return a.readProposals(s, file)
	}
	switch from {
	case detectorProposals:
		if l.Detector() == nil {
			return nil, 0, localization.ErrNoDetector
		}
		p, err = s.Propose(c.Context(), l.Detector(), a.progress)
	case trueProposals:
		p = s.TrueProposals()
	case windowProposals:
		p, err = s.Windows(windowCount)
	}
	return p, 0, err
}

// readProposals reads the proposals for a set from a file. unnamed counts the videos
// that the file does not list.
func (a *app) readProposals(s *localization.Set, path string) (p localization.Proposals, unnamed int, err error) {
	r, err := localization.ReadProposals(path)
	if err != nil {
		return nil, 0, fmt.Errorf("--proposals: %w", err)
	}
	p, unnamed, err = s.MatchProposals(r)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	case unnamed == len(p):
		return nil, 0, fmt.Errorf("%s lists none of the %d videos, such as %q", path, len(p), s.Videos[0].Path)
	case unnamed > 0:
		a.log.Warn("the proposals file lacks some videos; nothing is found in them", "videos", unnamed)
	}
	return p, unnamed, nil
}

// evalResults evaluates a file of detections.
func (a *app) evalResults(o evalLocalizationFlags) error {
	all, err := dataset.LoadSegments(o.data.Path, o.data.Format)
	if err != nil {
		return err
	}
	a.warnEach(all.Warnings())
	truth := all
	if o.split != "" {
		if truth, err = all.Split(o.split); err != nil {
			return err
		}
	}
	names, err := readClasses(o.classes)
	if err != nil {
		return err
	}
	if names != nil {
		if truth, _, err = truth.Only(names); err != nil {
			return err
		}
	}
	r, err := localization.ReadResults(o.results)
	if err != nil {
		return err
	}
	if o.split != "" {
		n := len(r)
		if r = r.InSplit(all, o.split); len(r) == 0 && n > 0 {
			return fmt.Errorf("%s: none of its %d videos is in split %q", o.results, n, o.split)
		} else if len(r) < n {
			a.log.Info("left out the results of videos in other splits", "videos", n-len(r))
		}
	}
	scores, err := localization.Score(truth, r, o.detector.eval.TIoU)
	if err != nil {
		return err
	}
	if o.json {
		return a.json(scores)
	}
	return a.printScores(scores, nil)
}

func (a *app) printScores(s *localization.Scores, recall *localization.Recall) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "tIoU\t")
	for _, t := range s.TIoU {
		terminal.Fprintf(w, "%g\t", t)
	}
	fmt.Fprint(w, "average\t\nmAP\t")
	for _, v := range append(slices.Clone(s.MAP), s.Average) {
		terminal.Fprintf(w, "%.1f %%\t", 100*v)
	}
	fmt.Fprintln(w)
	w.Flush()
	terminal.Fprintf(a.out, "\n%d segments of %d classes in %d videos, %d detections\n", s.Segments, len(s.Classes), s.Videos, s.Detections)
	if s.UnknownClasses > 0 {
		terminal.Fprintf(a.out, "%d detections are of classes that do not occur and are not counted\n", s.UnknownClasses)
	}
	if s.UnknownVideos > 0 {
		terminal.Fprintf(a.out, "%d videos of the results are not annotated: what was found in them counts as wrong\n", s.UnknownVideos)
	}
	if recall != nil {
		terminal.Fprintf(a.out, "recall of the proposals: %.1f %% with 10 a video, %.1f %% with 50, %.1f %% with 100; area %.1f %%\n",
			100*recall.At(10), 100*recall.At(50), 100*recall.At(100), 100*recall.AUC)
	}
	e := s.Errors
	terminal.Fprintf(a.out, "the %d best at tIoU %g: %d right, %d double, %d of a wrong class, %d misplaced, %d both, %d where nothing is; %d missed\n\n",
		e.Right+e.Double+e.WrongClass+e.Misplaced+e.Both+e.Background, e.TIoU, e.Right, e.Double, e.WrongClass, e.Misplaced, e.Both, e.Background, e.Missed)
	w = tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "class\tsegments\taverage AP")
	for _, c := range s.Classes {
		terminal.Fprintf(w, "%s\t%d\t%.1f %%\n", c.Label, c.Segments, 100*c.Average)
	}
	return w.Flush()
}

// measureLocalizer evaluates a run's model on its test set.
func (a *app) measureLocalizer(ctx context.Context, f *adapter.File, r localization.Run) (report.Measurement, error) {
	// The file holds the embeddings of all these classes.
	l, err := localization.New(f, a.bare(f))
	if err != nil {
		return nil, err
	}
	var p localization.Proposals
	if l.Detector() != nil {
		p, err = r.Eval().Propose(ctx, l.Detector(), a.progress)
	} else {
		p, _, err = r.Eval().MatchProposals(r.Proposals)
	}
	if err != nil {
		return nil, err
	}
	result, err := l.Evaluate(ctx, r.Eval(), p)
	return report.Located{Result: result, Set: r.Eval()}, err
}

// writeTimeline writes an HTML page with the detections.
func (a *app) writeTimeline(ctx context.Context, path string, found locations) error {
	var t []report.Timeline
	for _, x := range found {
		if !x.failed {
			t = append(t, report.NewTimeline(ctx, x.source.Path, x.length, x.provenance.StartTime, x.detections, nil))
		}
	}
	return report.Timelines(t).WriteFile(path)
}
