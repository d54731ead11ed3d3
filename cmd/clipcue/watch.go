package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/recognition"
)

func (a *app) watchCommand() *cobra.Command {
	var b backboneFlags
	var run, classes string
	w := recognition.Live{Retries: 10}
	step, threshold, asJSON := 0, 0.5, false
	c := &cobra.Command{
		Use:   "watch --run FILE SOURCE",
		Short: "Name the actions in live video",
		Long: `Names actions while they happen, with a window that slides over the frames.
SOURCE is a file that is still being written, a stream's URL (rtsp, http, rtmp,
srt, udp), a camera such as /dev/video0, or - for standard input. A file, and what
comes on standard input, has to be of a kind that can be read while it grows, such
as MPEG-TS, Matroska or fragmented MP4.

Frames that come faster than they can be encoded are dropped, which is told; with
--wait a file or a pipe waits instead. A stream or a camera that breaks off is
taken up again. Times are seconds on the source's clock for a file or a pipe, and
since the start of watching for others. Interrupt to end.`,
		Example: `  clipcue watch --run run rtsp://camera.local/stream
  clipcue watch --run run --wait --json - < recording.ts`,
		Args: arguments(1, 1, "one source"),
		RunE: func(c *cobra.Command, args []string) error {
			var names []string
			var err error
			if classes != "" {
				if names, err = dataset.ReadClasses(classes); err != nil {
					return err
				}
			}
			m, r, sampling, err := a.trainedRecognizer(run, b, names)
			if err != nil {
				return err
			}
			if w.Video.FPS == 0 {
				w.Video.FPS = defaultRate
				if fps, ok := sampling.Rate(); ok {
					w.Video.FPS = fps
				}
			}
			if step == 0 {
				step = max(r.Frames()/4, 1)
			}
			if w.Watcher, err = r.Watch(step, threshold); err != nil {
				return usageError{err}
			}
			w.Model, w.Log = m, a.log
			w.Video.Source, w.Video.Stdin = args[0], os.Stdin
			done, err := w.Run(c.Context(), a.eventPrinter(asJSON))
			a.log.Info("watched", "frames", done.Frames, "dropped", done.Dropped)
			return err
		},
	}
	b.add(c)
	b.addPrecision(c)
	required(c, "run")
	f := c.Flags()
	f.StringVar(&run, "run", "", "a trained model file or run folder")
	f.StringVar(&classes, "classes", "", "file of the names to choose from, one a line")
	number(c, &w.Video.FPS, "fps", false, "frames a second to look at; 0, the default, means as in training")
	whole(c, &step, "hop-frames", 0, "frames by which the window moves; 0 means a quarter of it")
	share(c, &threshold, "min-score", "probability from which an action is taken for seen")
	whole(c, &w.Retries, "retries", 0, "attempts in a row to take up a source that broke off")
	w.Video.IdleTimeout = 10 * time.Second
	span(c, &w.Video.IdleTimeout, "idle", "a file that has not grown for so long is complete")
	timeout(c, &w.Video.Timeout)
	f.BoolVar(&w.Wait, "wait", false, "let a file or a pipe wait instead of dropping frames")
	f.BoolVar(&asJSON, "json", false, "write a JSON object a line, when an event begins and when it is over")
	return c
}

// eventPrinter prints an event as it comes.
func (a *app) eventPrinter(asJSON bool) func(recognition.Event) error {
	return func(e recognition.Event) (err error) {
		switch {
		case asJSON:
			err = json.NewEncoder(a.out).Encode(e)
		case e.Over:
			_, err = fmt.Fprintf(a.out, "%9.2f s  ends    %s (%.2f to %.2f s, %.1f %%)\n", e.End, e.Label, e.Start, e.End, 100*e.Score)
		default:
			_, err = fmt.Fprintf(a.out, "%9.2f s  begins  %s (%.1f %%)\n", e.Start, e.Label, 100*e.Score)
		}
		return err
	}
}
