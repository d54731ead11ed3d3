package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/fleet"
	"github.com/clipcue/clipcue/video"
)

// fleetWorkFlags are the flags of `fleet work`.
type fleetWorkFlags struct {
	backbone        flags.Backbone
	broker          brokerFlags
	name, temp      string
	batch, decoders int
	idle            time.Duration
	json            bool
}

func (a *app) fleetWorkCommand() *cobra.Command {
	var o fleetWorkFlags
	c := &cobra.Command{
		Use:   "work --model PATH",
		Short: "Extract features of the videos of a fleet",
		Long: `Takes videos from the queue of a fleet, extracts their features and sends them to the
coordinator, until it is interrupted, or with --until-idle until there is no more work. Sampling
and the other options of extraction come from the coordinator; the model, its precision and
the version of clipcue and ffmpeg must be those of the coordinator.

Videos of buckets are downloaded to a temporary folder, one for each of the --decoders.
Give workers of one machine the same --name: it tells whether a video fails on several
machines.`,
		Example: `  clipcue fleet work --model ViT-B/16
  clipcue fleet work --model ViT-B/16 --broker nats://10.0.0.5:4222 --until-idle 10m`,
		Args: arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.fleetWork(c, o) },
	}
	o.backbone.Add(c)
	o.backbone.AddPrecision(c)
	o.broker.addClient(c)
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "name of the machine (default: its host name)")
	f.StringVar(&o.temp, "temp", "", "folder for temporary files (default: the system's)")
	flags.Decoders(c, &o.batch, &o.decoders)
	f.DurationVar(&o.idle, "until-idle", 0, "end after this long without work; 0 means never")
	flags.JSON(c, &o.json)
	return c
}

func (a *app) fleetWork(c *cobra.Command, o fleetWorkFlags) (err error) {
	if o.name == "" {
		if o.name, err = os.Hostname(); err != nil {
			return err
		}
	}
	m, _, err := a.load(o.backbone, clip.ImageTower)
	if err != nil {
		return err
	}
	decoder, err := video.DecoderVersion(c.Context())
	if err != nil {
		return err
	}
	cpu, err := compute.Backend()
	if err != nil {
		return err
	}
	client, err := o.broker.connect(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	buckets := new(fleet.Buckets)
	defer buckets.Close()
	a.log.Info("working for the fleet", "fleet", o.broker.fleet, "machine", o.name)
	r, err := fleet.Work(c.Context(), client, fleet.WorkerOptions{Encoder: m, Name: o.name, Version: version(), CPU: cpu, Decoder: decoder,
		Batch: o.batch, Videos: o.decoders, Temp: o.temp, Idle: o.idle, Buckets: buckets, Log: a.log})
	if err != nil {
		return err
	}
	if o.json {
		return a.json(r)
	}
	terminal.Fprintf(a.out, "%d videos and spans in %.1f s: %d frames, %d failed\n", r.Videos, r.Seconds, r.Frames, r.Failed)
	return nil
}
