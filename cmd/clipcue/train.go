package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
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

// labelFlags choose labeled videos.
func labelFlags(c *cobra.Command, d *recognition.Data) {
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
	var d recognition.Data
	var classes classFlags
	var few few
	var out string
	var resume, asJSON bool
	k, preset := recognition.DefaultConfig(), adapter.PresetDefault
	c := &cobra.Command{
		Use:   "recognition --model PATH --features STORE --data DATA --out RUN",
		Short: "Learn to name actions",
		Long: `Learns prompt vectors and a temporal Transformer from labeled videos whose
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
near it, so that classes which were not learned stay recognizable. Flags that are
given change what the preset says.`,
		Example: `  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out run
  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out few --shots 5 --way 5 --episodes 20`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := few.check(classes.train != ""); err != nil {
				return usageError{err}
			}
			if err := usePreset(c, &k, preset, recognition.Preset); err != nil {
				return usageError{err}
			}
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
			for _, w := range data.Warnings {
				a.log.Warn(w)
			}
			r := recognition.Run{Run: train.Run{Dir: out, Resume: resume, Note: d, Log: a.log, Progress: a.progress}, Backbone: m, BackbonePath: path}
			k.Eval.WindowSeed = k.Train.Seed
			if few.shots > 0 || few.lists != "" {
				return a.trainFewShot(c, k, r, data, few, asJSON)
			}
			return a.trainOnce(c, k, r, d, data, asJSON)
		},
	}
	b.add(c)
	labelFlags(c, &d)
	runFlags(c, &out, &resume, &asJSON, &preset)
	learningFlags(c, &k.TrainConfig, "name", "windows")
	whole(c, &k.Batch, "batch", 1, "windows a step")
	f := c.Flags()
	number(c, &k.Anchor, "anchor", true, "weight in the loss of the classes' distance from the built-in templates")
	f.StringArrayVar(&k.AnchorTemplates, "anchor-template", nil, "what --anchor ties classes to: a sentence with {} for the name; may be given again; if not given, the built-in ones")
	whole(c, &k.ClassesPerStep, "classes-per-step", 2, "classes a step at most: those of the batch and others at random")
	whole(c, &k.Eval.Windows, "windows", 1, "windows that a video is classified by in evaluations")
	f.BoolVar(&k.Eval.RandomWindows, "random-windows", false, "draw the windows of evaluations at random, as the authors do, instead of evenly")
	divisionFlags(c, &d.TestShare, &d.SplitSeed, "share of each class's videos kept for testing, if the data says no splits")
	classes.add(c)
	whole(c, &few.shots, "shots", 0, "few-shot: videos a class to learn from")
	whole(c, &few.way, "way", 0, "few-shot: classes an episode; 0 means all")
	whole(c, &few.episodes, "episodes", 0, "few-shot: episodes to draw; 0 means 10, or 1 over all classes")
	f.StringVar(&few.lists, "episode-lists", "", "few-shot: the authors' training lists, a file or folder of split_N.list")
	f.StringVar(&few.tests, "episode-tests", "", "few-shot: the lists to test on; if not given, the test split of --data")
	return c
}

// runFlags are those that every training command has for its run.
func runFlags(c *cobra.Command, out *string, resume, asJSON *bool, preset *string) {
	required(c, "features", "data", "out")
	f := c.Flags()
	f.StringVar(out, "out", "", "the run folder")
	f.BoolVar(resume, "resume", false, "go on with a run that was stopped")
	f.BoolVar(asJSON, "json", false, "write JSON")
	oneOf(c, preset, "preset", adapter.Presets, "what the flags below are if they are not given: "+strings.Join(adapter.Presets, " or "))
}

// divisionFlags choose how data without splits is divided.
func divisionFlags(c *cobra.Command, testShare *float64, seed *uint64, usage string) {
	*testShare = 0.2
	share(c, testShare, "test-share", usage)
	c.Flags().Uint64Var(seed, "split-seed", 0, "seed of the choice which these are")
}

// learningFlags choose what is learned from a step's units, and how. what stands
// between the prompt vectors.
func learningFlags(c *cobra.Command, k *adapter.TrainConfig, what, units string) {
	adapterFlags(c, &k.Adapter, what)
	below1(c, &k.TemporalDrop, "temporal-drop", "share of a step's "+units+" that go without that residual")
	number(c, &k.VideoAnchor, "video-anchor", true, "weight in the loss of the "+units+"' distance from the mean of their frames")
	loopFlags(c, &k.Train)
}

func adapterFlags(c *cobra.Command, k *adapter.Config, what string) {
	f := c.Flags()
	whole(c, &k.Prefix, "prefix", 0, "prompt vectors before the "+what)
	whole(c, &k.Postfix, "postfix", 0, "prompt vectors after the "+what)
	oneOf(c, &k.Layout, "layout", adapter.Layouts, "how prompt vectors are numbered: "+strings.Join(adapter.Layouts, " or "))
	whole(c, &k.TemporalLayers, "temporal-layers", 0, "layers of the temporal Transformer; 0 means the mean of the frames")
	whole(c, &k.TemporalHeads, "temporal-heads", 0, "attention heads of the temporal Transformer; 0 means one for every 64 of its width")
	whole(c, &k.Frames, "window-frames", 1, "frames a window")
	f.BoolVar(&k.Residual, "residual", k.Residual, "add the temporal Transformer's result to the mean of the frames, instead of replacing it")
	temperature(c, &k.Temperature, "temperature", "temperature of the logits; clip for the backbone's own")
}

func loopFlags(c *cobra.Command, k *train.Config) {
	f := c.Flags()
	whole(c, &k.Steps, "steps", 1, "steps to train")
	number(c, &k.LearningRate, "learning-rate", false, "learning rate")
	oneOf(c, &k.Schedule, "schedule", []string{"constant", "cosine"}, "how the learning rate goes on: constant or cosine")
	whole(c, &k.Warmup, "warmup", 0, "steps over which the learning rate rises at first")
	number(c, &k.WeightDecay, "weight-decay", true, "AdamW's weight decay")
	below1(c, &k.EMADecay, "ema-decay", "decay of the weights' moving average, which is the model; 0 for the weights themselves")
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

// classFlags name the class files of zero-shot training.
type classFlags struct{ train, test string }

func (f *classFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.train, "train-classes", "", "zero-shot: file of the classes to learn from, one a line")
	c.Flags().StringVar(&f.test, "test-classes", "", "zero-shot: file of the classes to test on")
}

// read reads the files, if there are any.
func (f classFlags) read(learn, test *[]string) (err error) {
	if (f.train == "") != (f.test == "") {
		return usageError{errors.New("--train-classes and --test-classes go together")}
	}
	if f.train == "" {
		return nil
	}
	if *learn, err = dataset.ReadClasses(f.train); err != nil {
		return err
	}
	*test, err = dataset.ReadClasses(f.test)
	return err
}

func (f few) check(zeroShot bool) error {
	switch {
	case f.shots == 0 && (f.way > 0 || f.episodes > 0):
		return errors.New("--way and --episodes need --shots")
	case f.shots > 0 && f.lists != "":
		return errors.New("--shots draws episodes and --episode-lists reads them: give one")
	case f.tests != "" && f.lists == "":
		return errors.New("--episode-tests needs --episode-lists")
	case (f.shots > 0 || f.lists != "") && zeroShot:
		return errors.New("few-shot and zero-shot training are different runs")
	}
	return nil
}

// trainOnce is closed-set and zero-shot training.
func (a *app) trainOnce(c *cobra.Command, k recognition.Config, r recognition.Run, d recognition.Data, data *recognition.Source, asJSON bool) error {
	var err error
	if r.Sets, err = d.Sets(data); err != nil {
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
	a.reportRun(c.Context(), r.Dir, r.Val != nil, r.Test != nil, err, func(f *adapter.File, split string) (report.Measurement, error) {
		return a.measureRecognizer(c.Context(), f, k, r, split)
	})
	if err != nil {
		return err
	}
	about := ""
	if top1, ok := result.Metrics["top1"].(float64); ok {
		about = fmt.Sprintf("top-1 %.1f %%, top-5 %.1f %% on %v videos that it did not learn from", 100*top1, 100*result.Metrics["top5"].(float64), result.Metrics["videos"])
	}
	err = a.printTrained(r.Dir, result, asJSON, map[string]any{"missing": missing}, about, fmt.Sprintf("clipcue classify --run %s VIDEO...", r.Dir))
	return errors.Join(err, missingError(missing, "sample"))
}

// printTrained says how a run ended: what else it has to say in JSON, what it measured
// in a line, and what the next command is.
func (a *app) printTrained(dir string, r train.Result, asJSON bool, more map[string]any, about, next string) error {
	model := filepath.Join(dir, train.BestFile)
	if asJSON {
		out := map[string]any{"run": dir, "model": model, "steps": r.Steps, "best_step": r.BestStep, "metrics": r.Metrics}
		maps.Copy(out, more)
		return a.json(out)
	}
	fmt.Fprintf(a.out, "trained %d steps; the model of step %d is %s\n", r.Steps, r.BestStep, model)
	if about != "" {
		fmt.Fprintln(a.out, about)
	}
	_, err := fmt.Fprintf(a.out, "next: %s\n", next)
	return err
}

// warnMissing names samples without features and returns how many there are.
func (a *app) warnMissing(s *recognition.Set) int {
	return a.warnWithoutFeatures("sample", len(s.Missing), func(i int) (string, error) { return s.Missing[i].Path, s.Missing[i].Err })
}

// warnWithoutFeatures names what has no features, with the reason, and returns n.
func (a *app) warnWithoutFeatures(what string, n int, missing func(i int) (path string, err error)) int {
	return warnFew(n, func(i int) {
		path, err := missing(i)
		a.log.Warn("left out", what, path, "reason", strings.TrimPrefix(err.Error(), fmt.Sprintf("%q: ", path)))
	}, func(more int) { a.log.Warn("and more "+what+"s have no features", "missing", more) })
}

// missingError is the error that ends a command which did its work but for n of what
// has no features.
func missingError(n int, what string) error {
	switch n {
	case 0:
		return nil
	case 1:
		return partialError{fmt.Errorf("done, but 1 %s was left out: it has no features; make them with clipcue extract, or take it out of --data", what)}
	}
	return partialError{fmt.Errorf("done, but %d %ss were left out: they have no features; make them with clipcue extract, or take them out of --data", n, what)}
}

func (a *app) trainFewShot(c *cobra.Command, k recognition.Config, r recognition.Run, data *recognition.Source, f few, asJSON bool) error {
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
	return errors.Join(err, missingError(result.Missing, "sample"))
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
