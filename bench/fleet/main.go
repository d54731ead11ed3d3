// Command fleet compares the speed of a fleet of one worker with that of feature.Extract, on
// the same videos and with the same encoder, a ViT-B/16 with random weights. The broker, the
// coordinator and the worker run in this process. Run it with: go run ./bench/fleet
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/internal/fleet"
	"github.com/clipcue/clipcue/video"
)

func main() {
	videos := flag.Int("videos", 10, "number of videos")
	seconds := flag.Int("seconds", 50, "length of a video in seconds")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *videos, *seconds); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// fps is the sampling rate.
const fps = 2

func run(ctx context.Context, videos, seconds int) (err error) {
	dir, err := os.MkdirTemp("", "clipcue-bench-fleet-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sources := filepath.Join(dir, "videos")
	if err := render(ctx, sources, videos, seconds); err != nil {
		return err
	}
	w, err := suite.RandomWeights("ViT-B/16", clip.ImageTower)
	if err != nil {
		return err
	}
	m, err := clip.New(w, clip.Options{Towers: clip.ImageTower})
	if err != nil {
		return err
	}
	o := feature.Options{Sampling: video.AtRate(fps)}
	alone, err := extract(ctx, m, sources, filepath.Join(dir, "alone"), o)
	if err != nil {
		return err
	}
	together, err := work(ctx, m, sources, dir, o)
	if err != nil {
		return err
	}
	fmt.Printf("extract: %.2f frames/s; fleet of one worker: %.2f frames/s; ratio %.3f\n", alone, together, together/alone)
	return nil
}

// render renders videos of different content whose frames all differ.
func render(ctx context.Context, dir string, videos, seconds int) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	for i := range videos {
		c, err := ffmpeg.Command(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=320x240:rate=10:duration=%d", seconds),
			"-metadata", fmt.Sprintf("title=%d", i), filepath.Join(dir, fmt.Sprintf("%d.mkv", i)))
		if err != nil {
			return err
		}
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
}

// extract returns the frames per second of feature.Extract.
func extract(ctx context.Context, m *clip.Model, videos, out string, o feature.Options) (float64, error) {
	found, err := video.Discover([]string{videos})
	if err != nil {
		return 0, err
	}
	store, err := feature.Create(out)
	if err != nil {
		return 0, err
	}
	r, err := feature.Extract(ctx, m, found.Videos, store, o)
	return r.FramesPerSecond, err
}

// work returns the frames per second of a fleet of one worker, from its start until the store
// is complete.
func work(ctx context.Context, m *clip.Model, videos, dir string, o feature.Options) (rate float64, err error) {
	broker, err := fleet.StartBroker(ctx, fleet.BrokerOptions{Address: "127.0.0.1:0", Dir: filepath.Join(dir, "broker")})
	if err != nil {
		return 0, err
	}
	defer broker.Close()
	client, err := fleet.Connect(fleet.ClientOptions{Broker: broker})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	decoder, err := video.DecoderVersion(ctx)
	if err != nil {
		return 0, err
	}
	recipe, err := fleet.NewRecipe(m, o, "bench", decoder, "")
	if err != nil {
		return 0, err
	}
	store, err := feature.Create(filepath.Join(dir, "together"))
	if err != nil {
		return 0, err
	}
	log, buckets := slog.New(slog.DiscardHandler), new(fleet.Buckets)
	c, err := fleet.NewCoordinator(ctx, client, fleet.CoordinatorOptions{Recipe: recipe, Store: store, Dir: filepath.Join(dir, "state"), Buckets: buckets, Log: log})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	inner, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		defer crash.Recover()
		ended <- c.Run(inner, func() { close(ready) })
	}()
	<-ready
	if _, err := fleet.Submit(ctx, client, buckets, []string{videos}, nil); err != nil {
		return 0, err
	}
	began := time.Now()
	worked := make(chan fleet.WorkReport, 1)
	working, end := context.WithCancel(ctx)
	defer end()
	failed := make(chan error, 1)
	go func() {
		defer crash.Recover()
		r, err := fleet.Work(working, client, fleet.WorkerOptions{Encoder: m, Name: "worker", Version: "bench", Decoder: decoder, Buckets: buckets, Log: log})
		worked <- r
		failed <- err
	}()
	for waiting := 1; waiting > 0; time.Sleep(20 * time.Millisecond) {
		s, err := client.Status(ctx)
		if err != nil {
			return 0, err
		}
		waiting = s.Waiting
	}
	took := time.Since(began).Seconds()
	end()
	r := <-worked
	stop()
	return float64(r.Frames) / took, errors.Join(<-failed, <-ended)
}
