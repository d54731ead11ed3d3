package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/retrieval"
)

// evalRetrievalFlags are the flags of `eval retrieval`.
type evalRetrievalFlags struct {
	backbone      flags.Backbone
	run           flags.Run
	data          retrieval.Data
	split, html   string
	dualSoftmax   bool
	queryBank     string
	temporalScale float64
	json          bool
}

func (a *app) evalRetrievalCommand() *cobra.Command {
	var o evalRetrievalFlags
	c := &cobra.Command{
		Use:   "retrieval [--run RUN] --features STORE --data CAPTIONS",
		Short: "Evaluate a retriever: recall and ranks, text to video and back",
		Long: `Ranks all videos of a split for each of its captions, and all captions for each
video, of which the best of the video's own counts. The rank is 1 plus the number of
candidates with a strictly higher score.

Without --run it evaluates the backbone alone: its text tower, and the mean of a
video's frames. Data without splits is divided as in training, or by --test-share.

--dual-softmax and --query-bank add rows to the result. The dual softmax needs all
queries of the test set, so it does not apply to a single query. The query bank
(QB-Norm) corrects for videos that many text queries find. It is a file of text
queries outside of the test set, one per line, or "train" for the training captions.`,
		Example: `  clipcue eval retrieval --run run --features features --data captions.csv --dual-softmax
  clipcue eval retrieval --model ViT-B/16 --features features --data captions.csv`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, args []string) error { return a.evalRetrieval(c, o) },
	}
	o.run.Add(c)
	o.backbone.Add(c)
	captionFlags(c, &o.data)
	flags.Required(c, "features", "data")
	o.split = dataset.Test
	flags.Split(c, &o.split)
	c.Flags().BoolVar(&o.dualSoftmax, "dual-softmax", false, "add a row for the dual softmax")
	c.Flags().StringVar(&o.queryBank, "query-bank", "", "add a row for QB-Norm with this file of text queries, or train")
	flags.HTML(c, &o.html)
	flags.TemporalScale(c, &o.temporalScale)
	flags.JSON(c, &o.json)
	o.data.TestShare = 0.2
	flags.Division(c, &o.data.TestShare, &o.data.SplitSeed)
	return c
}

func (a *app) evalRetrieval(c *cobra.Command, o evalRetrievalFlags) error {
	if o.run.Path == "" && (c.Flags().Changed("temporal-scale") || c.Flags().Changed("checkpoint")) {
		return usageError{errors.New("--temporal-scale and --checkpoint need --run")}
	}
	if o.queryBank == dataset.Train && o.split == dataset.Train {
		return usageError{errors.New("--query-bank train cannot be used with --split train: the captions are the same")}
	}
	e := retrieval.Evaluation{DualSoftmax: o.dualSoftmax}
	r, dir, err := a.retriever(o.run, o.backbone, &o.data)
	if err != nil {
		return err
	}
	if err := setTemporalScale(c, r, o.temporalScale); err != nil {
		return err
	}
	data, err := o.data.Open(feature.BackboneOf(r.Backbone()))
	if err != nil {
		return err
	}
	set, err := data.Set(o.split)
	if err != nil {
		return err
	}
	if e.QueryBank, err = queryBank(o.queryBank, data); err != nil {
		return err
	}
	left := a.warnSkipped(data.Skipped) + a.warnWithout(set)
	result, err := r.Evaluate(c.Context(), set, e)
	if err != nil {
		return err
	}
	if result.Truncated > 0 {
		a.log.Warn("captions are longer than the model's context and were cut", "captions", result.Truncated, "of", result.Captions)
	}
	if o.json {
		err = a.json(struct {
			*retrieval.Result
			LeftOut int `json:"left_out"`
		}{result, left})
	} else {
		err = a.printRanks(result)
	}
	if o.html != "" {
		err = errors.Join(err, reportEvaluation(c.Context(), o.html, dir, report.Retrieved{Result: result, Set: set, On: videosIn[o.split]}))
	}
	return errors.Join(err, leftOutError(left))
}

// queryBank returns the text queries of --query-bank, or nil without it.
func queryBank(bank string, data *retrieval.Source) (queries []string, err error) {
	switch bank {
	case "":
		return nil, nil
	case dataset.Train:
		training, err := data.Dataset.Split(bank)
		if err != nil {
			return nil, fmt.Errorf("--query-bank: %w", err)
		}
		for _, s := range training.Samples {
			queries = append(queries, s.Caption)
		}
		return queries, nil
	}
	return dataset.ReadSentences(bank)
}

// retriever opens a run and returns its folder, or takes the backbone alone if there is
// no --run. It sets how the data of a run is divided.
func (a *app) retriever(run flags.Run, b flags.Backbone, d *retrieval.Data) (r *retrieval.Retriever, dir string, err error) {
	if run.Path == "" {
		m, _, err := a.load(b, clip.TextTower)
		if err != nil {
			return nil, "", err
		}
		return retrieval.Baseline(m), "", nil
	}
	path, f, err := readRun(run)
	if err != nil {
		return nil, "", err
	}
	trained, err := runData[retrieval.Data](run.Path)
	if err != nil {
		return nil, "", err
	}
	d.TestShare, d.SplitSeed = trained.TestShare, trained.SplitSeed
	m, err := a.loadOf(f, b, clip.TextTower)
	if err != nil {
		return nil, "", err
	}
	r, err = retrieval.New(f, m)
	return r, filepath.Dir(path), err
}

func (a *app) printRanks(r *retrieval.Result) error {
	terminal.Fprintf(a.out, "%d captions of %d videos\n\n", r.Captions, r.Videos)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tranked by\tR@1\tR@5\tR@10\tmedian rank\tmean rank")
	line := func(direction, name string, x *retrieval.Recall) {
		if x != nil {
			terminal.Fprintf(w, "%s\t%s\t%.1f %%\t%.1f %%\t%.1f %%\t%g\t%.1f\n", direction, name, 100*x.R1, 100*x.R5, 100*x.R10, x.MedianRank, x.MeanRank)
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
