package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/encode"
	"github.com/clipcue/clipcue/internal/server/gate"
	"github.com/clipcue/clipcue/internal/server/immich"
	"github.com/clipcue/clipcue/internal/server/openai"
)

// immichFlags are those of the machine-learning server.
type immichFlags struct {
	backbone flags.Backbone // its precision
	listen   string
	weights  map[string]string
	pull     bool
	unload   time.Duration
	crop     bool
	lists    bool
	upstream string
}

func (a *app) immichCommand() *cobra.Command {
	o := immichFlags{unload: 5 * time.Minute}
	c := &cobra.Command{
		Use:   "immich",
		Short: "Serve CLIP to Immich, and embeddings to clients of OpenAI",
		Long: `Answers the requests that Immich sends to its machine-learning server (GET /ping,
POST /predict), and POST /v1/embeddings and GET /v1/models of OpenAI's clients. The embeddings are those of
Immich's own server, up to rounding, so an existing library stays valid.

Immich names the model, such as ViT-B-32__openai. It must have been pulled, or be given
with --weights. It is loaded when it is first used, and unloaded after --unload.

Immich sends no password: everybody who reaches the address can use the server.`,
		Example: `  clipcue immich
  clipcue immich --listen 0.0.0.0:3003 --upstream http://immich-machine-learning:3003`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.immich(c, o) },
	}
	o.backbone.AddPrecision(c)
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:3003", "address to listen on")
	f.StringToStringVar(&o.weights, "weights", nil, "weights of a model, NAME=FILE or NAME=FOLDER; repeatable")
	f.BoolVar(&o.pull, "pull", false, "download models of Immich's list when they are first used")
	flags.Duration(c, &o.unload, "unload", "time without requests after which a model is unloaded")
	f.StringVar(&o.upstream, "upstream", "", "address of Immich's own server, for faces, text in images and other models")
	f.BoolVar(&o.crop, "center-crop", false, "crop images for SigLIP, as older versions of Immich do")
	f.BoolVar(&o.lists, "lists", false, "send embeddings as lists, as Immich before 1.125 expects")
	return c
}

func parseUpstream(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("must be an address such as http://localhost:3003, got %q", address)
	}
	return u, nil
}

func (a *app) immich(c *cobra.Command, o immichFlags) error {
	var upstream *url.URL
	if o.upstream != "" {
		u, err := parseUpstream(o.upstream)
		if err != nil {
			return usageError{fmt.Errorf("--upstream %w", err)}
		}
		upstream = u
	}
	for name, path := range o.weights {
		if _, err := hub.Find(path); err != nil {
			return fmt.Errorf("--weights %s: %w", name, err)
		}
	}
	listener, err := access.Listen(c.Context(), o.listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it
	metrics := newMetrics()
	encoder := encode.New(encode.Options{Idle: o.unload, Crop: o.crop, Log: a.log, Metrics: metrics, Find: o.find,
		Load: func(ctx context.Context, model string, tower clip.Tower) (*clip.Model, error) {
			return a.loadTower(ctx, o, model, tower)
		}})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	immich.Register(mux, immich.Options{Encoder: encoder, Runs: o.runs, Upstream: upstream, Lists: o.lists, Describe: advised, Log: a.log})
	openai.Register(mux, openai.Options{Encoder: encoder, Models: o.models, Describe: advised, Log: a.log})
	h := gate.New(a.log, metrics).Server(mux)
	h.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(c.Context()) }
	terminal.Fprintf(a.out, "clipcue serves Immich at http://%s\n", listener.Addr())
	return untilStopped(c.Context(), h, func() error { return h.Serve(listener) })
}

// advised returns an error with the advice that the command line prints.
func advised(err error) string {
	if advice := remedy(err); advice != "" {
		return oneLine(err) + "; try: " + advice
	}
	return oneLine(err)
}

// download comes before the name of a model that has to be pulled.
const download = "pull "

// find returns the path of a model that a request names: one of --weights, the built-in one, or
// one that was pulled. Requests cannot name other files.
func (o *immichFlags) find(name string) (string, error) {
	clean := immich.Name(name)
	for weights, path := range o.weights {
		if immich.Name(weights) == clean {
			return path, nil
		}
	}
	if clean == tiny.Name {
		return tiny.Name, nil
	}
	for _, pulled := range []string{immich.PullName(name), clean, strings.TrimSpace(name)} {
		path, ok, err := hub.Resolve(pulled)
		if ok || err != nil {
			return path, err
		}
	}
	pull := immich.PullName(name)
	if o.pull && pull != "" {
		return download + pull, nil
	}
	return "", &encode.MissingError{Model: name, Pull: pull}
}

// models returns the names of the models that are on this machine.
func (o *immichFlags) models() []string {
	names := slices.Sorted(maps.Keys(o.weights))
	for _, name := range hub.Names() {
		if _, ok, err := hub.Resolve(name); ok && err == nil {
			names = append(names, name)
		}
	}
	return append(names, tiny.Name)
}

// runs reports whether a model is here or can be pulled.
func (o *immichFlags) runs(model string) bool {
	_, err := o.find(model)
	missing, ok := errors.AsType[*encode.MissingError](err)
	return err == nil || ok && missing.Pull != ""
}

// loadTower loads a tower of a model, which may have to be pulled.
func (a *app) loadTower(ctx context.Context, o immichFlags, model string, tower clip.Tower) (*clip.Model, error) {
	if name, ok := strings.CutPrefix(model, download); ok {
		a.log.Info("downloading a model", "model", name)
		path, err := hub.Pull(ctx, name, hub.Options{Log: a.log})
		if err != nil {
			return nil, err
		}
		model = path
	}
	b := o.backbone
	b.Model = model
	m, _, err := a.load(b, tower)
	return m, err
}
