package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/fleet"
)

// fleetSubmitFlags are the flags of `fleet submit`.
type fleetSubmitFlags struct {
	broker     brokerFlags
	manifest   string
	wait, json bool
}

func (a *app) fleetSubmitCommand() *cobra.Command {
	var o fleetSubmitFlags
	c := &cobra.Command{
		Use:   "submit VIDEO|FOLDER|s3://BUCKET/PREFIX...",
		Short: "Submit videos to a fleet",
		Long: `Lists videos and sends those that the feature store lacks to the coordinator. Submit the same
videos again to add new ones and to retry those that failed.

Files are read once, for their SHA-256. Workers must find them under the same absolute paths,
for instance on a shared folder. Workers download videos of buckets; settings of a bucket
are in its address: s3://BUCKET/PREFIX?region=eu-west-1, or for other servers
?endpoint=https://HOST&use_path_style=true. A manifest is a CSV file with a column "path" of
paths and addresses.`,
		Example: `  clipcue fleet submit videos/
  clipcue fleet submit --broker nats://10.0.0.5:4222 --until-finished "s3://my-bucket/videos?region=eu-west-1"`,
		Args: arguments(0, -1, "videos, folders and addresses"),
		RunE: func(c *cobra.Command, args []string) error { return a.fleetSubmit(c, args, o) },
	}
	o.broker.addClient(c)
	c.Flags().StringVar(&o.manifest, "manifest", "", "CSV file with paths and addresses of videos")
	c.Flags().BoolVar(&o.wait, "until-finished", false, "wait until the fleet has finished all videos")
	flags.JSON(c, &o.json)
	return c
}

func (a *app) fleetSubmit(c *cobra.Command, paths []string, o fleetSubmitFlags) error {
	if o.manifest != "" {
		more, err := fleet.ReadManifest(o.manifest)
		if err != nil {
			return err
		}
		paths = append(paths, more...)
	}
	if len(paths) == 0 {
		return usageError{fmt.Errorf("no videos given; see: %s --help", c.CommandPath())}
	}
	client, err := o.broker.connect(nil)
	if err != nil {
		return err
	}
	defer client.Close()
	buckets := new(fleet.Buckets)
	defer buckets.Close()
	r, err := fleet.Submit(c.Context(), client, buckets, paths, a.progress)
	for _, f := range r.Unreadable {
		a.skipped("video", f)
	}
	a.warnEach(r.Refused)
	if err != nil {
		return err
	}
	if o.json {
		err = a.json(r)
	} else {
		terminal.Fprintf(a.out, "%d videos: %d submitted, %d already present, %d submitted before, %d refused, %d unreadable\n",
			r.Videos, r.Submitted, r.Present, r.Known, len(r.Refused), len(r.Unreadable))
	}
	bad := len(r.Refused) + len(r.Unreadable)
	if err == nil && o.wait {
		var failed int
		failed, err = a.fleetWait(c.Context(), client)
		bad += failed
	}
	if err != nil {
		return err
	}
	return failedVideos(bad)
}

// fleetWait shows the progress of a fleet until no video waits. It returns the number of
// videos that failed.
func (a *app) fleetWait(ctx context.Context, client *fleet.Client) (failed int, err error) {
	var bar interface {
		Set(int64)
		Note(string)
	}
	began := false
	for {
		s, err := client.Status(ctx)
		if err != nil {
			return 0, err
		}
		if !began {
			stage := a.progress.Start("fleet", int64(s.Finished+s.Failed+s.Waiting), "videos")
			defer stage.Finish()
			bar, began = stage, true
		}
		bar.Set(int64(s.Finished + s.Failed))
		bar.Note(fmt.Sprintf("%d workers, %.4g frames/s, %d failed", len(s.Workers), s.FramesPerSecond, s.Failed))
		if s.Waiting == 0 {
			return s.Failed, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
