package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
)

// trainLocalizationFlags are the flags of `train localization`.
type trainLocalizationFlags struct {
	backbone     flags.Backbone
	data         localization.Data
	classes      classFlags
	out, preset  string
	detector     string // the run or file to take it from
	proposals    string // a file
	resume, json bool
}

func (a *app) trainLocalizationCommand() *cobra.Command {
	o := trainLocalizationFlags{preset: adapter.PresetDefault}
	k := localization.DefaultConfig()
	c := &cobra.Command{
		Use:   "localization --model PATH --features STORE --data DATA --out RUN",
		Short: "Learn to find actions in long videos",
		Long: `Trains two stages on timed segments of videos whose features were extracted before:
a detector that proposes segments of any class, and prompt vectors with a temporal
Transformer that classify the proposals. The run folder has the detector's run in
` + localization.DetectorDir + `/, and config.json, metrics.jsonl, last.safetensors (to resume) and
best.safetensors (both stages).

If the data has no splits, a share of the videos is kept for testing. With a validation
split that is not the training split, the best step is selected on it.
Zero-shot: --train-classes and --test-classes train on the videos that show only some
classes and test on others, of which only the names are known.

--detector takes the first stage of another run. --proposals reads proposals from a
file instead, ActivityNet JSON or CSV with video,start,end,score; the model then needs
such a file whenever it is used.`,
		Example: `  clipcue train localization --model ViT-B/16 --features features --data segments.csv --out run
  clipcue train localization --features features --data thumos.json --out run --train-classes seen.txt --test-classes new.txt`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(c); err != nil {
				return usageError{err}
			}
			if err := usePreset(c, &k, o.preset, localization.Preset); err != nil {
				return usageError{err}
			}
			k.DetectorTrain.Seed = k.Train.Seed
			return a.openLocalizationData(c, k, o)
		},
	}
	o.add(c, &k)
	return c
}

func (o *trainLocalizationFlags) add(c *cobra.Command, k *localization.Config) {
	o.backbone.Add(c)
	segmentFlags(c, &o.data)
	flags.Required(c, "features", "data")
	flags.Training(c, &o.out, &o.resume, &o.json)
	flags.Preset(c, &o.preset)
	c.Flags().StringVar(&o.detector, "detector", "", "run folder or file to take the first stage from")
	flags.Proposals(c, &o.proposals)
	o.data.TrainSplit = dataset.Train
	flags.OneOf(c, &o.data.TrainSplit, "train-split", flags.Splits, "split to train on: train, val or test")
	flags.OneOf(c, &o.data.EvalSplit, "eval-split", flags.Splits, "split to measure on (default: val if there is one, else test)")
	o.data.TestShare = 0.2
	flags.Division(c, &o.data.TestShare, &o.data.SplitSeed)
	o.classes.add(c)

	flags.Learning(c, &k.TrainConfig)
	flags.Count(c, &k.Batch, "batch", 1, 1<<16, "number of labeled segments per step")
	classesPerStep(c, &k.ClassesPerStep)
	flags.Between0And1(c, &k.Positive, "positive", "minimum tIoU with a true segment to learn its class")
	flags.Below1(c, &k.Negative, "negative", "maximum share inside of true segments to be background")
	flags.NotNegative(c, &k.BackgroundWeight, "background-weight", "loss weight of background, whose classes should be equally likely")

	flags.Int(c, &k.Detector.Width, "detector-width", 1, "width of the detector")
	flags.Int(c, &k.Detector.Blocks, "detector-blocks", 0, "Transformer blocks before the detector's pyramid")
	flags.Int(c, &k.Detector.Levels, "detector-levels", 1, "levels of the pyramid, each for segments twice as long")
	flags.Int(c, &k.Detector.Frames, "detector-window-frames", 1, "number of frames that the detector processes at a time")
	flags.Int(c, &k.Detector.Batch, "detector-batch", 1, "number of the detector's windows per step")
	flags.Int(c, &k.DetectorTrain.Steps, "detector-steps", 1, "number of training steps of the detector")
	flags.Positive(c, &k.DetectorTrain.LearningRate, "detector-learning-rate", "learning rate of the detector")
	proposalFlags(c, &k.Detector)
	detectionFlags(c, &k.Eval)
	tIoUs(c, &k.Eval.TIoU)
}

// detectorFlagNames are the flags of the detector and its training.
var detectorFlagNames = []string{"detector-width", "detector-blocks", "detector-levels", "detector-window-frames", "detector-batch", "detector-steps", "detector-learning-rate",
	"sigma", "min-proposal-score", "max-proposals"}

// check returns an error for flags that do not go together.
func (o *trainLocalizationFlags) check(c *cobra.Command) error {
	if o.detector != "" && o.proposals != "" {
		return errors.New("--detector and --proposals are alternatives: give one")
	}
	if o.detector == "" && o.proposals == "" {
		return nil
	}
	for _, name := range detectorFlagNames {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s has no effect with --detector or --proposals: no detector is trained", name)
		}
	}
	return nil
}

// openLocalizationData loads the backbone and the data, and trains.
func (a *app) openLocalizationData(c *cobra.Command, k localization.Config, o trainLocalizationFlags) error {
	d := o.data
	if err := o.classes.read(&d.TrainClasses, &d.TestClasses); err != nil {
		return err
	}
	m, path, err := a.load(o.backbone, clip.TextTower)
	if err != nil {
		return err
	}
	a.fitPrompts(c, &k.Adapter, m)
	data, err := d.Open(feature.BackboneOf(m))
	if err != nil {
		return err
	}
	if !c.Flags().Changed("eval-split") {
		if d.EvalSplit, err = evalSplit(d, data); err != nil {
			return err
		}
	}
	r := localization.Run{Run: train.Run{Dir: o.out, Resume: o.resume, Note: d, Log: a.log, Progress: a.progress}, Backbone: m, BackbonePath: path}
	if o.detector != "" {
		if r.Detector, err = a.readDetector(o.detector); err != nil {
			return err
		}
	}
	if o.proposals != "" {
		if r.Proposals, err = localization.ReadProposals(o.proposals); err != nil {
			return err
		}
	}
	return a.trainLocalization(c, k, r, d, data, o.json)
}

// evalSplit returns the split to measure on: the validation split if it has segments of
// the classes and is not the training split, else the test split.
func evalSplit(d localization.Data, data *localization.Source) (string, error) {
	d.EvalSplit = dataset.Val
	sets, _, err := d.Sets(data)
	if sets.Val != nil || err != nil {
		return dataset.Val, err
	}
	return dataset.Test, nil
}

// readDetector reads the detector of a run, a model file or a detector's file.
func (a *app) readDetector(path string) (*proposal.Detector, error) {
	file, err := adapter.FindModel(path, "")
	if err != nil {
		return nil, err
	}
	f, err := adapter.ReadFile(file)
	if err != nil { // the file of a detector
		return proposal.ReadFile(file)
	}
	l, err := localization.New(f, a.bare(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if l.Detector() == nil {
		return nil, fmt.Errorf("%s has no detector: it was trained on proposals from a file", file)
	}
	return l.Detector(), nil
}

func (a *app) trainLocalization(c *cobra.Command, k localization.Config, r localization.Run, d localization.Data, data *localization.Source, asJSON bool) error {
	a.warnEach(data.Warnings)
	var leftOut int
	var err error
	if r.Sets, leftOut, err = d.Sets(data); err != nil {
		return err
	}
	if r.Eval() == nil {
		reason := fmt.Sprintf("%s: split %q has no segments of the classes, or is the training split", d.Path, d.EvalSplit)
		if c.Flags().Changed("eval-split") {
			return errors.New(reason)
		}
		a.log.Warn("nothing will be measured", "reason", reason)
	}
	if leftOut > 0 {
		a.log.Warn("left out training videos that show other classes", "videos", leftOut)
	}
	missing := 0
	for _, s := range []struct {
		name string
		set  *localization.Set
	}{{"training", r.Train}, {"validation", r.Val}, {"test", r.Test}} {
		if s.set == nil {
			continue
		}
		a.log.Info(s.name, "videos", len(s.set.Videos), "segments", s.set.Truth().Count(), "classes", len(s.set.Classes), "missing", len(s.set.Missing))
		missing += a.warnMissingVideos(s.set)
		if err := a.warnBeyond(s.set); err != nil {
			return err
		}
	}
	result, err := localization.Train(c.Context(), k, r)
	a.reportRun(c.Context(), r.Dir, r.Val != nil, r.Test != nil, err, func(f *adapter.File, split string) (report.Measurement, error) {
		return a.measureLocalizer(c.Context(), f, r)
	})
	if err != nil {
		return err
	}
	about := ""
	if ap, ok := result.Metrics["average_map"].(float64); ok {
		about = fmt.Sprintf("average mAP %.1f %% on %v held-out videos", 100*ap, result.Metrics["videos"])
	}
	more := map[string]any{"missing": missing, "left_out": leftOut, "faults": len(data.Segments.Faults)}
	err = a.printTrained(r.Dir, result, asJSON, more, about, fmt.Sprintf("clipcue localize --run %s VIDEO...", r.Dir))
	return errors.Join(err, missingError(missing, annotatedVideo))
}

// annotatedVideo names an item of a localizer's data.
const annotatedVideo = "annotated video"

// warnMissingVideos logs annotated videos without features and returns their number.
func (a *app) warnMissingVideos(s *localization.Set) int {
	return a.warnWithoutFeatures("video", len(s.Missing), func(i int) (string, error) { return s.Missing[i].Path, s.Missing[i].Err })
}

// warnBeyond logs segments that lie outside of their videos' features.
func (a *app) warnBeyond(s *localization.Set) error {
	beyond, err := s.OutOfRange()
	for _, dropped := range []bool{true, false} {
		what := "segments lie outside of their videos' features and cannot be learned or found"
		if !dropped {
			what = "segments end after their videos and are used unchanged"
		}
		of := slices.DeleteFunc(slices.Clone(beyond), func(x dataset.Fault) bool { return x.Dropped != dropped })
		if len(of) > 0 {
			a.log.Warn(what, "segments", len(of), "first", fmt.Sprintf("%s at %g to %g s", of[0].Path, of[0].Start, of[0].End), "reason", of[0].Reason)
		}
	}
	return err
}
