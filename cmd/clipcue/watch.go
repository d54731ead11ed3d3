package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/recognition"
	"github.com/clipcue/clipcue/video"
)

func (a *app) watchCommand() *cobra.Command {
	var b backboneFlags
	var adapter, classes string
	w := watching{app: a}
	c := &cobra.Command{
		Use:   "watch --adapter FILE SOURCE",
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
		Example: `  clipcue watch --adapter run rtsp://camera.local/stream
  ffmpeg -i any.mp4 -f mpegts - | clipcue watch --adapter run --wait --json -`,
		Args: arguments(1, 1, "one source"),
		RunE: func(c *cobra.Command, args []string) error {
			var names []string
			var err error
			if classes != "" {
				if names, err = dataset.ReadClasses(classes); err != nil {
					return err
				}
			}
			m, r, sampling, err := a.trainedRecogniser(adapter, b, names)
			if err != nil {
				return err
			}
			if w.live.Rate == 0 {
				w.live.Rate = defaultRate
				if fps, ok := sampling.Rate(); ok {
					w.live.Rate = fps
				}
			}
			if w.step == 0 {
				w.step = max(r.Frames()/4, 1)
			}
			if w.watcher, err = r.Watch(w.step, w.threshold); err != nil {
				return usageError{err}
			}
			w.model = m
			w.live.Source, w.live.Stdin, w.live.Size = args[0], os.Stdin, m.Config().ImageSize
			return w.run(c.Context())
		},
	}
	b.add(c)
	b.addPrecision(c)
	required(c, "adapter")
	f := c.Flags()
	f.StringVar(&adapter, "adapter", "", "a trained model file or run folder")
	f.StringVar(&classes, "classes", "", "file of the names to choose from, one a line")
	number(c, &w.live.Rate, "fps", false, "frames a second to look at; 0, the default, means as in training")
	whole(c, &w.step, "step", 0, "frames by which the window moves; 0 means a quarter of it")
	w.threshold = 0.5
	share(c, &w.threshold, "threshold", "probability from which an action is taken for seen")
	w.retries = 10
	whole(c, &w.retries, "retries", 0, "attempts in a row to take up a source that broke off")
	w.live.Idle = 10 * time.Second
	f.DurationVar(&w.live.Idle, "idle", w.live.Idle, "a file that has not grown for so long is complete")
	timeout(c, &w.live.Timeout)
	f.BoolVar(&w.wait, "wait", false, "let a file or a pipe wait instead of dropping frames")
	f.BoolVar(&w.json, "json", false, "write a JSON object a line, when an event begins and when it is over")
	return c
}

// watching is a run of `watch`.
type watching struct {
	*app
	live      video.Live
	model     *clip.Model
	watcher   *recognition.Watcher
	step      int
	threshold float64
	retries   int
	wait      bool
	json      bool
}

// liveFrame is a frame on its way to the encoder. Without pix it says that the
// frames before and after it do not follow each other.
type liveFrame struct {
	pix     []byte
	time    float64
	dropped int // frames before this one, since the last that was not dropped
}

// backlog is how many frames may wait for the encoder, and how many it takes at once.
const backlog = 16

func (w *watching) run(ctx context.Context) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	queue := make(chan liveFrame, backlog)
	ended := make(chan error, 1)
	go func() {
		defer close(queue)
		ended <- w.receive(inner, queue)
	}()
	frames, dropped, told := 0, 0, time.Time{}
	err := func() error {
		for f := range queue {
			batch := []liveFrame{f}
			for more := true; more && len(batch) < backlog; {
				select {
				case f, ok := <-queue:
					if more = ok; ok {
						batch = append(batch, f)
					}
				default:
					more = false
				}
			}
			for _, f := range batch {
				dropped += f.dropped
				if f.pix != nil {
					frames++
				}
				if f.dropped > 0 && time.Since(told) > 10*time.Second {
					told = time.Now()
					w.log.Warn("frames come faster than they can be encoded; some are dropped", "dropped", dropped, "encoded", frames)
				}
			}
			if err := w.encode(batch); err != nil {
				return err
			}
		}
		return nil
	}()
	stop()
	for range queue {
	}
	if e := <-ended; err == nil && ctx.Err() == nil {
		err = e
	}
	err = errors.Join(err, w.print(w.watcher.Cut()))
	w.log.Info("watched", "frames", frames, "dropped", dropped)
	return err
}

// encode passes frames through the backbone and on to the watcher.
func (w *watching) encode(batch []liveFrame) error {
	var pix []byte
	for _, f := range batch {
		pix = append(pix, f.pix...)
	}
	var rows []float32
	var err error
	if len(pix) > 0 {
		if rows, err = w.model.EncodeImages(pix); err != nil {
			return err
		}
	}
	e := w.model.Config().Embed
	for _, f := range batch {
		var events []recognition.Event
		if f.pix == nil {
			events = w.watcher.Cut()
		} else {
			if events, err = w.watcher.Add(rows[:e], f.time); err != nil {
				return err
			}
			rows = rows[e:]
		}
		if err := w.print(events); err != nil {
			return err
		}
	}
	return nil
}

func (w *watching) print(events []recognition.Event) error {
	for _, e := range events {
		if w.json {
			if err := json.NewEncoder(w.out).Encode(e); err != nil {
				return err
			}
			continue
		}
		var err error
		if e.Over {
			_, err = fmt.Fprintf(w.out, "%9.2f s  ends    %s (%.2f to %.2f s, %.1f %%)\n", e.End, e.Label, e.Start, e.End, 100*e.Score)
		} else {
			_, err = fmt.Fprintf(w.out, "%9.2f s  begins  %s (%.1f %%)\n", e.Start, e.Label, 100*e.Score)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// receive puts the source's frames into the queue until the source is over, and
// takes it up again where it broke off.
func (w *watching) receive(ctx context.Context, queue chan<- liveFrame) error {
	kind := w.live.Kind()
	again := kind == "url" || kind == "device"
	began := time.Now()
	failures, lost := 0, 0
	for first := true; ; first = false {
		n, shift := 0, 0.0
		var err error
		for f, e := range w.live.Frames(ctx) {
			if err = e; err != nil {
				break
			}
			if n == 0 && again {
				shift = time.Since(began).Seconds() - f.Time
			}
			n++
			next := liveFrame{pix: slices.Clone(f.Pix), time: f.Time + shift, dropped: lost}
			if w.wait && !again {
				select {
				case queue <- next:
				case <-ctx.Done():
				}
				continue
			}
			select {
			case queue <- next:
				lost = 0
			default:
				lost++
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && (!again || strings.HasPrefix(w.live.Source, "http")):
			return w.rest(ctx, queue, lost) // it said that it is over
		case !again || first && n == 0:
			return errors.Join(err, w.rest(ctx, queue, lost))
		}
		if err == nil {
			err = errors.New("it ended")
		}
		if failures++; n > 0 {
			failures = 1
		}
		if failures > w.retries {
			return fmt.Errorf("%w; given up after %d attempts to take it up again", err, w.retries)
		}
		pause := video.Backoff(failures)
		w.log.Warn("the source broke off; taking it up again", "reason", fmt.Sprint(err), "in", pause)
		select {
		case queue <- liveFrame{dropped: lost}:
			lost = 0
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rest tells of the frames that were dropped last.
func (w *watching) rest(ctx context.Context, queue chan<- liveFrame, lost int) error {
	if lost > 0 {
		select {
		case queue <- liveFrame{dropped: lost}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
