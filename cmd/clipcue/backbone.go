package main

import (
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/tiny"
)

// backboneFlags choose a backbone.
type backboneFlags struct{ model, activation, precision string }

func (b *backboneFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&b.model, "model", "", "the backbone: a weight file or folder, or the name of a pulled one such as ViT-B/16; if not given, "+tiny.Name+", which comes with the program and knows colored shapes")
	activationFlag(c, &b.activation)
}

// addPrecision is for commands that learn nothing on the backbone.
func (b *backboneFlags) addPrecision(c *cobra.Command) {
	c.Flags().StringVar(&b.precision, "precision", "float32", "float32, or int8: several times as fast and a little less exact")
}

// load loads the towers that a command needs.
func (a *app) load(b backboneFlags, towers clip.Tower) (m *clip.Model, path string, err error) {
	o := clip.Options{Activation: b.activation, Towers: towers, Threads: a.threads, Precision: b.precision}
	if b.model == "" {
		a.log.Info("no --model: taking " + tiny.Name + ", which comes with the program and knows colored shapes only; for real videos: clipcue model pull ViT-B/16")
	}
	if b.model == "" || b.model == tiny.Name {
		m, err = tiny.Load(o)
		return m, tiny.Name, err
	}
	if path, err = hub.Find(b.model); err != nil {
		return nil, "", err
	}
	if m, err = clip.Load(path, o); err != nil {
		return nil, "", err
	}
	if m.ActivationAssumed() {
		a.log.Warn("the weight file does not say which activation it was trained with; taking OpenAI's quick_gelu. If it is one of OpenCLIP's own models without -quickgelu in its name, add --activation gelu", "model", path)
	}
	return m, path, nil
}
