package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/server"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/playback"
	"github.com/clipcue/clipcue/internal/web"
	"github.com/clipcue/clipcue/library"
)

type serveFlags struct {
	embedderFlags
	access  accessFlags
	address string
	allowed []string
}

func (a *app) serveCommand() *cobra.Command {
	var o serveFlags
	c := &cobra.Command{
		Use:   "serve --library DIR",
		Short: "Serve a library as a web page and an API",
		Long: `Serves a page that searches the library, plays what it finds and teaches labels, and the API
that the page uses, under /api/v1. No request of the page leaves the host.

Without tokens, only this machine can connect, and everybody on it may edit. To share
the page, add tokens with: clipcue serve token add NAME. Commands such as index and label
can be used beside a server.`,
		Example: `  clipcue serve --library lib
  clipcue serve --library lib --allow videos --address 127.0.0.1:9000`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c, o) },
	}
	o.embedderFlags.add(c)
	f := c.Flags()
	f.StringVar(&o.address, "address", "127.0.0.1:8765", "address to listen on")
	o.access.add(c)
	f.StringArrayVar(&o.allowed, "allow", nil, "folder whose videos may be added in the page; repeatable")
	c.AddCommand(a.serveTokenCommand())
	return c
}

// localModels lists the model of a library and the others on this machine.
func localModels(s library.Settings) []server.Model {
	used := cmp.Or(s.Model, tiny.Name)
	out := []server.Model{{Name: filepath.Base(used), Kind: "backbone", Used: true}}
	if s.Run != "" {
		out = append(out, server.Model{Name: filepath.Base(s.Run), Kind: "run", Used: true})
	}
	for _, name := range append([]string{tiny.Name}, hub.Names()...) {
		path, ok, err := hub.Resolve(name)
		if name != used && path != used && (name == tiny.Name || err == nil && ok) {
			out = append(out, server.Model{Name: name, Kind: "backbone"})
		}
	}
	return out
}

// drain is how long requests may take to end after the server was stopped.
const drain = 10 * time.Second

func (a *app) serve(c *cobra.Command, o serveFlags) error {
	guarded, err := o.access.options()
	if err != nil {
		return err
	}
	l, err := o.server.Open(c, o.library)
	if err != nil {
		return err
	}
	m, e, _, err := a.libraryModel(c, l, o.embedderFlags, clip.ImageTower|clip.TextTower)
	l.Close()
	if err != nil {
		return err
	}
	metrics := newMetrics()
	guarded.Log, guarded.Metrics = a.log, metrics
	guarded.Uploads = map[string]int64{server.ExamplePath: server.MaxExample + 1<<20}
	guard, err := access.New(guarded)
	if err != nil {
		return err
	}
	listener, err := guard.Listen(c.Context(), o.address)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it, unless it did not start
	ctx := library.WithHolder(c.Context(), c.CommandPath()+" at "+o.access.address(listener))
	player, err := playback.New(playback.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = player.Close() }()
	s, err := server.New(ctx, server.Options{Library: o.library, Servers: []library.Server{{Address: o.server.Trusted(), Key: o.server.Key()}},
		Encoder: m, Embedder: e, Allowed: o.allowed, Version: version(), Guard: guard, Player: player, Jobs: filepath.Join(o.library, "jobs"), Models: localModels(l.Settings()), Log: a.log})
	if err != nil {
		return err
	}
	defer s.Close()
	h := guard.Server(s.Site(web.Files(), promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	h.RegisterOnShutdown(s.Drain)
	h.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	terminal.Fprintf(a.out, "clipcue serves %s at %s\n", o.library, o.access.address(listener))
	return untilStopped(c.Context(), h, func() error { return o.access.serve(h, listener) })
}

// untilStopped answers requests until ctx ends. Requests that were accepted have some time to end.
func untilStopped(ctx context.Context, h *http.Server, serve func() error) error {
	stopped := make(chan error, 1)
	go func() {
		defer crash.Recover()
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		stopped <- h.Shutdown(ctx)
	}()
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// newMetrics returns a registry with the metrics of the process.
func newMetrics() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}
