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
)

// benchWorks are what `bench` can measure.
var benchWorks = []string{"image", "text", "train", "search", "gemm"}

// benchFlags choose what is measured.
type benchFlags struct {
	backboneFlags
	size                  string
	batch, texts, vectors int
	seconds               float64
}

// benchReport is what `bench` tells.
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
		Long: `Measures the image tower on a batch of pictures, the text tower, the paper's
training step, an exact search among vectors, and the matrix products of the image
tower's blocks; with no word, all of them. Each is repeated for a while after a
warm-up, and the median is told. Weights are random unless --model names some:
speed does not depend on them.

Beside the speed stands its share of the peak: what a loop of multiply-adds that
touches no memory does on the same threads. In 8 bits it may be above 100 %.`,
		Example: "  clipcue bench\n  clipcue bench image --size ViT-B/32 --batch 16 --threads 4 --json",
		Args: func(_ *cobra.Command, args []string) error {
			for _, w := range args {
				if !slices.Contains(benchWorks, w) {
					return usageError{fmt.Errorf("%q cannot be measured: it is %s", w, strings.Join(benchWorks, ", "))}
				}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("model") && c.Flags().Changed("size") {
				return usageError{errors.New("--model and --size are different ways to choose a model: give one")}
			}
			works := args
			if len(works) == 0 {
				works = slices.Clone(benchWorks)
			}
			if b.precision == "int8" {
				if slices.Contains(args, "train") {
					return usageError{errors.New("--precision int8: nothing can be learned in 8 bits, so there is no training step to measure")}
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
	b.add(c)
	b.size, b.precision = "ViT-B/16", "float32"
	oneOf(c, &b.precision, "precision", []string{"float32", "int8"}, "float32 or int8, which says how close its features are, too")
	oneOf(c, &b.size, "size", suite.Sizes, "size of a model with random weights: "+strings.Join(suite.Sizes, ", "))
	b.batch, b.texts, b.vectors, b.seconds = 8, 64, 100_000, 3
	whole(c, &b.batch, "batch", 1, "pictures in a batch")
	whole(c, &b.texts, "texts", 1, "texts to encode")
	whole(c, &b.vectors, "vectors", 1, "vectors of 512 numbers to search")
	number(c, &b.seconds, "measure-seconds", false, "how long to repeat each")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// bench measures works, one after the other.
func (a *app) bench(ctx context.Context, f benchFlags, works []string) (*benchReport, error) {
	machine, err := suite.This(a.threads)
	if err != nil {
		return nil, err
	}
	r := &benchReport{Machine: machine, Model: f.size, Precision: f.precision}
	size, err := suite.Size(f.size)
	if err != nil {
		return nil, err
	}
	var towers clip.Tower
	for _, w := range works {
		switch w {
		case "image":
			towers |= clip.Image
		case "text", "train":
			towers |= clip.Text
		}
	}
	var m *clip.Model
	if towers != 0 || f.model != "" {
		if f.precision == "int8" {
			towers = clip.Image | clip.Text // for the comparison
		}
		if m, r.Model, err = a.benchModel(f, f.precision, towers); err != nil {
			return nil, err
		}
		size = m.Config()
	}
	b := suite.New(time.Duration(f.seconds*float64(time.Second)), a.threads)
	bar := a.progress.Start("bench", int64(len(works)), "measurements")
	defer bar.Finish()
	for _, w := range works {
		var one suite.Result
		var several []suite.Result
		switch w {
		case "image":
			one, err = b.Image(ctx, m, f.batch)
		case "text":
			one, err = b.Text(ctx, m, f.texts)
		case "train":
			one, err = b.Train(ctx, m)
		case "search":
			one, err = b.Search(ctx, f.vectors)
		case "gemm":
			several, err = b.Products(ctx, size, f.batch, f.precision)
		}
		if err != nil {
			return nil, err
		}
		if several == nil {
			several = []suite.Result{one}
		}
		r.Results = append(r.Results, several...)
		bar.Add(1)
	}
	if m != nil && f.precision == "int8" {
		exact, _, err := a.benchModel(f, "float32", towers)
		if err != nil {
			return nil, err
		}
		if r.Int8, err = clip.Compare(exact, m); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// benchModel loads the model that is measured, or makes one of random weights,
// and names it.
func (a *app) benchModel(f benchFlags, precision string, towers clip.Tower) (*clip.Model, string, error) {
	f.precision = precision
	if f.model != "" {
		return a.load(f.backboneFlags, towers)
	}
	w, err := suite.RandomWeights(f.size, towers)
	if err != nil {
		return nil, "", err
	}
	m, err := clip.New(w, clip.Options{Activation: f.activation, Towers: towers, Threads: a.threads, Precision: precision})
	return m, f.size + ", random weights", err
}

func (a *app) benchTable(r *benchReport) error {
	fmt.Fprintf(a.out, "%s, %s, threads: %d\n%s, %s\n\n", r.CPU, r.Backend, r.Threads, r.Model, r.Precision)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WORK\tSIZE\tMEDIAN\tPER SECOND\tGFLOP/S\tOF PEAK")
	for _, x := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.4g %s\t%.0f\t%.0f %%\n", x.Work, x.Case, milliseconds(x.Seconds), x.PerSecond, x.Unit, x.GFLOPS, 100*x.PeakShare)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Int8 != nil {
		fmt.Fprintf(a.out, "\nint8: cosine to float32 at least %.4f (pictures) and %.4f (texts), %.4f and %.4f in the mean\n",
			r.Int8.Images.Lowest, r.Int8.Texts.Lowest, r.Int8.Images.Mean, r.Int8.Texts.Mean)
	}
	return nil
}

// milliseconds writes a time for a table.
func milliseconds(seconds float64) string { return fmt.Sprintf("%.4g ms", 1000*seconds) }
