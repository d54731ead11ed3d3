package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
	"github.com/clipcue/clipcue/recognition"
)

func (a *app) trainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "train",
		Short: "Learn from videos",
		Example: `  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out run
  clipcue train retrieval --model ViT-B/16 --features features --data captions.csv --out finder`,
	}
	c.AddCommand(a.trainRecognitionCommand(), a.trainLocalizationCommand(), a.trainRetrievalCommand())
	return c
}

// dataFlags choose labelled videos.
type dataFlags struct {
	recognition.Data
	trainClasses, testClasses string
}

func (d *dataFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.Features, "features", "", "the feature store")
	f.StringVar(&d.Path, "data", "", "the annotations: a folder with one folder a class, a CSV or JSONL file, or a dataset's own lists")
	oneOf(c, &d.Format, "data-format", dataset.Formats, "how to read them, if it does not show: "+strings.Join(dataset.Formats, ", "))
	whole(c, &d.Fold, "fold", 0, "which official division of HMDB51 or UCF101; 0 means the first")
}

// few are the flags of few-shot training.
type few struct {
	shots, way, episodes int
	lists, tests         string
}

func (a *app) trainRecognitionCommand() *cobra.Command {
	var b backboneFlags
	var d dataFlags
	var few few
	var out string
	var resume, asJSON bool
	k, preset := recognition.DefaultConfig(), recognition.PresetDefault
	c := &cobra.Command{
		Use:   "recognition --model PATH --features STORE --data DATA --out RUN",
		Short: "Learn to name actions",
		Long: `Learns prompt vectors and a temporal Transformer from labelled videos whose
features were extracted before, and writes a run folder: config.json,
metrics.jsonl, last.safetensors to resume from, best.safetensors to use and
report.html to look at.

If the data says no splits, a share of each class's videos is kept for testing.
With a validation split the best step is chosen on it; else it is the last.

Few-shot: --shots K learns from K videos a class, over all classes or over
--episodes problems of --way classes; --episode-lists takes the authors' lists.
Zero-shot: --train-classes and --test-classes learn from the videos of some
classes and test on others, whose names are all that is known of them.

--preset paper trains as the authors do. The default goes beyond it: the temporal
Transformer adds to the mean of the frames instead of replacing it, and is kept
near it, so that classes which were not learned stay recognisable. Flags that are
given change what the preset says.`,
		Example: `  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out run
  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out few --shots 5 --way 5 --episodes 20`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := few.check(d); err != nil {
				return usageError{err}
			}
			if err := usePreset(c, &k, preset, recognition.Preset); err != nil {
				return usageError{err}
			}
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
			for _, w := range data.Warnings {
				a.log.Warn(w)
			}
			r := recognition.Run{Dir: out, Backbone: m, Path: path, Resume: resume, Note: d.Data, Log: a.log, Progress: a.progress}
			k.Eval.Seed = k.Train.Seed
			if few.shots > 0 || few.lists != "" {
				return a.trainFewShot(c, k, r, data, few, asJSON)
			}
			return a.trainOnce(c, k, r, d.Data, data, asJSON)
		},
	}
	b.add(c)
	d.add(c)
	required(c, "features", "data", "out")
	f := c.Flags()
	f.StringVar(&out, "out", "", "the run folder")
	f.BoolVar(&resume, "resume", false, "go on with a run that was stopped")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	oneOf(c, &preset, "preset", recognition.Presets, "what the flags below are if they are not given: "+strings.Join(recognition.Presets, " or "))
	adapterFlags(c, &k.Adapter, "name")
	below1(c, &k.TemporalDrop, "temporal-drop", "share of a step's windows that go without that residual")
	number(c, &k.Anchor, "anchor", true, "weight in the loss of the classes' distance from the built-in templates")
	f.StringArrayVar(&k.Templates, "template", nil, "what --anchor ties classes to: a sentence with {} for the name; may be given again; if not given, the built-in ones")
	number(c, &k.VideoAnchor, "video-anchor", true, "weight in the loss of the videos' distance from the mean of their frames")
	loopFlags(c, &k.Train)
	whole(c, &k.Batch, "batch", 1, "windows a step")
	whole(c, &k.Classes, "contrast", 2, "classes a step at most: those of the batch and others at random")
	whole(c, &k.Eval.Windows, "windows", 1, "windows that a video is classified by in evaluations")
	f.BoolVar(&k.Eval.Random, "random-windows", false, "draw the windows of evaluations at random, as the authors do, instead of evenly")
	d.TestShare = 0.2
	share(c, &d.TestShare, "test-share", "share of each class's videos kept for testing, if the data says no splits")
	f.Uint64Var(&d.Seed, "split-seed", 0, "seed of the choice which these are")
	f.StringVar(&d.trainClasses, "train-classes", "", "zero-shot: file of the classes to learn from, one a line")
	f.StringVar(&d.testClasses, "test-classes", "", "zero-shot: file of the classes to test on")
	whole(c, &few.shots, "shots", 0, "few-shot: videos a class to learn from")
	whole(c, &few.way, "way", 0, "few-shot: classes an episode; 0 means all")
	whole(c, &few.episodes, "episodes", 0, "few-shot: episodes to draw; 0 means 10, or 1 over all classes")
	f.StringVar(&few.lists, "episode-lists", "", "few-shot: the authors' training lists, a file or folder of split_N.list")
	f.StringVar(&few.tests, "episode-tests", "", "few-shot: the lists to test on; if not given, the test split of --data")
	return c
}

// adapterFlags choose what is learned.
func adapterFlags(c *cobra.Command, k *prompt.Config, what string) {
	f := c.Flags()
	whole(c, &k.Prefix, "prefix", 0, "prompt vectors before the "+what)
	whole(c, &k.Postfix, "postfix", 0, "prompt vectors after the "+what)
	oneOf(c, &k.Layout, "layout", prompt.Layouts, "how prompt vectors are numbered: "+strings.Join(prompt.Layouts, " or "))
	whole(c, &k.TemporalLayers, "temporal-layers", 0, "layers of the temporal Transformer; 0 means the mean of the frames")
	whole(c, &k.TemporalHeads, "temporal-heads", 0, "attention heads of the temporal Transformer; 0 means one for every 64 of its width")
	whole(c, &k.Frames, "window", 1, "frames a window")
	f.BoolVar(&k.Residual, "residual", k.Residual, "add the temporal Transformer's result to the mean of the frames, instead of replacing it")
	temperature(c, &k.Temperature, "temperature", "temperature of the logits; clip for the backbone's own")
}

// loopFlags choose how it is learned.
func loopFlags(c *cobra.Command, k *train.Config) {
	f := c.Flags()
	whole(c, &k.Steps, "steps", 1, "steps to train")
	number(c, &k.Rate, "lr", false, "learning rate")
	oneOf(c, &k.Schedule, "schedule", []string{"constant", "cosine"}, "how the learning rate goes on: constant or cosine")
	whole(c, &k.Warmup, "warmup", 0, "steps over which the learning rate rises at first")
	number(c, &k.Decay, "weight-decay", true, "AdamW's weight decay")
	below1(c, &k.Average, "ema", "decay of the weights' moving average, which is the model; 0 for the weights themselves")
	number(c, &k.ClipNorm, "clip-norm", true, "largest norm of the gradient; 0 means no limit")
	f.Uint64Var(&k.Seed, "seed", 0, "seed of everything that is random")
	whole(c, &k.EvalEvery, "eval-every", 0, "steps between evaluations; 0 means ten a run")
	whole(c, &k.SaveEvery, "save-every", 0, "steps between checkpoints; 0 means twenty a run")
}

// usePreset makes k a preset's settings, but for the flags that were given.
func usePreset[C any](c *cobra.Command, k *C, name string, preset func(string) (C, error)) (err error) {
	var again []func() error
	c.Flags().Visit(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values := list.GetSlice()
			again = append(again, func() error { return list.Replace(values) })
			return
		}
		value := f.Value.String()
		again = append(again, func() error { return f.Value.Set(value) })
	})
	if *k, err = preset(name); err != nil {
		return err
	}
	for _, set := range again {
		err = errors.Join(err, set())
	}
	return err
}

// readClasses reads the class files of zero-shot training.
func (d *dataFlags) readClasses() (err error) {
	if (d.trainClasses == "") != (d.testClasses == "") {
		return usageError{errors.New("--train-classes and --test-classes go together")}
	}
	if d.trainClasses == "" {
		return nil
	}
	if d.TrainClasses, err = dataset.ReadClasses(d.trainClasses); err != nil {
		return err
	}
	d.TestClasses, err = dataset.ReadClasses(d.testClasses)
	return err
}

func (f few) check(d dataFlags) error {
	switch {
	case f.shots == 0 && (f.way > 0 || f.episodes > 0):
		return errors.New("--way and --episodes need --shots")
	case f.shots > 0 && f.lists != "":
		return errors.New("--shots draws episodes and --episode-lists reads them: give one")
	case f.tests != "" && f.lists == "":
		return errors.New("--episode-tests needs --episode-lists")
	case (f.shots > 0 || f.lists != "") && d.trainClasses != "":
		return errors.New("few-shot and zero-shot training are different runs")
	}
	return nil
}

// trainOnce is closed-set and zero-shot training.
func (a *app) trainOnce(c *cobra.Command, k recognition.Config, r recognition.Run, d recognition.Data, data *recognition.Opened, asJSON bool) error {
	var err error
	if r.Train, r.Val, r.Test, err = d.Sets(data); err != nil {
		return err
	}
	missing := 0
	for _, s := range []struct {
		name string
		set  *recognition.Set
	}{{"training", r.Train}, {"validation", r.Val}, {"test", r.Test}} {
		if s.set == nil {
			continue
		}
		a.log.Info(s.name, "videos", len(s.set.Videos), "classes", len(s.set.Classes), "missing", len(s.set.Missing))
		missing += a.warnMissing(s.set)
	}
	result, err := recognition.Train(c.Context(), k, r)
	a.reportRun(c.Context(), k, r, err)
	if err != nil {
		return err
	}
	model := filepath.Join(r.Dir, "best.safetensors")
	if asJSON {
		err = a.json(map[string]any{"run": r.Dir, "model": model, "steps": result.Steps, "best_step": result.BestStep, "metrics": result.Metrics, "missing": missing})
	} else {
		fmt.Fprintf(a.out, "trained %d steps; the model of step %d is %s\n", result.Steps, result.BestStep, model)
		if top1, ok := result.Metrics["top1"].(float64); ok {
			fmt.Fprintf(a.out, "top-1 %.1f %%, top-5 %.1f %% on %v videos that it did not learn from\n", 100*top1, 100*result.Metrics["top5"].(float64), result.Metrics["videos"])
		}
		_, err = fmt.Fprintf(a.out, "next: clipcue classify --adapter %s VIDEO...\n", r.Dir)
	}
	return errors.Join(err, missingError(missing))
}

// warnMissing names samples without features and returns how many there are.
func (a *app) warnMissing(s *recognition.Set) int {
	return warnFew(len(s.Missing), func(i int) {
		m := s.Missing[i]
		a.log.Warn("left out", "sample", m.Path, "reason", strings.TrimPrefix(m.Err.Error(), fmt.Sprintf("%q: ", m.Path)))
	}, func(more int) { a.log.Warn("and more samples have no features", "missing", more) })
}

// missingError is the error that ends a command which did its work but for n
// samples without features.
func missingError(n int) error {
	switch n {
	case 0:
		return nil
	case 1:
		return partialError{errors.New("done, but 1 sample was left out: it has no features; make them with clipcue extract, or take it out of --data")}
	}
	return partialError{fmt.Errorf("done, but %d samples were left out: they have no features; make them with clipcue extract, or take them out of --data", n)}
}

func (a *app) trainFewShot(c *cobra.Command, k recognition.Config, r recognition.Run, data *recognition.Opened, f few, asJSON bool) error {
	episodes, err := f.draw(data.Dataset, k.Train.Seed)
	if err != nil {
		return err
	}
	result, err := recognition.FewShot(c.Context(), k, r, data, episodes)
	a.reportFewShot(r.Dir, result, episodes)
	if err != nil {
		return err
	}
	if asJSON {
		err = a.json(result)
	} else {
		_, err = fmt.Fprintf(a.out, "top-1 %.1f ± %.1f %% over %d episodes (95 %% interval)\n", 100*result.Top1, 100*result.Top1CI, result.Episodes)
	}
	return errors.Join(err, missingError(result.Missing))
}

// draw returns the episodes to learn.
func (f few) draw(d *dataset.Dataset, seed uint64) ([]dataset.Episode, error) {
	if f.lists != "" {
		if f.tests == "" {
			return dataset.LoadEpisodes(f.lists, d.Source, dataset.Options{})
		}
		return dataset.LoadEpisodes(f.lists, f.tests, dataset.Options{})
	}
	if f.episodes == 0 {
		f.episodes = 10
		if f.way == 0 {
			f.episodes = 1
		}
	}
	if f.way == 0 {
		f.way = len(d.Classes)
	}
	return dataset.Episodes(d, f.way, f.shots, f.episodes, seed)
}
