package main

import (
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
)

// load loads the towers of a backbone and returns its path or name.
func (a *app) load(b flags.Backbone, towers clip.Tower) (m *clip.Model, path string, err error) {
	o := clip.Options{Activation: b.Activation, Towers: towers, Threads: a.threads, Precision: b.Precision}
	if b.Model == "" {
		a.log.Info("no --model: using the built-in " + tiny.Name + ", which knows colored shapes only; for real videos: clipcue model pull ViT-B/16")
	}
	if path, err = hub.Find(b.Model); err != nil {
		return nil, "", err
	}
	if m, err = hub.Load(path, o); err != nil {
		return nil, "", err
	}
	if m.ActivationAssumed() {
		a.log.Warn("the weight file does not name its activation; using OpenAI's quick_gelu. OpenCLIP models without -quickgelu in their name need --activation gelu", "model", path)
	}
	return m, path, nil
}
