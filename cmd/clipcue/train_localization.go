package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
)

// segmentFlags choose annotated long videos.
func segmentFlags(c *cobra.Command, d *localization.Data) {
	f := c.Flags()
	f.StringVar(&d.Features, "features", "", "the feature store")
	f.StringVar(&d.Path, "data", "", "the annotations: ActivityNet's or THUMOS14's JSON, or a CSV or JSONL file with video,start,end,label")
	oneOf(c, &d.Format, "data-format", dataset.SegmentFormats, "how to read them, if it does not show: "+strings.Join(dataset.SegmentFormats, ", "))
}

var splits = []string{dataset.Train, dataset.Val, dataset.Test}

// tIoUs adds the flag for the thresholds that results are measured at.
func tIoUs(c *cobra.Command, p *[]float64) {
	c.Flags().Var(&checked[[]float64]{p, "list", func(s string) ([]float64, error) {
		switch s {
		case "thumos":
			return localization.THUMOSThresholds, nil
		case "activitynet":
			return proposal.ActivityNetThresholds, nil
		}
		var out []float64
		for _, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
			x, err := strconv.ParseFloat(word, 64)
			if err != nil || !(x > 0 && x <= 1) {
				return nil, errors.New("it is thumos (0.3:0.1:0.7), activitynet (0.5:0.05:0.95), or numbers above 0, up to 1, separated by commas")
			}
			out = append(out, x)
		}
		if len(out) == 0 {
			return nil, errors.New("it has no number")
		}
		return out, nil
	}}, "tiou", "overlaps that detections are measured at: thumos (0.3:0.1:0.7), activitynet (0.5:0.05:0.95), or a list such as 0.5,0.75")
}

func (a *app) trainLocalizationCommand() *cobra.Command {
	var b backboneFlags
	var d localization.Data
	var classes classFlags
	var out, detector, given string
	var resume, asJSON bool
	k, preset := localization.DefaultConfig(), adapter.PresetDefault
	c := &cobra.Command{
		Use:   "localization --model PATH --features STORE --data DATA --out RUN",
		Short: "Learn to find actions in long videos",
		Long: `Learns two stages from timed segments of videos whose features were extracted
before: a detector that proposes where something happens, whatever it is, and then
prompt vectors and a temporal Transformer that name the proposals. The run folder
has the detector's run in ` + localization.DetectorDir + `/, and config.json, metrics.jsonl,
last.safetensors to resume from and best.safetensors, which holds both stages.

If the data says no splits, a share of the videos is kept for testing. With a
validation split, beside the one that is learned from, the best step is chosen on it.
Zero-shot: --train-classes and --test-classes learn from the videos that show some
classes alone and test on others, whose names are all that is known of them.

--detector takes a first stage from another run, --proposals takes proposals from a
file, ActivityNet's JSON or CSV with video,start,end,score, which the model needs
ever after.`,
		Example: `  clipcue train localization --model ViT-B/16 --features features --data segments.csv --out run
  clipcue train localization --features features --data thumos.json --out run --train-classes seen.txt --test-classes new.txt`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if detector != "" && given != "" {
				return usageError{errors.New("--detector and --proposals are two ways to come by proposals: give one")}
			}
			if detector != "" || given != "" {
				for _, name := range detectorFlags {
					if c.Flags().Changed(name) {
						return usageError{fmt.Errorf("--%s says nothing where no detector is trained", name)}
					}
				}
			}
			if err := usePreset(c, &k, preset, localization.Preset); err != nil {
				return usageError{err}
			}
			k.DetectorTrain.Seed = k.Train.Seed
			if err := classes.read(&d.TrainClasses, &d.TestClasses); err != nil {
				return err
			}
			m, path, err := a.load(b, clip.Text)
			if err != nil {
				return err
			}
			data, err := d.Open(m.Fingerprint())
			if err != nil {
				return err
			}
			if !c.Flags().Changed("eval-split") {
				if d.EvalSplit, err = evalSplit(d, data); err != nil {
					return err
				}
			}
			r := localization.Run{Run: train.Run{Dir: out, Resume: resume, Note: d, Log: a.log, Progress: a.progress}, Backbone: m, BackbonePath: path}
			if detector != "" {
				if r.Detector, err = a.readDetector(detector); err != nil {
					return err
				}
			}
			if given != "" {
				if r.Proposals, err = localization.ReadProposals(given); err != nil {
					return err
				}
			}
			return a.trainLocalization(c, k, r, d, data, asJSON)
		},
	}
	b.add(c)
	segmentFlags(c, &d)
	runFlags(c, &out, &resume, &asJSON, &preset)
	f := c.Flags()
	f.StringVar(&detector, "detector", "", "take the first stage of another run: its folder, its model file, or a detector's own")
	f.StringVar(&given, "proposals", "", "a file of proposals to take instead of a detector's")
	d.TrainSplit = dataset.Train
	oneOf(c, &d.TrainSplit, "train-split", splits, "the split to learn from: train, val or test")
	oneOf(c, &d.EvalSplit, "eval-split", splits, "the split to measure on; if not given, val if there is one, else test")
	divisionFlags(c, &d.TestShare, &d.SplitSeed, "share of the videos kept for testing, if the data says no splits")
	classes.add(c)

	learningFlags(c, &k.TrainConfig, "name", "segments")
	whole(c, &k.Batch, "batch", 1, "labeled segments a step")
	whole(c, &k.ClassesPerStep, "classes-per-step", 2, "classes a step at most: those of the batch and others at random")
	share(c, &k.Positive, "positive", "tIoU with a true segment from which a proposal is learned as its class")
	below1(c, &k.Negative, "negative", "share of a proposal within true segments up to which it is background")
	number(c, &k.BackgroundWeight, "background-weight", true, "weight in the loss of background, whose probabilities are to be even")

	whole(c, &k.Detector.Width, "detector-width", 1, "width of the detector")
	whole(c, &k.Detector.Blocks, "detector-blocks", 0, "Transformer blocks of the detector before its pyramid")
	whole(c, &k.Detector.Levels, "detector-levels", 1, "levels of its pyramid, each for segments twice as long")
	whole(c, &k.Detector.Frames, "detector-window-frames", 1, "frames that it sees at a time")
	whole(c, &k.Detector.Batch, "detector-batch", 1, "of these windows, how many a step")
	whole(c, &k.DetectorTrain.Steps, "detector-steps", 1, "steps to train it")
	number(c, &k.DetectorTrain.LearningRate, "detector-learning-rate", false, "its learning rate")
	proposalFlags(c, &k.Detector.Sigma, &k.Detector.MinScore, &k.Detector.MaxProposals)
	evaluationFlags(c, &k.Eval)
	tIoUs(c, &k.Eval.TIoU)
	return c
}

// detectorFlags are those of the detector and its training.
var detectorFlags = []string{"detector-width", "detector-blocks", "detector-levels", "detector-window-frames", "detector-batch", "detector-steps", "detector-learning-rate",
	"sigma", "min-proposal-score", "max-proposals"}

// proposalFlags adds those for what a detector gives.
func proposalFlags(c *cobra.Command, sigma, floor *float64, topK *int) {
	number(c, sigma, "sigma", false, "width of soft-NMS among proposals: more keeps fewer neighbors")
	below1(c, floor, "min-proposal-score", "lowest score of a proposal")
	whole(c, topK, "max-proposals", 1, "proposals a video at most; of a longer one than ten minutes, for every ten")
}

// evaluationFlags adds those for how proposals become detections.
func evaluationFlags(c *cobra.Command, e *localization.Evaluation) {
	whole(c, &e.ClassesPerProposal, "classes-per-proposal", 1, "likeliest classes of a proposal, each a detection")
	whole(c, &e.MaxDetections, "max-detections", 1, "detections a video at most; of a longer one than ten minutes, for every ten")
	c.Flags().BoolVar(&e.VideoScore, "video-score", e.VideoScore, "multiply scores by the class's probability in the whole video")
}

// evalSplit is the split to measure on: the validation split, if its videos show
// anything that is to be told and it is not the one to learn from.
func evalSplit(d localization.Data, data *localization.Source) (string, error) {
	d.EvalSplit = dataset.Val
	sets, _, err := d.Sets(data)
	if sets.Val != nil || err != nil {
		return dataset.Val, err
	}
	return dataset.Test, nil
}

// readDetector reads the first stage of a run or a file.
func (a *app) readDetector(path string) (*proposal.Detector, error) {
	file, err := adapter.FindModel(path, "")
	if err != nil {
		return nil, err
	}
	f, err := adapter.ReadFile(file)
	if err != nil { // a detector's own file
		return proposal.ReadFile(file)
	}
	l, err := localization.New(f, clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, a.threads))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if l.Detector() == nil {
		return nil, fmt.Errorf("%s has no detector: it was trained on proposals from a file", file)
	}
	return l.Detector(), nil
}

func (a *app) trainLocalization(c *cobra.Command, k localization.Config, r localization.Run, d localization.Data, data *localization.Source, asJSON bool) error {
	for _, w := range data.Warnings {
		a.log.Warn(w)
	}
	var leftOut int
	var err error
	if r.Sets, leftOut, err = d.Sets(data); err != nil {
		return err
	}
	if r.Eval() == nil {
		reason := fmt.Sprintf("%s: split %q has no segment to find, or is the one to learn from", d.Path, d.EvalSplit)
		if c.Flags().Changed("eval-split") {
			return errors.New(reason)
		}
		a.log.Warn("nothing will be measured", "reason", reason)
	}
	if leftOut > 0 {
		a.log.Warn("left out training videos that show other classes than those to learn from", "videos", leftOut)
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
		about = fmt.Sprintf("average mAP %.1f %% on %v videos that it did not learn from", 100*ap, result.Metrics["videos"])
	}
	more := map[string]any{"missing": missing, "left_out": leftOut, "faults": len(data.Segments.Faults)}
	err = a.printTrained(r.Dir, result, asJSON, more, about, fmt.Sprintf("clipcue localize --run %s VIDEO...", r.Dir))
	return errors.Join(err, missingError(missing, annotatedVideo))
}

// annotatedVideo is what a localizer's data consists of.
const annotatedVideo = "annotated video"

// warnMissingVideos names annotated videos without features and returns how many
// there are.
func (a *app) warnMissingVideos(s *localization.Set) int {
	return a.warnWithoutFeatures("video", len(s.Missing), func(i int) (string, error) { return s.Missing[i].Path, s.Missing[i].Err })
}

// warnBeyond tells of segments that lie beyond what the features hold.
func (a *app) warnBeyond(s *localization.Set) error {
	beyond, err := s.OutOfRange()
	for _, kept := range []bool{false, true} {
		what := "segments lie beyond their videos' features: there is nothing to learn from, and nothing to find"
		if kept {
			what = "segments end after their videos, and are taken as they are"
		}
		of := slices.DeleteFunc(slices.Clone(beyond), func(x dataset.Fault) bool { return x.Kept != kept })
		if len(of) > 0 {
			a.log.Warn(what, "segments", len(of), "first", fmt.Sprintf("%s at %g to %g s", of[0].Path, of[0].Start, of[0].End), "reason", of[0].Reason)
		}
	}
	return err
}
