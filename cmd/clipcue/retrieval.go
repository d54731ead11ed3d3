package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/train"
)

// captionFlags choose captioned videos.
func captionFlags(c *cobra.Command, d *retrieval.Data) {
	f := c.Flags()
	f.StringVar(&d.Features, "features", "", "the feature store")
	f.StringVar(&d.Path, "data", "", "the captions: a CSV or JSONL file with video and caption, or the file or folder of MSR-VTT, DiDeMo or LSMDC")
	oneOf(c, &d.Format, "data-format", dataset.CaptionFormats, "how to read them, if it does not show: csv, jsonl, msrvtt, didemo or lsmdc")
	oneOf(c, &d.TrainList, "train-list", []string{"9k", "7k"}, "MSR-VTT: which list of training videos; 9k if not given")
}

func (a *app) trainRetrievalCommand() *cobra.Command {
	var b backboneFlags
	var d retrieval.Data
	var out string
	var resume, asJSON bool
	k, preset := retrieval.DefaultConfig(), adapter.PresetDefault
	c := &cobra.Command{
		Use:   "retrieval --model PATH --features STORE --data CAPTIONS --out RUN",
		Short: "Learn to find videos by sentences",
		Long: `Learns prompt vectors around sentences and a temporal Transformer from captioned
videos whose features were extracted before, and writes a run folder as train
recognition does. A video may have several captions, a line each; a step takes one.

If the data says no splits, a share of the videos is kept for testing. With a
validation split the best step is chosen on it; else it is the last.

--preset paper trains as the authors do. The default goes beyond it: the temporal
Transformer adds to the mean of the frames instead of replacing it, and is kept
near it, so that what the backbone knows is not lost. Flags that are given change
what the preset says.`,
		Example: "  clipcue train retrieval --model ViT-B/16 --features features --data captions.csv --out run",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := usePreset(c, &k, preset, retrieval.Preset); err != nil {
				return usageError{err}
			}
			m, path, err := a.load(b, clip.Text)
			if err != nil {
				return err
			}
			data, err := d.Open(m.Fingerprint())
			if err != nil {
				return err
			}
			r := retrieval.Run{Run: train.Run{Dir: out, Resume: resume, Note: d, Log: a.log, Progress: a.progress}, Backbone: m, BackbonePath: path}
			if r.Sets, err = data.Sets(); err != nil {
				return err
			}
			left := a.warnSkipped(data)
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
				about = fmt.Sprintf("text to video R@1 %.1f %%, R@5 %.1f %%, R@10 %.1f %% with %v captions of %v videos that it did not learn from",
					100*r1, 100*result.Metrics["t2v_r5"].(float64), 100*result.Metrics["t2v_r10"].(float64), result.Metrics["captions"], result.Metrics["videos"])
			}
			err = a.printTrained(r.Dir, result, asJSON, map[string]any{"missing": left}, about, fmt.Sprintf("clipcue eval retrieval --run %s --features STORE --data CAPTIONS", r.Dir))
			return errors.Join(err, leftOutError(left))
		},
	}
	b.add(c)
	captionFlags(c, &d)
	runFlags(c, &out, &resume, &asJSON, &preset)
	learningFlags(c, &k.TrainConfig, "sentence", "videos")
	c.Flags().BoolVar(&k.Adapter.LearnTemperature, "learn-temperature", false, "learn the temperature, from --temperature on")
	whole(c, &k.Batch, "batch", 2, "videos a step, each with one caption, among which the right one is to be found")
	divisionFlags(c, &d.TestShare, &d.SplitSeed, "share of the videos kept for testing, if the data says no splits")
	return c
}

// warnSkipped names annotations that cannot be used and returns how many there
// are.
func (a *app) warnSkipped(o *retrieval.Source) int {
	return warnFew(len(o.Skipped), func(i int) {
		a.log.Warn("left out", "where", o.Skipped[i].Where, "reason", o.Skipped[i].Reason)
	}, func(more int) { a.log.Warn("and more captions cannot be used", "captions", more) })
}

// warnWithout names videos without features and returns how many captions they
// have.
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

// leftOutError is the error that ends a command which did its work but for n
// captions.
func leftOutError(n int) error {
	if n == 0 {
		return nil
	}
	return partialError{fmt.Errorf("done, but %d of the captions were left out: they are empty or their videos have no features; make these with clipcue extract, or take the captions out of --data", n)}
}

func (a *app) evalRetrievalCommand() *cobra.Command {
	var b backboneFlags
	var d retrieval.Data
	var run, split, checkpoint, page, bank string
	var e retrieval.Evaluation
	var asJSON bool
	var scale float64
	c := &cobra.Command{
		Use:   "retrieval [--run RUN] --features STORE --data CAPTIONS",
		Short: "Measure a retriever: recall and ranks, from text to video and back",
		Long: `Ranks all videos of a split for each of its captions, and all captions for each
video, of which the best of its own counts. A rank is 1 and the number of candidates
scored strictly higher.

Without --run it measures the backbone by itself: its text tower, and the mean of a
video's frames.

--dual-softmax and --query-bank add rows of their own. The dual softmax needs all
queries of the test set at once, so it says nothing of a single query. The query bank
(QB-Norm) corrects videos that too many sentences find, by sentences of your own.`,
		Example: `  clipcue eval retrieval --run run --features features --data captions.csv --dual-softmax
  clipcue eval retrieval --model ViT-B/16 --features features --data captions.csv`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if run == "" && (c.Flags().Changed("temporal-scale") || c.Flags().Changed("checkpoint")) {
				return usageError{errors.New("--temporal-scale and --checkpoint are of a trained model: give it by --run")}
			}
			var err error
			if bank != "" && bank != dataset.Train {
				if e.QueryBank, err = dataset.ReadSentences(bank); err != nil {
					return err
				}
			}
			r, err := a.retriever(run, checkpoint, b, &d)
			if err != nil {
				return err
			}
			if err := setTemporalScale(c, r, scale); err != nil {
				return err
			}
			data, err := d.Open(r.Backbone().Fingerprint())
			if err != nil {
				return err
			}
			set, err := data.Set(split)
			if err != nil {
				return err
			}
			if bank == dataset.Train {
				if split == bank {
					return usageError{errors.New("--query-bank train and --split train are the same captions, which says nothing")}
				}
				learned, err := data.Dataset.Split(bank)
				if err != nil {
					return fmt.Errorf("--query-bank: %w", err)
				}
				for _, s := range learned.Samples {
					e.QueryBank = append(e.QueryBank, s.Caption)
				}
			}
			left := a.warnSkipped(data) + a.warnWithout(set)
			result, err := r.Evaluate(c.Context(), set, e)
			if err != nil {
				return err
			}
			if result.Truncated > 0 {
				a.log.Warn("captions are longer than the model's context and were cut", "captions", result.Truncated, "of", result.Captions)
			}
			if asJSON {
				err = a.json(struct {
					*retrieval.Result
					LeftOut int `json:"left_out"`
				}{result, left})
			} else {
				err = a.printRanks(result)
			}
			if page != "" {
				err = errors.Join(err, reportEvaluation(c.Context(), page, run, report.Retrieved{Result: result, Set: set, On: videosIn[split]}))
			}
			return errors.Join(err, leftOutError(left))
		},
	}
	b.add(c)
	captionFlags(c, &d)
	required(c, "features", "data")
	f := c.Flags()
	f.StringVar(&run, "run", "", "the run folder; if not given, the backbone by itself is measured")
	checkpoint = "best"
	oneOf(c, &checkpoint, "checkpoint", []string{"best", "last"}, "which of its models: best or last")
	split = dataset.Test
	oneOf(c, &split, "split", []string{dataset.Train, dataset.Val, dataset.Test}, "the split to measure on: train, val or test")
	f.BoolVar(&e.DualSoftmax, "dual-softmax", false, "add a row for the dual softmax, which uses the whole test set")
	f.StringVar(&bank, "query-bank", "", "add a row for QB-Norm with the sentences of this file, one a line, none of them of the test set; or train for the training captions of --data")
	f.StringVar(&page, "html", "", "write a page with everything to this file, such as eval.html")
	temporalScale(c, &scale)
	f.BoolVar(&asJSON, "json", false, "write JSON")
	divisionFlags(c, &d.TestShare, &d.SplitSeed, "share of the videos to test on, if the data says no splits and there is no --run, which says it")
	return c
}

// retriever loads a run's model, or the backbone by itself. A run's data is divided
// as it was in training.
func (a *app) retriever(run, checkpoint string, b backboneFlags, d *retrieval.Data) (*retrieval.Retriever, error) {
	if run == "" {
		m, _, err := a.load(b, clip.Text)
		if err != nil {
			return nil, err
		}
		return retrieval.Baseline(m), nil
	}
	_, f, err := readModel(run, checkpoint)
	if err != nil {
		return nil, err
	}
	trained, err := runData[retrieval.Data](run)
	if err != nil {
		return nil, err
	}
	d.TestShare, d.SplitSeed = trained.TestShare, trained.SplitSeed
	m, err := a.loadFor(f, b, clip.Text)
	if err != nil {
		return nil, err
	}
	return retrieval.New(f, m)
}

func (a *app) printRanks(r *retrieval.Result) error {
	fmt.Fprintf(a.out, "%d captions of %d videos\n\n", r.Captions, r.Videos)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tranked by\tR@1\tR@5\tR@10\tmedian rank\tmean rank")
	line := func(direction, name string, x *retrieval.Recall) {
		if x != nil {
			fmt.Fprintf(w, "%s\t%s\t%.1f %%\t%.1f %%\t%.1f %%\t%g\t%.1f\n", direction, name, 100*x.R1, 100*x.R5, 100*x.R10, x.MedianRank, x.MeanRank)
		}
	}
	for _, row := range r.Rows {
		line("text to video", row.Name, &row.TextToVideo)
	}
	for _, row := range r.Rows {
		line("video to text", row.Name, row.VideoToText)
	}
	return w.Flush()
}

// measureRetriever measures a run's model on a split of its data.
func measureRetriever(ctx context.Context, f *adapter.File, r retrieval.Run, split string) (report.Measurement, error) {
	set := map[string]*retrieval.Set{dataset.Val: r.Val, dataset.Test: r.Test}[split]
	model, err := retrieval.New(f, r.Backbone)
	if err != nil {
		return nil, err
	}
	result, err := model.Evaluate(ctx, set, retrieval.Evaluation{})
	return report.Retrieved{Result: result, Set: set, On: videosIn[split]}, err
}
