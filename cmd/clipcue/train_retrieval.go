package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/train"
)

// captionFlags adds the flags that choose captioned videos.
func captionFlags(c *cobra.Command, d *retrieval.Data) {
	flags.Data(c, &d.Features, &d.Path, &d.Format, "captions: a table, a data set's lists, or the file of an annotation program", dataset.CaptionFormats)
	flags.OneOf(c, &d.TrainList, "train-list", []string{"9k", "7k"}, "MSR-VTT's list of training videos: 9k or 7k (default 9k)")
}

// trainRetrievalFlags are the flags of `train retrieval`.
type trainRetrievalFlags struct {
	backbone     flags.Backbone
	data         retrieval.Data
	out, preset  string
	resume, json bool
}

func (a *app) trainRetrievalCommand() *cobra.Command {
	o := trainRetrievalFlags{preset: adapter.PresetDefault}
	k := retrieval.DefaultConfig()
	c := &cobra.Command{
		Use:   "retrieval --model PATH --features STORE --data CAPTIONS --out RUN",
		Short: "Learn to find videos by text queries",
		Long: `Trains prompt vectors around captions and a temporal Transformer on captioned videos
whose features were extracted before, and writes a run folder like that of train
recognition. A video may have several captions, one per line; a step uses one of them.

If the data has no splits, a share of the videos is kept for testing. With a
validation split the best step is selected on it; otherwise the last step is used.

--preset paper trains like the authors. The default preset differs: the temporal
Transformer adds to the mean of the frames instead of replacing it and is kept near
it, so that the backbone's knowledge is kept. Other flags override the preset.`,
		Example: "  clipcue train retrieval --model ViT-B/16 --features features --data captions.csv --out run",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := usePreset(c, &k, o.preset, retrieval.Preset); err != nil {
				return usageError{err}
			}
			return a.trainRetrieval(c, k, o)
		},
	}
	o.backbone.Add(c)
	captionFlags(c, &o.data)
	flags.Required(c, "features", "data")
	flags.Training(c, &o.out, &o.resume, &o.json)
	flags.Preset(c, &o.preset)
	flags.Learning(c, &k.TrainConfig)
	c.Flags().BoolVar(&k.Adapter.LearnTemperature, "learn-temperature", false, "train the temperature, starting from --temperature")
	flags.Count(c, &k.Batch, "batch", 2, 1<<16, "number of videos per step, each with one caption")
	o.data.TestShare = 0.2
	flags.Division(c, &o.data.TestShare, &o.data.SplitSeed)
	return c
}

func (a *app) trainRetrieval(c *cobra.Command, k retrieval.Config, o trainRetrievalFlags) error {
	m, path, err := a.load(o.backbone, clip.TextTower)
	if err != nil {
		return err
	}
	a.fitPrompts(c, &k.Adapter, m)
	data, err := o.data.Open(feature.BackboneOf(m))
	if err != nil {
		return err
	}
	r := retrieval.Run{Run: train.Run{Dir: o.out, Resume: o.resume, Note: o.data, Log: a.log, Progress: a.progress}, Backbone: m, BackbonePath: path}
	if r.Sets, err = data.Sets(); err != nil {
		return err
	}
	left := a.warnSkipped(data.Skipped)
	for _, s := range []struct {
		name string
		set  *retrieval.Set
	}{{"training", r.Train}, {"validation", r.Val}, {"test", r.Test}} {
		if s.set != nil {
			a.log.Info(s.name, "captions", len(s.set.Captions), "videos", len(s.set.Videos), "missing", len(s.set.Missing))
			left += a.warnWithout(s.set)
		}
	}
	result, err := retrieval.Train(c.Context(), k, r)
	a.reportRun(c.Context(), r.Dir, r.Val != nil, r.Test != nil, err, func(f *adapter.File, split string) (report.Measurement, error) {
		return measureRetriever(c.Context(), f, r, split)
	})
	if err != nil {
		return err
	}
	about := ""
	if r1, ok := result.Metrics["t2v_r1"].(float64); ok {
		about = fmt.Sprintf("text to video R@1 %.1f %%, R@5 %.1f %%, R@10 %.1f %% with %v captions of %v held-out videos",
			100*r1, 100*result.Metrics["t2v_r5"].(float64), 100*result.Metrics["t2v_r10"].(float64), result.Metrics["captions"], result.Metrics["videos"])
	}
	err = a.printTrained(r.Dir, result, o.json, map[string]any{"missing": left}, about, fmt.Sprintf("clipcue eval retrieval --run %s --features STORE --data CAPTIONS", r.Dir))
	return errors.Join(err, leftOutError(left))
}

// measureRetriever evaluates a run's model on a split of its data.
func measureRetriever(ctx context.Context, f *adapter.File, r retrieval.Run, split string) (report.Measurement, error) {
	set := map[string]*retrieval.Set{dataset.Val: r.Val, dataset.Test: r.Test}[split]
	model, err := retrieval.New(f, r.Backbone)
	if err != nil {
		return nil, err
	}
	result, err := model.Evaluate(ctx, set, retrieval.Evaluation{})
	return report.Retrieved{Result: result, Set: set, On: videosIn[split]}, err
}

// warnSkipped logs annotations that cannot be used and returns their number.
func (a *app) warnSkipped(skipped []dataset.Skipped) int {
	return warnFew(len(skipped), func(i int) {
		a.log.Warn("left out", "where", skipped[i].Where, "reason", skipped[i].Reason)
	}, func(more int) { a.log.Warn("and more cannot be used", "number", more) })
}

// warnWithout logs videos without features and returns the number of their captions.
func (a *app) warnWithout(s *retrieval.Set) int {
	of := map[string]int{}
	var videos []dataset.Missing
	for _, m := range s.Missing {
		if of[m.Path]++; of[m.Path] == 1 {
			videos = append(videos, m)
		}
	}
	warnFew(len(videos), func(i int) {
		a.log.Warn("left out", "video", videos[i].Path, "captions", of[videos[i].Path], "reason", videos[i].Err)
	}, func(more int) { a.log.Warn("and more videos have no features", "videos", more) })
	return len(s.Missing)
}

// leftOutError returns the error of a command that finished without n captions.
func leftOutError(n int) error {
	if n == 0 {
		return nil
	}
	return partialError{fmt.Errorf("done, but %d of the captions were left out: they are empty or their videos have no features", n)}
}
