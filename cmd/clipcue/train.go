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
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/train"
)

func (a *app) trainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "train",
		Short: "Train on videos: recognition, localization or retrieval",
		Example: `  clipcue train recognition --model ViT-B/16 --features features --data videos/ --out run
  clipcue train retrieval --model ViT-B/16 --features features --data captions.csv --out finder`,
	}
	c.AddCommand(a.trainRecognitionCommand(), a.trainLocalizationCommand(), a.trainRetrievalCommand())
	return c
}

// classesPerStep adds --classes-per-step.
func classesPerStep(c *cobra.Command, p *int) {
	flags.Int(c, p, "classes-per-step", 2, "maximum number of classes per step: the batch's and random others")
}

// classFlags are the class files of zero-shot training.
type classFlags struct{ train, test string }

func (f *classFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.train, "train-classes", "", "zero-shot: file of the classes to train on, one per line")
	c.Flags().StringVar(&f.test, "test-classes", "", "zero-shot: file of the classes to test on, one per line")
}

// read reads the files, if they were given.
func (f classFlags) read(learn, test *[]string) (err error) {
	if (f.train == "") != (f.test == "") {
		return usageError{errors.New("--train-classes and --test-classes must be given together")}
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

// usePreset sets k to the settings of a preset, and then applies the given flags again.
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

// fitPrompts lowers the numbers of prompt vectors of a preset to what the backbone's context has
// room for. Given flags are kept.
func (a *app) fitPrompts(c *cobra.Command, k *adapter.Config, m *clip.Model) {
	if c.Flags().Changed("prefix") || c.Flags().Changed("postfix") {
		return
	}
	if context := m.Config().Context; k.FitPrompts(context) {
		a.log.Warn("fewer prompt vectors than the preset's, because the backbone's context is short", "context", context, "prefix", k.Prefix, "postfix", k.Postfix)
	}
}

// printTrained prints the result of a run: more is added to the JSON, about is a line
// with what was measured, and next is a command to use the model.
func (a *app) printTrained(dir string, r train.Result, asJSON bool, more map[string]any, about, next string) error {
	model := filepath.Join(dir, train.BestFile)
	if asJSON {
		out := map[string]any{"run": dir, "model": model, "steps": r.Steps, "best_step": r.BestStep, "metrics": r.Metrics}
		maps.Copy(out, more)
		return a.json(out)
	}
	terminal.Fprintf(a.out, "trained %d steps; the model of step %d is %s\n", r.Steps, r.BestStep, model)
	if about != "" {
		fmt.Fprintln(a.out, about)
	}
	_, err := terminal.Fprintf(a.out, "next: %s\n", next)
	return err
}

// warnWithoutFeatures logs the n items that have no features, and returns n.
func (a *app) warnWithoutFeatures(what string, n int, missing func(i int) (path string, err error)) int {
	return warnFew(n, func(i int) {
		path, err := missing(i)
		a.log.Warn("left out", what, path, "reason", strings.TrimPrefix(err.Error(), fmt.Sprintf("%q: ", path)))
	}, func(more int) { a.log.Warn("and more "+what+"s have no features", "missing", more) })
}

// errNoFeatures is the reason why samples were left out.
var errNoFeatures = errors.New("no features in the store")

// missingError returns the error of a command that finished without n items, which
// have no features.
func missingError(n int, what string) error {
	switch n {
	case 0:
		return nil
	case 1:
		return partialError{fmt.Errorf("done, but 1 %s was left out: %w", what, errNoFeatures)}
	}
	return partialError{fmt.Errorf("done, but %d %ss were left out: %w", n, what, errNoFeatures)}
}
