package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/fleet"
	"github.com/clipcue/clipcue/video"
)

// fleetServeFlags are the flags of `fleet serve`.
type fleetServeFlags struct {
	backbone                   flags.Backbone
	sampling                   flags.Sampling
	options                    feature.Options
	broker                     brokerFlags
	out, state, results, cpu   string
	listen, cert, key, metrics string
	replicas                   int
	span                       time.Duration
}

func (a *app) fleetServeCommand() *cobra.Command {
	var o fleetServeFlags
	c := &cobra.Command{
		Use:   "serve --model PATH --out STORE",
		Short: "Run the coordinator of a fleet, and its broker",
		Long: `Owns the feature store: takes videos from "fleet submit", hands them to workers, checks
their results and commits them. It runs until it is interrupted, and continues where it
stopped when it is started again. The model and the options of extraction are those of all
workers; a worker with another version of clipcue, backbone, precision or ffmpeg is
rejected.

The embedded broker accepts only connections from this machine, unless CLIPCUE_FLEET_TOKEN
is set to a secret that all commands then need. With --broker, an external NATS server with
JetStream is used instead.

Several workers share a video that is longer than one and a half times --span. A video that
cannot be decoded exactly from each keyframe is processed whole, and so are all with --still.

A video that fails three times, on at least two machines if there are as many, is listed in
failures.jsonl of the store. A machine at which three videos in a row fail that others
process gets no more work, until "fleet release". workers.jsonl in the store lists which
machine produced what.`,
		Example: `  clipcue fleet serve --model ViT-B/16 --out features
  clipcue fleet serve --model ViT-B/16 --out features --listen 0.0.0.0:4222`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.fleetServe(c, o) },
	}
	o.backbone.Add(c)
	o.backbone.AddPrecision(c)
	o.sampling.Add(c)
	flags.Out(c, &o.out, "folder of the feature store")
	flags.Decoding(c, &o.options)
	flags.Still(c, &o.options.Still)
	f := c.Flags()
	f.StringVar(&o.broker.address, "broker", "", "address of an external NATS broker (default: run one)")
	o.broker.add(c)
	f.StringVar(&o.listen, "listen", defaultBroker, "address of the embedded broker")
	f.StringVar(&o.cert, "tls-cert", "", "PEM file with the certificate of the embedded broker")
	f.StringVar(&o.key, "tls-key", "", "PEM file with the key of the certificate")
	f.StringVar(&o.results, "bucket", "", "bucket for results on their way, s3://… or file://… (default: the broker)")
	f.StringVar(&o.state, "state", "", "folder of the coordinator's database (default: STORE.fleet)")
	f.StringVar(&o.cpu, "cpu", "", "required instruction set, such as avx2, for bitwise equal results")
	f.StringVar(&o.metrics, "metrics", "", "address for Prometheus metrics over HTTP, such as 127.0.0.1:9464")
	f.DurationVar(&o.span, "span", 30*time.Minute, "length of the spans of long videos; 0 processes all videos whole")
	flags.Int(c, &o.replicas, "replicas", 0, "copies of the queue in a cluster of brokers (default 1)")
	return c
}

// minSpan is the shortest span of a video. Each span reads the whole file for its checksum
// and its timestamps.
const minSpan = time.Minute

func (a *app) fleetServe(c *cobra.Command, o fleetServeFlags) error {
	ctx := c.Context()
	if (o.cert == "") != (o.key == "") {
		return usageError{errors.New("--tls-cert and --tls-key must be given together")}
	}
	if o.span < minSpan && o.span != 0 {
		return usageError{fmt.Errorf("--span must be at least %v, or 0, got %v", minSpan, o.span)}
	}
	recipe, err := a.fleetRecipe(c, o)
	if err != nil {
		return err
	}
	store, err := feature.Create(o.out)
	if err != nil {
		return err
	}
	if o.state == "" {
		o.state = filepath.Clean(o.out) + ".fleet"
	}
	var local *fleet.Broker
	if o.broker.address == "" {
		local, err = fleet.StartBroker(c.Context(), fleet.BrokerOptions{Address: o.listen, Dir: filepath.Join(o.state, "broker"), Token: fleetToken(), Cert: o.cert, Key: o.key})
		if err != nil {
			return err
		}
		defer local.Close()
	}
	client, err := o.broker.connect(local)
	if err != nil {
		return err
	}
	defer client.Close()
	buckets := new(fleet.Buckets)
	defer buckets.Close()
	coordinator, err := fleet.NewCoordinator(ctx, client, fleet.CoordinatorOptions{Recipe: recipe, Store: store, Dir: o.state,
		Results: o.results, Replicas: o.replicas, Span: o.span, Buckets: buckets, Log: a.log})
	if err != nil {
		return err
	}
	defer coordinator.Close()
	if o.metrics != "" {
		stop, err := serveMetrics(c.Context(), o.metrics, client)
		if err != nil {
			return err
		}
		defer stop()
	}
	at := o.broker.address
	if local != nil {
		at = "nats://" + local.Address()
	}
	return coordinator.Run(ctx, func() {
		terminal.Fprintf(a.out, "clipcue coordinates the fleet %s of %s at %s\n", o.broker.fleet, o.out, at)
	})
}

// fleetRecipe returns what all workers must agree on.
func (a *app) fleetRecipe(c *cobra.Command, o fleetServeFlags) (r fleet.Recipe, err error) {
	if o.options.Sampling, err = o.sampling.Choose(c); err != nil {
		return r, usageError{err}
	}
	m, _, err := a.load(o.backbone, clip.ImageTower)
	if err != nil {
		return r, err
	}
	decoder, err := video.DecoderVersion(c.Context())
	if err != nil {
		return r, err
	}
	return fleet.NewRecipe(m, o.options, version(), decoder, o.cpu)
}

// serveMetrics serves Prometheus metrics of a fleet over HTTP.
func serveMetrics(ctx context.Context, address string, client *fleet.Client) (stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	r := prometheus.NewRegistry()
	r.MustRegister(client)
	s := &http.Server{Handler: promhttp.HandlerFor(r, promhttp.HandlerOpts{}), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer crash.Recover()
		_ = s.Serve(l)
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			_ = s.Close()
		}
	}, nil
}
