package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/webhook"
	"github.com/clipcue/clipcue/task/recognition"
)

// watchFlags are the flags of `watch`.
type watchFlags struct {
	backbone flags.Backbone
	run      flags.Run
	classes  string
	live     recognition.Live
	hop      int // frames
	minScore float64
	json     bool

	// Instead of a run, labels of a library.
	library, webhook string
	server           flags.Server
	labels           []string
	point            pointFlags
}

func (a *app) watchCommand() *cobra.Command {
	var o watchFlags
	c := &cobra.Command{
		Use:   "watch --run RUN|--library DIR --label NAME SOURCE",
		Short: "Recognize actions in live video",
		Long: `Recognizes actions while they happen, with a window that slides over the frames.
SOURCE is a file that is still being written, the URL of a stream (rtsp, http, rtmp,
srt, udp), a camera such as /dev/video0, or - for standard input. The format of a
file or of standard input must be readable while it grows: MPEG-TS, Matroska or
fragmented MP4.

Frames that arrive faster than they can be encoded are dropped, and the log reports
how many. With --wait a file or a pipe waits instead. clipcue reconnects to a stream
or camera that breaks off. Times are seconds on the clock of a file or pipe; for other
sources they are seconds since watching started. Interrupt the command to end it.

--json prints one JSON object per line, when an event begins and when it ends.

With --library and --label, it finds what labels of a library show, at the operating
point of --min-precision or --min-recall. Without these flags, it is the one that label
apply has stored. --webhook posts each event as JSON to an address. The requests are signed if CLIPCUE_WEBHOOK_SECRET is set, and repeated if they fail; a server that
does not answer never delays the stream.`,
		Example: `  clipcue watch --run run rtsp://camera.local/stream
  clipcue watch --library lib --label leash --webhook http://localhost:8123/hook rtsp://camera.local/stream
  clipcue watch --run run --wait --json - < recording.ts`,
		Args: arguments(1, 1, "one source"),
		RunE: func(c *cobra.Command, args []string) error { return a.watch(c, args[0], o) },
	}
	o.add(c)
	return c
}

func (o *watchFlags) add(c *cobra.Command) {
	o.run.Add(c)
	o.backbone.AddOfRun(c)
	o.backbone.AddPrecision(c)
	flags.Classes(c, &o.classes)
	w := &o.live
	flags.FPS(c, &w.Video.FPS)
	c.Flags().Lookup("fps").DefValue = "as in training, or 8"
	flags.Int(c, &o.hop, "hop-frames", 0, "frames by which the window moves (default: a quarter of it)")
	o.minScore = 0.5
	flags.Between0And1(c, &o.minScore, "min-score", "minimum score of a result, from 0 to 1")
	w.Retries = 10
	flags.Int(c, &w.Retries, "retries", 0, "number of attempts in a row to reconnect to a source")
	w.Video.IdleTimeout = 10 * time.Second
	flags.Duration(c, &w.Video.IdleTimeout, "idle", "time without growth after which a file is complete")
	flags.Timeout(c, &w.Video.Timeout)
	c.Flags().BoolVar(&w.Wait, "wait", false, "let a file or a pipe wait instead of dropping frames")
	flags.JSON(c, &o.json)
	f := c.Flags()
	f.StringVar(&o.library, "library", "", "folder of the library")
	f.StringArrayVar(&o.labels, "label", nil, "label to watch for, instead of --run; repeatable")
	o.server.Add(c)
	o.point.add(c)
	f.StringVar(&o.webhook, "webhook", "", "HTTP address to post events to")
}

func (a *app) watch(c *cobra.Command, source string, o watchFlags) error {
	o.live.Video.Source, o.live.Video.Stdin = source, os.Stdin
	given := c.Flags().Changed
	switch {
	case len(o.labels) == 0 && !given("library"):
		return a.watchRun(c, o)
	case len(o.labels) == 0 || !given("library") || given("run") || given("classes") || given("min-score"):
		return usageError{errors.New("--label and --library belong together, without --run, --classes and --min-score; see: clipcue watch --help")}
	}
	return a.watchLabels(c, o)
}

// watchRun recognizes the classes of a run.
func (a *app) watchRun(c *cobra.Command, o watchFlags) error {
	if !c.Flags().Changed("run") {
		return &flags.MissingError{Command: c.CommandPath(), Flag: "run"}
	}
	names, err := readClasses(o.classes)
	if err != nil {
		return err
	}
	run, r, err := adapter.OpenModel(c.Context(), o.run.Path, a.openOptions(o.run, o.backbone, names), recognition.New)
	if err != nil {
		return err
	}
	sampling, err := run.File.VideoSampling()
	if err != nil {
		return err
	}
	w := &o.live
	if w.Video.FPS == 0 {
		w.Video.FPS = flags.DefaultFPS
		if fps, ok := sampling.Rate(); ok {
			w.Video.FPS = fps
		}
	}
	if o.hop == 0 {
		o.hop = max(r.Frames()/4, 1)
	}
	if w.Watcher, err = r.Watch(o.hop, o.minScore); err != nil {
		return usageError{err}
	}
	w.Model = run.Backbone
	return a.watchLive(c, o)
}

// watchLive prints the events of a source, and posts them.
func (a *app) watchLive(c *cobra.Command, o watchFlags) (err error) {
	o.live.Log = a.log
	see := a.eventPrinter(o.json)
	if c.Flags().Changed("webhook") {
		hook, err := webhook.Start(o.webhook, os.Getenv("CLIPCUE_WEBHOOK_SECRET"), a.log)
		if err != nil {
			return usageError{err}
		}
		defer func() {
			if n := hook.Close(); n > 0 && err == nil {
				err = partialError{fmt.Errorf("done, but %s could not be delivered to the webhook", english.Plural(n, "event", ""))}
			}
		}()
		printed := see
		see = func(e recognition.Event) error { return errors.Join(hook.Send(e), printed(e)) }
	}
	done, err := o.live.Run(c.Context(), see)
	a.log.Info("watched", "frames", done.Frames, "dropped", done.Dropped)
	return err
}

// eventPrinter returns a function that prints events.
func (a *app) eventPrinter(asJSON bool) func(recognition.Event) error {
	return func(e recognition.Event) (err error) {
		switch {
		case asJSON:
			err = json.NewEncoder(a.data).Encode(e)
		case e.Over:
			_, err = terminal.Fprintf(a.out, "%9.2f s  ends    %s (%.2f to %.2f s, %.1f %%)\n", e.End, e.Label, e.Start, e.End, 100*e.Score)
		default:
			_, err = terminal.Fprintf(a.out, "%9.2f s  begins  %s (%.1f %%)\n", e.Start, e.Label, 100*e.Score)
		}
		return err
	}
}
