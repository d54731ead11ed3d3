package main

import (
	"cmp"
	"strings"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
)

// load loads the towers of a backbone and returns its path or name.
func (a *app) load(b flags.Backbone, towers clip.Tower) (m *clip.Model, path string, err error) {
	o := clip.Options{Activation: b.Activation, Towers: towers, Threads: a.threads, Precision: b.Precision}
	b.Model = cmp.Or(b.Model, a.defaultModel)
	if b.Model == "" {
		a.log.Info("no --model: using the built-in " + tiny.Name + ", which knows colored shapes only; for real videos: clipcue model pull ViT-B/16")
	}
	if path, err = hub.Find(b.Model); err != nil {
		return nil, "", err
	}
	if m, err = hub.Load(path, o); err != nil {
		return nil, "", err
	}
	if assumed := m.Assumed(); len(assumed) > 0 {
		a.log.Warn("the weights alone do not say how the model works; assumed: "+strings.Join(assumed, "; ")+
			". If one of these is wrong, put the model's open_clip_config.json, or Hugging Face's config.json, next to the weights; "+
			"--activation gelu changes only the activation", "model", path)
	}
	return m, path, nil
}
