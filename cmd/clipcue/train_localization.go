package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/report"
	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/localization"
	"github.com/clipcue/clipcue/prompt"
	"github.com/clipcue/clipcue/proposal"
)

// segmentFlags choose annotated long videos.
type segmentFlags struct {
	localization.Data
	trainClasses, testClasses string
}

func (d *segmentFlags) add(c *cobra.Command) {
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
			return localization.THUMOS, nil
		case "activitynet":
			return localization.ActivityNet, nil
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
	var d segmentFlags
	var out, detector, given string
	var resume, asJSON bool
	k, preset := localization.DefaultConfig(), localization.PresetDefault
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
			if err := d.readClasses(); err != nil {
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
			d.chooseSplits(data, c.Flags().Changed("eval-split"))
			r := localization.Run{Dir: out, Backbone: m, Path: path, Resume: resume, Log: a.log, Progress: a.progress, Note: d.Data}
			if detector != "" {
				if r.Detector, err = a.readDetector(detector); err != nil {
					return err
				}
			}
			if given != "" {
				if r.Given, err = localization.ReadResults(given); err != nil {
					return err
				}
			}
			return a.trainLocalization(c, k, r, d.Data, data, asJSON)
		},
	}
	b.add(c)
	d.add(c)
	required(c, "features", "data", "out")
	f := c.Flags()
	f.StringVar(&out, "out", "", "the run folder")
	f.BoolVar(&resume, "resume", false, "go on with a run that was stopped")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	f.StringVar(&detector, "detector", "", "take the first stage of another run: its folder, its model file, or a detector's own")
	f.StringVar(&given, "proposals", "", "a file of proposals to take instead of a detector's")
	d.TrainSplit = dataset.Train
	oneOf(c, &d.TrainSplit, "train-split", splits, "the split to learn from: train, val or test")
	oneOf(c, &d.EvalSplit, "eval-split", splits, "the split to measure on; if not given, val if there is one, else test")
	d.TestShare = 0.2
	share(c, &d.TestShare, "test-share", "share of the videos kept for testing, if the data says no splits")
	f.Uint64Var(&d.Seed, "split-seed", 0, "seed of the choice which these are")
	f.StringVar(&d.trainClasses, "train-classes", "", "zero-shot: file of the classes to learn from, one a line")
	f.StringVar(&d.testClasses, "test-classes", "", "zero-shot: file of the classes to test on")
	oneOf(c, &preset, "preset", localization.Presets, "what the flags below are if they are not given: "+strings.Join(localization.Presets, " or "))

	whole(c, &k.Adapter.Prefix, "prefix", 0, "prompt vectors before the name")
	whole(c, &k.Adapter.Postfix, "postfix", 0, "prompt vectors after the name")
	oneOf(c, &k.Adapter.Layout, "layout", prompt.Layouts, "how prompt vectors are numbered: "+strings.Join(prompt.Layouts, " or "))
	whole(c, &k.Adapter.TemporalLayers, "temporal-layers", 0, "layers of the temporal Transformer; 0 means the mean of the frames")
	whole(c, &k.Adapter.TemporalHeads, "temporal-heads", 0, "attention heads of the temporal Transformer; 0 means one for every 64 of its width")
	whole(c, &k.Adapter.Frames, "window", 1, "frames that the temporal Transformer sees at a time")
	f.BoolVar(&k.Adapter.Residual, "residual", k.Adapter.Residual, "add the temporal Transformer's result to the mean of the frames, instead of replacing it")
	temperature(c, &k.Adapter.Temperature, "temperature", "temperature of the logits; clip for the backbone's own")
	number(c, &k.VideoAnchor, "video-anchor", true, "weight in the loss of the segments' distance from the mean of their frames")
	share(c, &k.Positive, "positive", "tIoU with a true segment from which a proposal is learned as its class")
	below1(c, &k.Negative, "negative", "share of a proposal within true segments up to which it is background")
	number(c, &k.Background, "background", true, "weight in the loss of background, whose probabilities are to be even")
	whole(c, &k.Train.Steps, "steps", 1, "steps to train")
	whole(c, &k.Batch, "batch", 1, "labelled segments a step")
	number(c, &k.Train.Rate, "lr", false, "learning rate")
	oneOf(c, &k.Train.Schedule, "schedule", []string{"constant", "cosine"}, "how the learning rate goes on: constant or cosine")
	whole(c, &k.Train.Warmup, "warmup", 0, "steps over which the learning rate rises at first")
	number(c, &k.Train.Decay, "weight-decay", true, "AdamW's weight decay")
	below1(c, &k.Train.Average, "ema", "decay of the weights' moving average, which is the model; 0 for the weights themselves")
	number(c, &k.Train.ClipNorm, "clip-norm", true, "largest norm of the gradient; 0 means no limit")
	whole(c, &k.Classes, "contrast", 2, "classes a step at most: those of the batch and others at random")
	f.Uint64Var(&k.Train.Seed, "seed", 0, "seed of everything that is random")
	whole(c, &k.Train.EvalEvery, "eval-every", 0, "steps between evaluations; 0 means ten a run")
	whole(c, &k.Train.SaveEvery, "save-every", 0, "steps between checkpoints; 0 means twenty a run")

	whole(c, &k.Detector.Width, "detector-width", 1, "width of the detector")
	whole(c, &k.Detector.Blocks, "detector-blocks", 0, "Transformer blocks of the detector before its pyramid")
	whole(c, &k.Detector.Levels, "detector-levels", 1, "levels of its pyramid, each for segments twice as long")
	whole(c, &k.Detector.Frames, "detector-window", 1, "frames that it sees at a time")
	whole(c, &k.Detector.Batch, "detector-batch", 1, "of these windows, how many a step")
	whole(c, &k.DetectorTrain.Steps, "detector-steps", 1, "steps to train it")
	number(c, &k.DetectorTrain.Rate, "detector-lr", false, "its learning rate")
	proposalFlags(c, &k.Detector.Sigma, &k.Detector.Floor, &k.Detector.TopK)
	evaluationFlags(c, &k.Eval)
	return c
}

// detectorFlags are those of the detector and its training.
var detectorFlags = []string{"detector-width", "detector-blocks", "detector-levels", "detector-window", "detector-batch", "detector-steps", "detector-lr",
	"sigma", "floor", "proposals-per-video"}

// proposalFlags adds those for what a detector gives.
func proposalFlags(c *cobra.Command, sigma, floor *float64, topK *int) {
	number(c, sigma, "sigma", false, "width of soft-NMS among proposals: more keeps fewer neighbours")
	below1(c, floor, "floor", "lowest score of a proposal")
	whole(c, topK, "proposals-per-video", 1, "proposals a video at most")
}

// evaluationFlags adds those for how proposals become detections.
func evaluationFlags(c *cobra.Command, e *localization.Evaluation) {
	whole(c, &e.Classes, "classes-per-proposal", 1, "likeliest classes of a proposal, each a detection")
	whole(c, &e.Most, "detections", 1, "detections a video at most")
	c.Flags().BoolVar(&e.VideoScore, "video-score", e.VideoScore, "multiply scores by the class's probability in the whole video")
	tIoUs(c, &e.TIoU)
}

// readClasses reads the class files of zero-shot training.
func (d *segmentFlags) readClasses() error {
	both := dataFlags{trainClasses: d.trainClasses, testClasses: d.testClasses}
	err := both.readClasses()
	d.TrainClasses, d.TestClasses = both.TrainClasses, both.TestClasses
	return err
}

// chooseSplits takes the validation split for measuring, if it is not the one to
// learn from, unless one was given.
func (d *segmentFlags) chooseSplits(data *localization.Opened, given bool) {
	if given {
		return
	}
	d.EvalSplit = dataset.Test
	if n := data.Segments.Splits(); n[dataset.Val] > 0 && d.TrainSplit != dataset.Val {
		d.EvalSplit = dataset.Val
	}
}

// readDetector reads the first stage of a run or a file.
func (a *app) readDetector(path string) (*proposal.Detector, error) {
	file, err := modelFile(path)
	if err != nil {
		return nil, err
	}
	f, err := prompt.ReadFile(file)
	if err != nil { // a detector's own file
		return proposal.ReadFile(nil, file)
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

func (a *app) trainLocalization(c *cobra.Command, k localization.Config, r localization.Run, d localization.Data, data *localization.Opened, asJSON bool) error {
	for _, w := range data.Warnings {
		a.log.Warn(w)
	}
	var leftOut int
	var err error
	if r.Train, r.Test, leftOut, err = d.Sets(data); err != nil {
		return err
	}
	r.Chooses = d.EvalSplit == dataset.Val
	if leftOut > 0 {
		a.log.Warn("left out training videos that show other classes than those to learn from", "videos", leftOut)
	}
	missing := 0
	for _, s := range []struct {
		name string
		set  *localization.Set
	}{{"training", r.Train}, {"test", r.Test}} {
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
	if err != nil {
		return err
	}
	page, err := a.localizationPage(c.Context(), r)
	a.writeReport(filepath.Join(r.Dir, report.FileName), page, err)
	model := filepath.Join(r.Dir, train.BestFile)
	if asJSON {
		err = a.json(map[string]any{"run": r.Dir, "model": model, "steps": result.Steps, "best_step": result.BestStep, "metrics": result.Metrics,
			"missing": missing, "left_out": leftOut, "faults": len(data.Segments.Faults)})
	} else {
		fmt.Fprintf(a.out, "trained %d steps; the model of step %d is %s\n", result.Steps, result.BestStep, model)
		if ap, ok := result.Metrics["average_map"].(float64); ok {
			fmt.Fprintf(a.out, "average mAP %.1f %% on %v videos that it did not learn from\n", 100*ap, result.Metrics["videos"])
		}
		_, err = fmt.Fprintf(a.out, "next: clipcue localize --adapter %s VIDEO...\n", r.Dir)
	}
	return errors.Join(err, missingVideos(missing))
}

// warnMissingVideos names annotated videos without features and returns how many
// there are.
func (a *app) warnMissingVideos(s *localization.Set) int {
	return warnFew(len(s.Missing), func(i int) {
		m := s.Missing[i]
		a.log.Warn("left out", "video", m.Path, "reason", strings.TrimPrefix(m.Err.Error(), fmt.Sprintf("%q: ", m.Path)))
	}, func(more int) { a.log.Warn("and more videos have no features", "missing", more) })
}

// warnBeyond tells of segments that lie beyond what the features hold.
func (a *app) warnBeyond(s *localization.Set) error {
	beyond, err := s.Beyond()
	if len(beyond) > 0 {
		x := beyond[0]
		a.log.Warn("segments lie beyond their videos' features: there is nothing to learn from, and nothing to find", "segments", len(beyond),
			"first", fmt.Sprintf("%s at %g to %g s", x.Path, x.Start, x.End), "reason", x.Reason)
	}
	return err
}

// missingVideos is the error that ends a command which did its work but for n
// annotated videos without features.
func missingVideos(n int) error {
	if n == 0 {
		return nil
	}
	return partialError{fmt.Errorf("done, but %d annotated videos were left out: they have no features; make them with clipcue extract, or take them out of --data", n)}
}
