package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/train"
)

// readRun reads a model of a run, without its backbone.
func readRun(run flags.Run) (path string, f *adapter.File, err error) {
	if path, err = adapter.FindModel(run.Path, run.Checkpoint); err == nil {
		f, err = adapter.ReadFile(path)
	}
	return path, f, err
}

// openOptions returns how a run is opened with the given flags and classes; nil means
// the classes of its model.
func (a *app) openOptions(run flags.Run, b flags.Backbone, classes []string) adapter.OpenOptions {
	return adapter.OpenOptions{Checkpoint: run.Checkpoint, Classes: classes,
		Backbone: b.Model, Activation: b.Activation, Precision: b.Precision, Threads: a.threads}
}

// bare returns the backbone of a model file without weights. It is enough for classes
// whose embeddings the file holds.
func (a *app) bare(f *adapter.File) *clip.Model {
	return clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, a.threads)
}

// textTower returns what a model needs of its backbone to embed classes: nothing but
// its sizes if it knows them all, else the text tower.
func (a *app) textTower(f *adapter.File, b flags.Backbone, classes []string, always bool) (*clip.Model, error) {
	if !always && !f.Lacks(classes) {
		return a.bare(f), nil
	}
	return a.loadOf(f, b, clip.TextTower)
}

// loadOf loads the backbone of a model file: the given one, or that of its training.
func (a *app) loadOf(f *adapter.File, b flags.Backbone, towers clip.Tower) (*clip.Model, error) {
	b.Model = cmp.Or(b.Model, f.Backbone.Path)
	b.Activation = cmp.Or(b.Activation, f.Backbone.Config.Activation)
	m, _, err := a.load(b, towers)
	return m, err
}

// runData reads the description of the training data from a run's config.json.
func runData[D any](run string) (data D, err error) {
	if info, err := os.Stat(run); err == nil && !info.IsDir() {
		run = filepath.Dir(run)
	}
	path := filepath.Join(run, train.ConfigFile)
	text, err := input.ReadFile(path, train.MaxConfig)
	if err != nil {
		return data, err
	}
	var config struct {
		Data D `json:"data"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return data, fmt.Errorf("%s: %w", path, err)
	}
	return config.Data, nil
}

// readClasses reads the file of --classes. It returns nil without one.
func readClasses(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	return dataset.ReadClasses(path)
}

// evalClasses returns the classes that a run is evaluated on: those of --classes, else
// the run's own test classes, else those of its model.
func evalClasses(path string, test, model []string) (names []string, given bool, err error) {
	if names, err = readClasses(path); names != nil || err != nil {
		return names, names != nil, err
	}
	if test != nil {
		return test, false, nil
	}
	return model, false, nil
}

// setTemporalScale applies --temporal-scale if it was given. The model must then have
// a temporal residual.
func setTemporalScale(c *cobra.Command, model interface{ SetTemporalScale(float64) error }, scale float64) error {
	if !c.Flags().Changed("temporal-scale") {
		return nil
	}
	if err := model.SetTemporalScale(scale); err != nil {
		return fmt.Errorf("--temporal-scale: %w", err)
	}
	return nil
}
