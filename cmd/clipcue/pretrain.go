package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/task/pretraining"
	"github.com/clipcue/clipcue/train"
)

// pairFlags choose the training data. They are stored in the run's config.json.
type pairFlags struct {
	Path      string  `json:"path,omitempty"`
	TestShare float64 `json:"test_share,omitempty"`
	SplitSeed uint64  `json:"split_seed,omitempty"`
	World     bool    `json:"synth,omitempty"`
	Pictures  int     `json:"synth_pictures,omitempty"`
}

// pretrainFlags are the flags of `pretrain`, but for its settings.
type pretrainFlags struct {
	data         pairFlags
	out          string
	merges       int // of CLIP's vocabulary
	resume, json bool
}

func (a *app) pretrainCommand() *cobra.Command {
	var o pretrainFlags
	k := pretraining.DefaultConfig()
	c := &cobra.Command{
		Use:   "pretrain --data MANIFEST|FOLDER --out RUN",
		Short: "Train a backbone from captioned images",
		Long: `Trains both of CLIP's towers and the logit scale from scratch, so that images and
captions that belong together are close to each other (Radford et al. 2021).

--data is a JSONL file whose lines have "path", relative to the file's folder, and
"caption", and may have "label" and "split" (train, val, test); or a folder with the
caption of cat.png in cat.txt. --synth renders images of colored shapes instead, new
ones in every step. Some combinations of color and shape are then kept from training
and are measured separately, as "unseen".

During training it measures retrieval on held-out pairs (how often the right one of
--group is found), and zero-shot accuracy where there are labels.

It writes a run folder: config.json, metrics.jsonl, last.safetensors (to resume), and
best.safetensors, a weight file for --model in every other command. With a validation
split the best step is selected on it; otherwise the last step is used. A test split
is then measured separately, as "test".

Gradients are those of the whole batch for every --chunk. A chunk below --batch needs
less memory and one more forward pass.`,
		Example: `  clipcue pretrain --data pairs.jsonl --out run
  clipcue pretrain --synth --out tiny --steps 10000 --ema-decay 0.999 --half
  clipcue model info tiny/best.safetensors`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(c); err != nil {
				return usageError{err}
			}
			k.Model.Vocab = 514 + o.merges
			if o.data.World && !c.Flags().Changed("crop") {
				k.Crop = 1 // captions describe where things are
			}
			return a.pretrain(c, k, o)
		},
	}
	o.add(c, &k)
	return c
}

func (o *pretrainFlags) add(c *cobra.Command, k *pretraining.Config) {
	flags.Training(c, &o.out, &o.resume, &o.json)
	f := c.Flags()
	f.StringVar(&o.data.Path, "data", "", "images and captions: a JSONL file or a folder")
	f.BoolVar(&o.data.World, "synth", false, "train on rendered images instead of --data")
	flags.Int(c, &o.data.Pictures, "synth-pictures", 0, "number of images to render; 0 means new ones in every step")
	o.data.TestShare = 0.05
	flags.Division(c, &o.data.TestShare, &o.data.SplitSeed)

	m := &k.Model
	flags.Int(c, &m.ImageSize, "image-size", 1, "side of an image in pixels")
	flags.Int(c, &m.PatchSize, "patch-size", 1, "side of a patch in pixels")
	flags.Int(c, &m.VisionWidth, "vision-width", 64, "width of the image tower, a multiple of 64")
	flags.Int(c, &m.VisionLayers, "vision-layers", 1, "number of layers of the image tower")
	flags.Int(c, &m.TextWidth, "text-width", 64, "width of the text tower, a multiple of 64")
	flags.Int(c, &m.TextLayers, "text-layers", 1, "number of layers of the text tower")
	flags.Int(c, &m.Embed, "embed", 1, "width of the embeddings")
	o.merges = 1000
	flags.Int(c, &o.merges, "merges", 0, "number of CLIP's merge rules in the vocabulary")
	flags.Int(c, &m.Context, "context", 3, "maximum number of tokens per caption; longer ones are cut")
	flags.Activation(c, &m.Activation)

	flags.Loop(c, &k.Train)
	flags.Count(c, &k.Batch, "batch", 1, 1<<16, "number of pairs per step")
	flags.Int(c, &k.Chunk, "chunk", 1, "number of pairs that pass through the towers at once")
	flags.Positive(c, &k.Train.Beta2, "beta2", "second beta of AdamW, below 1")
	flags.Positive(c, &k.Crop, "crop", "minimum share of an image that random crops keep; 1 turns them off")
	f.BoolVar(&k.Flip, "flip", false, "flip half of the images, except where captions say left or right")
	f.BoolVar(&k.UniqueCaptions, "unique-captions", k.UniqueCaptions, "images with the same caption are not negatives of each other")
	f.BoolVar(&k.Half, "half", false, "write best.safetensors in half precision")
	flags.Int(c, &k.Eval.Pairs, "eval-pairs", 2, "maximum number of pairs of a held-out set per evaluation")
	flags.Int(c, &k.Eval.Group, "group", 2, "number of pairs among which an evaluation finds the right one")
	flags.Templates(c, &k.Eval.Templates)
}

// check returns an error for flags that do not go together.
func (o *pretrainFlags) check(c *cobra.Command) error {
	if o.data.World == (o.data.Path != "") {
		return errors.New("--data and --synth are alternatives: give one")
	}
	source, idle := "--data", []string{"synth-pictures"}
	if o.data.World {
		source, idle = "--synth", []string{"test-share", "split-seed"}
	}
	for _, name := range idle {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s has no effect with %s", name, source)
		}
	}
	return nil
}

func (a *app) pretrain(c *cobra.Command, k pretraining.Config, o pretrainFlags) error {
	r := pretraining.Run{Run: train.Run{Dir: o.out, Resume: o.resume, Log: a.log, Progress: a.progress}, Threads: a.threads}
	skipped, err := a.trainingPairs(&r, o.data, k)
	if err != nil {
		return err
	}
	result, err := pretraining.Train(c.Context(), k, r)
	a.reportPretraining(o.out, result, err)
	if err != nil {
		return err
	}
	skipped += result.Failed
	if err := a.printPretraining(result, o.out, skipped, o.json); err != nil {
		return err
	}
	if skipped > 0 {
		return partialError{fmt.Errorf("done, but %d of the images and captions were left out; the log lists them", skipped)}
	}
	return nil
}

// trainingPairs opens the training and the held-out pairs, and returns how many entries
// were left out.
func (a *app) trainingPairs(r *pretraining.Run, d pairFlags, k pretraining.Config) (skipped int, err error) {
	if d.World {
		d.TestShare, d.SplitSeed = 0, 0
		r.Note = d
		world := func(set synth.Set, first uint64, n int) pretraining.World {
			return pretraining.World{Seed: k.Train.Seed, ImageSize: k.Model.ImageSize, Combinations: string(set), First: first, Count: n}
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
	terminal.Fprintf(a.out, "trained %d steps; the model of step %d is %s\n", r.Steps, r.BestStep, model)
	for _, name := range []string{"", "test_", "unseen_"} {
		if found, ok := r.Metrics[name+"image_to_text"].(float64); ok {
			terminal.Fprintf(a.out, "%sretrieval among %v: %.1f %% of captions, %.1f %% of images found, on %v held-out pairs\n",
				spaced(name), r.Metrics[name+"group"], 100*found, 100*r.Metrics[name+"text_to_image"].(float64), r.Metrics[name+"pairs"])
		}
		if named, ok := r.Metrics[name+"zero_shot"].(float64); ok {
			terminal.Fprintf(a.out, "%szero-shot: %.1f %% correct among %v labels\n", spaced(name), 100*named, r.Metrics["labels"])
		}
	}
	_, err := terminal.Fprintf(a.out, "next: clipcue model info %s\n", model)
	return err
}

// reportPretraining writes the report of a run that ended with the error trained: nil or
// an interrupt. A report that cannot be written is a warning.
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

// spaced returns the prefix of a metric as a word.
func spaced(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1] + " "
}
