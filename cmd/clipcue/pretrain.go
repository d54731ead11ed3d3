package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/task/pretraining"
	"github.com/clipcue/clipcue/train"
)

// pairFlags choose what is trained on.
type pairFlags struct {
	Path      string  `json:"path,omitempty"`
	TestShare float64 `json:"test_share,omitempty"`
	SplitSeed uint64  `json:"split_seed,omitempty"`
	World     bool    `json:"synth,omitempty"`
	Pictures  int     `json:"synth_pictures,omitempty"`
}

func (a *app) pretrainCommand() *cobra.Command {
	var d pairFlags
	var out string
	var resume, asJSON bool
	merges := 1000
	k := pretraining.DefaultConfig()
	c := &cobra.Command{
		Use:   "pretrain --data MANIFEST|FOLDER --out RUN",
		Short: "Train a backbone from pictures and captions",
		Long: `Trains both of CLIP's towers and the logit scale from nothing, so that pictures
and captions which belong together are near each other (Radford et al. 2021).

--data is a JSONL file whose lines have "path", from the file's folder, and
"caption", and may have "label" and "split" (train, val, test); or a folder where
the caption of cat.png stands in cat.txt. --synth renders pictures of colored
shapes instead, new ones in every step.

As the training goes, retrieval is measured on pairs that were kept from it (how
often the right one of --group is found), and zero-shot naming where there are
labels. --synth keeps some combinations of color and shape from training and
measures those apart, as "unseen".

It writes a run folder: config.json, metrics.jsonl, last.safetensors to resume
from, and best.safetensors, a weight file for --model in every other command.
With a validation split the best step is chosen on it; else it is the last. With
a test split beside it, that is measured apart, as "test".

The gradients are those of the whole batch whatever --chunk is; a smaller one
needs less memory, and one forward pass more as soon as it is below --batch.`,
		Example: `  clipcue pretrain --data pairs.jsonl --out run
  clipcue pretrain --synth --out tiny --steps 10000 --ema-decay 0.999 --half
  clipcue model info tiny/best.safetensors`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if d.World == (d.Path != "") {
				return usageError{errors.New("give --data or --synth, one of the two")}
			}
			source, idle := "--data", []string{"synth-pictures"}
			if d.World {
				source, idle = "--synth", []string{"test-share", "split-seed"}
			}
			for _, name := range idle {
				if c.Flags().Changed(name) {
					return usageError{fmt.Errorf("--%s says nothing about %s", name, source)}
				}
			}
			k.Model.Vocab = 514 + merges
			if d.World && !c.Flags().Changed("crop") {
				k.Crop = 1 // captions say where things are
			}
			r := pretraining.Run{Run: train.Run{Dir: out, Resume: resume, Log: a.log, Progress: a.progress}, Threads: a.threads}
			skipped, err := a.trainingPairs(&r, d, k)
			if err != nil {
				return err
			}
			result, err := pretraining.Train(c.Context(), k, r)
			a.reportPretraining(out, result, err)
			if err != nil {
				return err
			}
			skipped += result.Failed
			if err := a.printPretraining(result, out, skipped, asJSON); err != nil {
				return err
			}
			if skipped > 0 {
				return partialError{fmt.Errorf("done, but %d of the pictures and captions were left out; the log names them", skipped)}
			}
			return nil
		},
	}
	required(c, "out")
	f := c.Flags()
	f.StringVar(&d.Path, "data", "", "the pictures and captions: a JSONL file or a folder")
	f.BoolVar(&d.World, "synth", false, "train on rendered pictures instead")
	whole(c, &d.Pictures, "synth-pictures", 0, "render so many pictures, and these again and again; 0 means new ones in every step")
	d.TestShare = 0.05
	share(c, &d.TestShare, "test-share", "share of the pairs kept from training, if the data says no splits")
	f.Uint64Var(&d.SplitSeed, "split-seed", 0, "seed of the choice which these are")
	f.StringVar(&out, "out", "", "the run folder")
	f.BoolVar(&resume, "resume", false, "go on with a run that was stopped")
	f.BoolVar(&asJSON, "json", false, "write JSON")

	m := &k.Model
	whole(c, &m.ImageSize, "image-size", 1, "pixels a side of a picture")
	whole(c, &m.PatchSize, "patch-size", 1, "pixels a side of a patch")
	whole(c, &m.VisionWidth, "vision-width", 64, "width of the image tower, a multiple of 64")
	whole(c, &m.VisionLayers, "vision-layers", 1, "layers of the image tower")
	whole(c, &m.TextWidth, "text-width", 64, "width of the text tower, a multiple of 64")
	whole(c, &m.TextLayers, "text-layers", 1, "layers of the text tower")
	whole(c, &m.Embed, "embed", 1, "size of the features")
	whole(c, &merges, "merges", 0, "how many of CLIP's merge rules the vocabulary has")
	whole(c, &m.Context, "context", 3, "tokens a caption, at most; longer ones are cut")
	oneOf(c, &m.Activation, "activation", []string{"quick_gelu", "gelu"}, "the MLPs' activation: quick_gelu or gelu")

	whole(c, &k.Train.Steps, "steps", 1, "steps to train")
	whole(c, &k.Batch, "batch", 1, "pairs a step")
	whole(c, &k.Chunk, "chunk", 1, "pairs that go through the towers at once")
	number(c, &k.Train.LearningRate, "learning-rate", false, "learning rate")
	oneOf(c, &k.Train.Schedule, "schedule", []string{"constant", "cosine"}, "how the learning rate goes on: constant or cosine")
	whole(c, &k.Train.Warmup, "warmup", 0, "steps over which the learning rate rises at first")
	number(c, &k.Train.WeightDecay, "weight-decay", true, "AdamW's weight decay; norms, biases and the logit scale have none")
	number(c, &k.Train.Beta2, "beta2", false, "AdamW's second beta, below 1")
	number(c, &k.Train.ClipNorm, "clip-norm", true, "largest norm of the gradient; 0 means no limit")
	below1(c, &k.Train.EMADecay, "ema-decay", "average the weights over the steps with this decay, such as 0.999, and evaluate and write the average; 0 means no")
	number(c, &k.Crop, "crop", false, "least share of a picture's area that random crops keep; 1 means none, as with --synth if it is not given")
	f.BoolVar(&k.Flip, "flip", false, "mirror every other picture, except those whose captions say left or right")
	f.BoolVar(&k.UniqueCaptions, "unique-captions", k.UniqueCaptions, "pictures of equal captions in a batch do not count as wrong for each other")
	f.BoolVar(&k.Half, "half", false, "write best.safetensors in half precision")
	f.Uint64Var(&k.Train.Seed, "seed", 0, "seed of everything that is random")
	whole(c, &k.Train.EvalEvery, "eval-every", 0, "steps between evaluations; 0 means ten a run")
	whole(c, &k.Train.SaveEvery, "save-every", 0, "steps between checkpoints; 0 means twenty a run")
	whole(c, &k.Eval.Pairs, "eval-pairs", 2, "pairs that an evaluation takes from each held-out set, at most")
	whole(c, &k.Eval.Group, "group", 2, "pairs among which an evaluation has to find the right one")
	f.StringArrayVar(&k.Eval.Templates, "template", k.Eval.Templates, "sentence for naming labels, {} stands for one; may be given again")
	return c
}

// trainingPairs opens the training and the held-out pairs, and says how many entries had
// to be left out.
func (a *app) trainingPairs(r *pretraining.Run, d pairFlags, k pretraining.Config) (skipped int, err error) {
	if d.World {
		d.TestShare, d.SplitSeed = 0, 0
		r.Note = d
		world := func(set synth.Set, first uint64, n int) pretraining.World {
			return pretraining.World{World: synth.World{Seed: k.Train.Seed, Side: k.Model.ImageSize, Set: set}, First: first, Count: n}
		}
		n := d.Pictures
		if n == 0 {
			n = min(k.Train.Steps, 1<<31) * min(k.Batch, 1<<31) // too many are refused later
		}
		const apart = 1 << 40 // far from the numbers of training
		r.Train = world(synth.Seen, 0, n)
		r.EvalSets = []pretraining.EvalSet{{Pairs: world(synth.Seen, apart, k.Eval.Pairs)}, {Name: "unseen", Pairs: world(synth.Unseen, 2*apart, k.Eval.Pairs)}}
		return 0, nil
	}
	r.Note = d
	data, err := pretraining.Open(d.Path, d.TestShare, d.SplitSeed)
	if err != nil {
		return 0, err
	}
	for _, s := range data.Skipped {
		a.log.Warn("left out", "pair", s.Name, "reason", s.Reason)
	}
	r.Train = data.Train
	heldOut := 0
	for _, held := range []*pretraining.Files{data.Val, data.Test} {
		if held == nil {
			continue
		}
		name := ""
		if len(r.EvalSets) > 0 {
			name = "test"
		}
		r.EvalSets = append(r.EvalSets, pretraining.EvalSet{Name: name, Pairs: held})
		heldOut += held.Len()
	}
	r.SelectBest = data.Val != nil
	if heldOut == 0 {
		a.log.Warn("the data has no validation or test split: nothing is measured")
	}
	a.log.Info("pairs", "training", data.Train.Len(), "held_out", heldOut, "left_out", len(data.Skipped))
	return len(data.Skipped), nil
}

func (a *app) printPretraining(r pretraining.TrainResult, dir string, skipped int, asJSON bool) error {
	model := filepath.Join(dir, train.BestFile)
	if asJSON {
		return a.json(map[string]any{"run": dir, "model": model, "steps": r.Steps, "best_step": r.BestStep, "metrics": r.Metrics, "left_out": skipped})
	}
	fmt.Fprintf(a.out, "trained %d steps; the model of step %d is %s\n", r.Steps, r.BestStep, model)
	for _, name := range []string{"", "test_", "unseen_"} {
		if found, ok := r.Metrics[name+"image_to_text"].(float64); ok {
			fmt.Fprintf(a.out, "%sretrieval among %v: %.1f %% of captions, %.1f %% of pictures found, on %v pairs that it did not learn from\n",
				spaced(name), r.Metrics[name+"group"], 100*found, 100*r.Metrics[name+"text_to_image"].(float64), r.Metrics[name+"pairs"])
		}
		if named, ok := r.Metrics[name+"zero_shot"].(float64); ok {
			fmt.Fprintf(a.out, "%szero-shot: %.1f %% named rightly among %v labels\n", spaced(name), 100*named, r.Metrics["labels"])
		}
	}
	_, err := fmt.Fprintf(a.out, "next: clipcue model info %s\n", model)
	return err
}

// reportPretraining writes the report of a run that ended with trained, well or
// by an interrupt. The run is done: a report that fails is a warning.
func (a *app) reportPretraining(dir string, r pretraining.TrainResult, trained error) {
	verdict := fmt.Sprintf("Trained %d steps; the model is that of step %d.", r.Steps, r.BestStep)
	var interrupted *train.InterruptedError
	if errors.As(trained, &interrupted) {
		verdict = fmt.Sprintf("Interrupted after step %d of %d.", interrupted.Step, interrupted.Steps)
	} else if trained != nil {
		return
	}
	page, err := report.Pretraining(dir, verdict, r.Metrics)
	a.writeReport(filepath.Join(dir, report.FileName), page, err)
}

// spaced is a metric's prefix as a word before others.
func spaced(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1] + " "
}
