package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
)

// benchWorks are the names of the benchmarks.
var benchWorks = []string{"image", "text", "train", "search", "gemm"}

// benchFlags are the flags of `bench`.
type benchFlags struct {
	flags.Backbone
	size                  string
	batch, texts, vectors int
	seconds               float64
}

// benchReport is what `bench` prints as JSON.
type benchReport struct {
	suite.Machine
	Model     string         `json:"model"` // its path, or the size of random weights
	Precision string         `json:"precision"`
	Results   []suite.Result `json:"results"`
	// Int8 is how close the features of --precision int8 are to float32's.
	Int8 *clip.Closeness `json:"int8,omitempty"`
}

func (a *app) benchCommand() *cobra.Command {
	var b benchFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "bench [image|text|train|search|gemm]...",
		Short: "Measure how fast this machine is",
		Long: `Measures the image tower on a batch of images, the text tower, the paper's training
step, an exact search among vectors, and the matrix products of the image tower; by
default, all of them. Each benchmark runs repeatedly after a warm-up, and the median
is reported. Weights are random unless --model is given: speed does not depend on
them. With --precision int8 it also reports how close the features are to float32.

"OF PEAK" compares the speed with a loop of multiply-adds that touches no memory, on
the same threads. With int8 it may exceed 100 %.`,
		Example: "  clipcue bench\n  clipcue bench image --size ViT-B/32 --batch 16 --threads 4 --json",
		Args: func(_ *cobra.Command, args []string) error {
			for _, w := range args {
				if !slices.Contains(benchWorks, w) {
					return usageError{fmt.Errorf("unknown benchmark %q; available: %s", w, strings.Join(benchWorks, ", "))}
				}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("model") && c.Flags().Changed("size") {
				return usageError{errors.New("--model and --size are alternatives: give one")}
			}
			works := args
			if len(works) == 0 {
				works = slices.Clone(benchWorks)
			}
			if b.Precision == "int8" {
				if slices.Contains(args, "train") {
					return usageError{errors.New("--precision int8 has no training step to measure")}
				}
				works = slices.DeleteFunc(works, func(w string) bool { return w == "train" })
			}
			r, err := a.bench(c.Context(), b, works)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(r)
			}
			return a.benchTable(r)
		},
	}
	b.Backbone.Add(c)
	b.Backbone.AddPrecision(c)
	c.Flags().Lookup("model").DefValue = "random weights of --size"
	b.size = "ViT-B/16"
	flags.OneOf(c, &b.size, "size", suite.Sizes, "size of the model: "+strings.Join(suite.Sizes, ", "))
	b.batch, b.texts, b.vectors, b.seconds = 8, 64, 100_000, 3
	flags.Count(c, &b.batch, "batch", 1, 1<<12, "number of images per batch")
	flags.Count(c, &b.texts, "texts", 1, 1<<16, "number of texts to encode")
	flags.Count(c, &b.vectors, "vectors", 1, 100_000_000, "number of vectors of width 512 to search")
	flags.Positive(c, &b.seconds, "measure-seconds", "time to repeat each benchmark, in seconds")
	flags.JSON(c, &asJSON)
	return c
}

// bench runs benchmarks one after the other.
func (a *app) bench(ctx context.Context, f benchFlags, works []string) (*benchReport, error) {
	machine, err := suite.This(a.threads)
	if err != nil {
		return nil, err
	}
	r := &benchReport{Machine: machine, Model: f.size, Precision: f.Precision}
	size, err := suite.Size(f.size)
	if err != nil {
		return nil, err
	}
	var towers clip.Tower
	for _, w := range works {
		switch w {
		case "image":
			towers |= clip.ImageTower
		case "text", "train":
			towers |= clip.TextTower
		}
	}
	var m *clip.Model
	if towers != 0 || f.Model != "" {
		if f.Precision == "int8" {
			towers = clip.ImageTower | clip.TextTower // for the comparison
		}
		if m, r.Model, err = a.benchModel(f, f.Precision, towers, towers); err != nil {
			return nil, err
		}
		size = m.Config()
	}
	b := suite.New(time.Duration(f.seconds*float64(time.Second)), a.threads)
	bar := a.progress.Start("bench", int64(len(works)), "measurements")
	defer bar.Finish()
	for _, w := range works {
		results, err := benchWork(ctx, b, w, m, size, f)
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, results...)
		bar.Add(1)
	}
	if m != nil && f.Precision == "int8" {
		if r.Int8, err = closeness(ctx, m, func(tower clip.Tower) (*clip.Model, error) {
			exact, _, err := a.benchModel(f, "float32", towers, tower)
			return exact, err
		}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// benchWork runs one benchmark.
func benchWork(ctx context.Context, b *suite.Bench, work string, m *clip.Model, size clip.Config, f benchFlags) ([]suite.Result, error) {
	var r suite.Result
	var err error
	switch work {
	case "image":
		r, err = b.Image(ctx, m, f.batch)
	case "text":
		r, err = b.Text(ctx, m, f.texts)
	case "train":
		r, err = b.Train(ctx, m)
	case "search":
		r, err = b.Search(ctx, f.vectors)
	case "gemm":
		return b.Products(ctx, size, f.batch, f.Precision)
	}
	return []suite.Result{r}, err
}

// closeness compares a model with float32, one tower at a time to save memory.
func closeness(ctx context.Context, m *clip.Model, float32s func(clip.Tower) (*clip.Model, error)) (*clip.Closeness, error) {
	var all clip.Closeness
	for _, tower := range []clip.Tower{clip.ImageTower, clip.TextTower} {
		if !m.Has(tower) {
			continue
		}
		exact, err := float32s(tower)
		if err != nil {
			return nil, err
		}
		one, err := clip.Compare(ctx, exact, m)
		if err != nil {
			return nil, err
		}
		if tower == clip.ImageTower {
			all.Images = one.Images
		} else {
			all.Texts = one.Texts
		}
	}
	return &all, nil
}

// benchModel loads towers of the model to measure, or of one with random weights for all, and
// returns its name.
func (a *app) benchModel(f benchFlags, precision string, all, towers clip.Tower) (*clip.Model, string, error) {
	f.Precision = precision
	if f.Model != "" {
		return a.load(f.Backbone, towers)
	}
	w, err := suite.RandomWeights(f.size, all)
	if err != nil {
		return nil, "", err
	}
	m, err := clip.New(w, clip.Options{Activation: f.Activation, Towers: towers, Threads: a.threads, Precision: precision})
	return m, f.size + ", random weights", err
}

func (a *app) benchTable(r *benchReport) error {
	terminal.Fprintf(a.out, "%s, %s, threads: %d\n%s, %s\n\n", r.CPU, r.Backend, r.Threads, r.Model, r.Precision)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WORK\tSIZE\tMEDIAN\tPER SECOND\tGFLOP/S\tOF PEAK")
	for _, x := range r.Results {
		terminal.Fprintf(w, "%s\t%s\t%s\t%.4g %s\t%.0f\t%.0f %%\n", x.Work, x.Case, milliseconds(x.Seconds), x.PerSecond, x.Unit, x.GFLOPS, 100*x.PeakShare)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Int8 != nil {
		terminal.Fprintf(a.out, "\nint8: cosine to float32 at least %.4f (images) and %.4f (texts); mean %.4f and %.4f\n",
			r.Int8.Images.Lowest, r.Int8.Texts.Lowest, r.Int8.Images.Mean, r.Int8.Texts.Mean)
	}
	return nil
}

// milliseconds writes a time for a table.
func milliseconds(seconds float64) string { return fmt.Sprintf("%.4g ms", 1000*seconds) }
