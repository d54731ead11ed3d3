package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/localization"
)

// Where eval's proposals come from, if not from a file.
const (
	ownProposals    = "detector"
	trueProposals   = "truth"
	windowProposals = "windows"
)

// windowCount is how many sliding windows a video has.
const windowCount = 100

func (a *app) evalLocalizationCommand() *cobra.Command {
	var b backboneFlags
	var d localization.Data
	var run, results, split, classes, checkpoint, page, found, proposals string
	var templates []string
	var ensemble, asJSON bool
	var scale float64
	from := ownProposals
	limits := localization.DefaultConfig().Detector
	e := localization.DefaultConfig().Eval
	c := &cobra.Command{
		Use:   "localization --run RUN --features STORE --data DATA | --results FILE --data DATA",
		Short: "Measure a localizer: mAP, recall of its proposals, what is wrong",
		Long: `Finds what happens in the videos of a split and compares with the annotations, by
ActivityNet's protocol: mean average precision at several overlaps (tIoU), every
class, the average recall of the proposals, and what is wrong with the best
detections. With --classes the proposals are told apart among these names, which may
be new ones; segments of others are left out of the truth.

Proposals come from the model's detector. --proposal-source truth takes the annotated
segments instead (the best that classification can reach), and windows takes
` + fmt.Sprint(windowCount) + ` windows spread evenly. --proposals FILE reads them from a file. --template names by hand-written sentences instead of what was
learned. --results measures detections in a file of ActivityNet's shape, or CSV, of
this program or another.`,
		Example: `  clipcue eval localization --run run --features features --data segments.csv
  clipcue eval localization --results results.json --data truth.json --tiou activitynet`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case (run == "") == (results == ""):
				return usageError{errors.New("eval localization needs --run or --results; see: clipcue eval localization --help")}
			case run != "" && d.Features == "":
				return usageError{errors.New("--run needs --features")}
			case proposals != "" && c.Flags().Changed("proposal-source"):
				return usageError{errors.New("--proposals and --proposal-source are alternatives: give one")}
			case results != "" && (page != "" || found != ""):
				return usageError{errors.New("--html and --output need --run")}
			}
			if results != "" {
				return a.evalResults(results, d, split, c.Flags().Changed("split"), classes, e.TIoU, asJSON)
			}
			if ensemble {
				templates = append(templates, clip.Templates...)
			}
			path, f, err := readModel(run, checkpoint)
			if err != nil {
				return err
			}
			trained, err := runData[localization.Data](run)
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
			if !c.Flags().Changed("split") {
				split = trained.EvalSplit
			}
			names := trained.TestClasses
			if names == nil {
				names = f.Classes
			}
			if classes != "" {
				if names, err = dataset.ReadClasses(classes); err != nil {
					return err
				}
			}
			set, err := a.measuredSet(data, split, names, classes != "" || trained.TestClasses != nil)
			if err != nil {
				return err
			}
			missing := a.warnMissingVideos(set)
			if err := a.warnBeyond(set); err != nil {
				return err
			}
			m, err := a.backboneFor(f, b, set.Classes, templates != nil)
			if err != nil {
				return err
			}
			l, err := localization.New(f, m)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if err := changeEvaluation(c, l, e, limits.Sigma, limits.MinScore, limits.MaxProposals); err != nil {
				return err
			}
			if err := setTemporalScale(c, l, scale); err != nil {
				return err
			}
			if templates != nil {
				if err := l.UseBaseline(templates); err != nil {
					return err
				}
			}
			p, unnamed, err := a.proposalsFor(c, l, set, from, proposals)
			if err != nil {
				return err
			}
			result, err := l.Evaluate(c.Context(), set, p)
			if err != nil {
				return err
			}
			result.WithoutProposals = unnamed
			if from == windowProposals {
				if result.Recall, err = set.WindowRecall(); err != nil {
					return err
				}
			}
			if found != "" {
				if err := result.Found.WriteFile(found); err != nil {
					return err
				}
			}
			if asJSON {
				err = a.json(result)
			} else {
				err = a.printScores(result.Scores, result.Recall)
			}
			if page != "" {
				err = errors.Join(err, reportEvaluation(c.Context(), page, run, report.Located{Result: result, Set: set}))
			}
			return errors.Join(err, missingError(missing, annotatedVideo))
		},
	}
	segmentFlags(c, &d)
	required(c, "data")
	f := c.Flags()
	f.StringVar(&run, "run", "", "the run folder")
	f.StringVar(&results, "results", "", "instead of a run: a file of detections")
	checkpoint = "best"
	oneOf(c, &checkpoint, "checkpoint", []string{"best", "last"}, "which of its models: best or last")
	oneOf(c, &split, "split", splits, "the split to measure on; if not given, the one that the run was measured on, of --results all")
	f.StringVar(&page, "html", "", "write a page with everything to this file, such as eval.html")
	f.StringVar(&found, "output", "", "write the detections to this file: ActivityNet's JSON, or .csv")
	f.StringVar(&classes, "classes", "", "file of the names to choose from, one a line")
	f.StringVar(&proposals, "proposals", "", "file of proposals to classify instead of the detector's")
	oneOf(c, &from, "proposal-source", []string{ownProposals, trueProposals, windowProposals}, "source of proposals: detector, truth or windows")
	f.StringArrayVar(&templates, "template", nil, "a sentence with {} for the name, instead of what was learned; may be given again")
	f.BoolVar(&ensemble, "ensemble", false, "the built-in templates instead of what was learned")
	f.StringVar(&b.model, "model", "", "the backbone, for names that the model has not seen; if not given, where it was in training")
	activationFlag(c, &b.activation)
	temporalScale(c, &scale)
	proposalFlags(c, &limits.Sigma, &limits.MinScore, &limits.MaxProposals)
	evaluationFlags(c, &e)
	tIoUs(c, &e.TIoU)
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// changeEvaluation gives a localizer the settings whose flags were given.
func changeEvaluation(c *cobra.Command, l *localization.Localizer, e localization.Evaluation, sigma, floor float64, topK int) error {
	changed := c.Flags().Changed
	for name, set := range map[string]func(){
		"classes-per-proposal": func() { l.Eval.ClassesPerProposal = e.ClassesPerProposal },
		"max-detections":       func() { l.Eval.MaxDetections = e.MaxDetections },
		"video-score":          func() { l.Eval.VideoScore = e.VideoScore },
		"tiou":                 func() { l.Eval.TIoU = e.TIoU },
	} {
		if changed(name) {
			set()
		}
	}
	d := l.Detector()
	if d == nil || !changed("sigma") && !changed("min-proposal-score") && !changed("max-proposals") {
		return nil
	}
	now := d.Config()
	if !changed("sigma") {
		sigma = now.Sigma
	}
	if !changed("min-proposal-score") {
		floor = now.MinScore
	}
	if !changed("max-proposals") {
		topK = now.MaxProposals
	}
	return l.SetLimits(sigma, floor, topK)
}

// backboneFor returns what a model file needs of its backbone to tell classes apart:
// nothing but its sizes if it knows them all.
func (a *app) backboneFor(f *adapter.File, b backboneFlags, classes []string, templates bool) (*clip.Model, error) {
	if templates {
		return a.loadFor(f, b, clip.Text)
	}
	return a.backboneOf(f, b, classes)
}

// measuredSet picks a split's videos, with the segments of the given classes alone.
// Segments of others are an error, or with some left out and counted, and so are
// videos that have no other then.
func (a *app) measuredSet(data *localization.Source, split string, classes []string, some bool) (*localization.Set, error) {
	part, err := data.Segments.Split(split)
	if err != nil {
		return nil, err
	}
	if !some {
		named, err := part.WithClasses(classes)
		if err != nil {
			return nil, fmt.Errorf("%w; to choose among other names give --classes FILE", err)
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
		a.log.Info("left out segments of other classes, and the videos that show nothing else", "segments", dropped, "videos", all-len(named.Videos))
	}
	if len(named.Videos) == 0 {
		return nil, fmt.Errorf("%s: no segment in split %q is of one of the %d classes", part.Source, split, len(classes))
	}
	return data.Set(named)
}

// proposalsFor makes or reads proposals; unnamed counts the videos that a file does
// not speak of.
func (a *app) proposalsFor(c *cobra.Command, l *localization.Localizer, s *localization.Set, from, file string) (p localization.Proposals, unnamed int, err error) {
	if file != "" {
		return a.readProposals(s, file)
	}
	switch from {
	case ownProposals:
		if l.Detector() == nil {
			return nil, 0, errors.New("the model was trained on proposals from a file and has no detector of its own: give a file with --proposals")
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

// evalResults measures a file of detections.
func (a *app) evalResults(path string, d localization.Data, split string, one bool, classes string, tIoUs []float64, asJSON bool) error {
	truth, err := dataset.LoadSegments(d.Path, d.Format)
	if err != nil {
		return err
	}
	for _, w := range truth.Warnings() {
		a.log.Warn(w)
	}
	whole := truth
	if one {
		if truth, err = truth.Split(split); err != nil {
			return err
		}
	}
	if classes != "" {
		names, err := dataset.ReadClasses(classes)
		if err != nil {
			return err
		}
		if truth, _, err = truth.Only(names); err != nil {
			return err
		}
	}
	r, err := localization.ReadResults(path)
	if err != nil {
		return err
	}
	if one {
		all := len(r)
		if r = r.InSplit(whole, split); len(r) == 0 && all > 0 {
			return fmt.Errorf("%s: none of its %d videos is in split %q", path, all, split)
		} else if len(r) < all {
			a.log.Info("left out the results of videos in other splits", "videos", all-len(r))
		}
	}
	scores, err := localization.Score(truth, r, tIoUs)
	if err != nil {
		return err
	}
	if asJSON {
		return a.json(scores)
	}
	return a.printScores(scores, nil)
}

func (a *app) printScores(s *localization.Scores, recall *localization.Recall) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "tIoU\t")
	for _, t := range s.TIoU {
		fmt.Fprintf(w, "%g\t", t)
	}
	fmt.Fprint(w, "average\t\nmAP\t")
	for _, v := range append(slices.Clone(s.MAP), s.Average) {
		fmt.Fprintf(w, "%.1f %%\t", 100*v)
	}
	fmt.Fprintln(w)
	w.Flush()
	fmt.Fprintf(a.out, "\n%d segments of %d classes in %d videos, %d detections\n", s.Segments, len(s.Classes), s.Videos, s.Detections)
	if s.UnknownClasses > 0 {
		fmt.Fprintf(a.out, "%d detections are of classes that do not occur and are not counted\n", s.UnknownClasses)
	}
	if s.UnknownVideos > 0 {
		fmt.Fprintf(a.out, "%d videos of the results are not annotated: what was found in them counts as wrong\n", s.UnknownVideos)
	}
	if recall != nil {
		fmt.Fprintf(a.out, "recall of the proposals: %.1f %% with 10 a video, %.1f %% with 50, %.1f %% with 100; area %.1f %%\n",
			100*recall.At(10), 100*recall.At(50), 100*recall.At(100), 100*recall.AUC)
	}
	e := s.Errors
	fmt.Fprintf(a.out, "the %d best at tIoU %g: %d right, %d double, %d of a wrong class, %d misplaced, %d both, %d where nothing is; %d missed\n\n",
		e.Right+e.Double+e.WrongClass+e.Misplaced+e.Both+e.Background, e.TIoU, e.Right, e.Double, e.WrongClass, e.Misplaced, e.Both, e.Background, e.Missed)
	w = tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "class\tsegments\taverage AP")
	for _, c := range s.Classes {
		fmt.Fprintf(w, "%s\t%d\t%.1f %%\n", c.Label, c.Segments, 100*c.Average)
	}
	return w.Flush()
}

// measureLocalizer measures a run's model on its test set.
func (a *app) measureLocalizer(ctx context.Context, f *adapter.File, r localization.Run) (report.Measurement, error) {
	// The file holds the embeddings of all these classes.
	l, err := localization.New(f, clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, a.threads))
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

// writeTimeline writes a page of what was found in videos.
func (a *app) writeTimeline(ctx context.Context, path string, found locations) error {
	var t []report.Timeline
	for _, x := range found {
		if !x.failed {
			t = append(t, report.NewTimeline(ctx, x.source.Path, x.length, x.provenance.StartTime, x.detections, nil))
		}
	}
	return report.Timelines(t).WriteFile(path)
}
