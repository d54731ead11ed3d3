package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// trainRecognitionFlags are the flags of `train recognition`.
type trainRecognitionFlags struct {
	backbone     flags.Backbone
	data         recognition.Data
	classes      classFlags
	few          few
	out, preset  string
	resume, json bool
}

func (a *app) trainRecognitionCommand() *cobra.Command {
	o := trainRecognitionFlags{preset: adapter.PresetDefault}
	k := recognition.DefaultConfig()
	c := &cobra.Command{
		Use:   "recognition --model PATH --features STORE --data DATA --out RUN",
		Short: "Learn to recognize actions",
		Long: `Trains prompt vectors and a temporal Transformer on labeled videos whose features
were extracted before, and writes a run folder: config.json, metrics.jsonl,
last.safetensors (to resume), best.safetensors (to use) and report.html.

If the data has no splits, a share of each class's videos is kept for testing. With a
validation split the best step is selected on it; otherwise the last step is used.

Few-shot: --shots K trains on K videos per class, over all classes or over --episodes
problems of --way classes. --episode-lists reads the authors' lists. With at most
--motion-shots videos per class, new videos are also compared with their motions.
Zero-shot: --train-classes and --test-classes train on the videos of some classes and
test on others, of which only the names are known.

--preset paper trains like the authors. The default preset differs: the temporal
Transformer adds to the mean of the frames instead of replacing it and is kept near
it, so that new classes remain recognizable. Other flags override the preset.`,
		Example: `  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out run
  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out few --shots 5 --way 5 --episodes 20`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.few.check(o.classes.train != ""); err != nil {
				return usageError{err}
			}
			if err := usePreset(c, &k, o.preset, recognition.Preset); err != nil {
				return usageError{err}
			}
			return a.trainRecognition(c, k, o)
		},
	}
	o.add(c, &k)
	return c
}

func (o *trainRecognitionFlags) add(c *cobra.Command, k *recognition.Config) {
	o.backbone.Add(c)
	labelFlags(c, &o.data)
	flags.Required(c, "features", "data")
	flags.Training(c, &o.out, &o.resume, &o.json)
	flags.Preset(c, &o.preset)
	flags.Learning(c, &k.TrainConfig)
	flags.Count(c, &k.Batch, "batch", 1, 1<<16, "number of windows per step")
	flags.NotNegative(c, &k.Anchor, "anchor", "loss weight of the distance of classes from the templates")
	flags.Texts(c, &k.AnchorTemplates, "anchor-template", "template for --anchor, with {} for the name; repeatable (default built-in)")
	flags.Int(c, &k.MotionShots, "motion-shots", 0, "up to this number of videos per class, compare with their motions; 0 means never")
	classesPerStep(c, &k.ClassesPerStep)
	flags.Windows(c, &k.Eval.Windows, &k.Eval.RandomWindows)
	o.data.TestShare = 0.2
	flags.Division(c, &o.data.TestShare, &o.data.SplitSeed)
	o.classes.add(c)
	o.few.add(c)
}

func (a *app) trainRecognition(c *cobra.Command, k recognition.Config, o trainRecognitionFlags) error {
	if err := o.classes.read(&o.data.TrainClasses, &o.data.TestClasses); err != nil {
		return err
	}
	m, path, err := a.load(o.backbone, clip.TextTower)
	if err != nil {
		return err
	}
	a.fitPrompts(c, &k.Adapter, m)
	data, err := o.data.Open(feature.BackboneOf(m))
	if err != nil {
		return err
	}
	a.warnEach(data.Warnings)
	r := recognition.Run{Run: train.Run{Dir: o.out, Resume: o.resume, Note: o.data, Log: a.log, Progress: a.progress}, Backbone: m, BackbonePath: path}
	k.Eval.WindowSeed = k.Train.Seed
	if o.few.shots > 0 || o.few.lists != "" {
		return a.trainFewShot(c, k, r, data, o.few, o.json)
	}
	return a.trainOnce(c, k, r, o.data, data, o.json)
}

// labelFlags adds the flags that choose labeled videos.
func labelFlags(c *cobra.Command, d *recognition.Data) {
	flags.Data(c, &d.Features, &d.Path, &d.Format, "labels: a folder per class, a table, lists, or an annotation program's file", dataset.Formats)
	flags.Int(c, &d.Fold, "fold", 0, "official split of HMDB51 or UCF101, from 1 (default 1)")
}

// few are the flags of few-shot training.
type few struct {
	shots, way, episodes int
	lists, tests         string
}

func (f *few) add(c *cobra.Command) {
	flags.Int(c, &f.shots, "shots", 0, "few-shot: number of training videos per class")
	flags.Int(c, &f.way, "way", 0, "few-shot: number of classes per episode; 0 means all")
	flags.Count(c, &f.episodes, "episodes", 0, 1<<16, "few-shot: number of episodes (default 10, or 1 with all classes)")
	c.Flags().StringVar(&f.lists, "episode-lists", "", "few-shot: the authors' training lists, a file or folder")
	c.Flags().StringVar(&f.tests, "episode-tests", "", "few-shot: test lists (default: the test split of --data)")
}

// check returns an error for flags that do not go together.
func (f few) check(zeroShot bool) error {
	switch {
	case f.shots == 0 && (f.way > 0 || f.episodes > 0):
		return errors.New("--way and --episodes need --shots")
	case f.shots > 0 && f.lists != "":
		return errors.New("--shots and --episode-lists are alternatives: give one")
	case f.tests != "" && f.lists == "":
		return errors.New("--episode-tests needs --episode-lists")
	case (f.shots > 0 || f.lists != "") && zeroShot:
		return errors.New("few-shot and zero-shot training cannot be combined")
	}
	return nil
}

// trainOnce trains one model: closed-set or zero-shot.
func (a *app) trainOnce(c *cobra.Command, k recognition.Config, r recognition.Run, d recognition.Data, data *recognition.Source, asJSON bool) error {
	var err error
	if r.Sets, err = d.Sets(data); err != nil {
		return err
	}
	missing := a.warnSkipped(data.Dataset.Skipped)
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
		about = fmt.Sprintf("top-1 %.1f %%, top-5 %.1f %% on %v held-out videos", 100*top1, 100*result.Metrics["top5"].(float64), result.Metrics["videos"])
	}
	err = a.printTrained(r.Dir, result, asJSON, map[string]any{"missing": missing}, about, fmt.Sprintf("clipcue classify --run %s VIDEO...", r.Dir))
	return errors.Join(err, missingError(missing, "sample"))
}

// trainFewShot trains one model per episode.
func (a *app) trainFewShot(c *cobra.Command, k recognition.Config, r recognition.Run, data *recognition.Source, f few, asJSON bool) error {
	skipped := a.warnSkipped(data.Dataset.Skipped)
	episodes, err := f.draw(data.Dataset, k.Train.Seed)
	if err != nil {
		return err
	}
	result, err := recognition.FewShot(c.Context(), k, r, data, episodes)
	a.reportFewShot(r.Dir, result, episodes)
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		err = a.json(result)
	case result.Episodes == 1: // no interval
		_, err = terminal.Fprintf(a.out, "top-1 %.1f %% in one episode\n", 100*result.Top1)
	default:
		_, err = terminal.Fprintf(a.out, "top-1 %.1f ± %.1f %% over %d episodes (95 %% interval)\n", 100*result.Top1, 100*result.Top1CI, result.Episodes)
	}
	return errors.Join(err, missingError(result.Missing+skipped, "sample"))
}

// draw returns the episodes to train.
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

// warnMissing logs samples without features and returns their number.
func (a *app) warnMissing(s *recognition.Set) int {
	return a.warnWithoutFeatures("sample", len(s.Missing), func(i int) (string, error) { return s.Missing[i].Path, s.Missing[i].Err })
}
