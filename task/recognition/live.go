package recognition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/video"
)

// Live classifies a video source while it is being received.
type Live struct {
	Video   video.Live // Size is set to that of the backbone
	Model   *clip.Model
	Watcher *Watcher

	// Wait makes a file or a pipe wait if frames arrive faster than they can be encoded.
	// Otherwise, and always for other sources, frames are dropped.
	Wait bool
	// Retries is the maximum number of consecutive attempts to reconnect a stream or camera.
	Retries int
	Log     *slog.Logger // nil for slog's default
}

// LiveSummary counts the frames of a run.
type LiveSummary struct {
	Frames  int `json:"frames"`  // encoded
	Dropped int `json:"dropped"` // because they arrived faster than they could be encoded
}

// liveFrame is a frame in the queue of the encoder. Without pix it marks an interruption
// of the stream.
type liveFrame struct {
	pix     []byte
	time    float64
	dropped int // frames dropped directly before this one
}

// backlog is the capacity of the encoder's queue, and the maximum number of frames that it
// encodes at once.
const backlog = 16

// Run calls see when an event begins and when it is over, until the source ends or ctx is
// done. Times are seconds on the clock of the source for a file or a pipe, and since the
// start for a stream or a camera.
func (w *Live) Run(ctx context.Context, see func(Event) error) (done LiveSummary, err error) {
	if w.Log == nil {
		w.Log = slog.Default()
	}
	w.Video.Size, w.Video.Fit = w.Model.Config().ImageSize, w.Model.Config().Fit
	inner, stop := context.WithCancel(ctx)
	defer stop()
	queue := make(chan liveFrame, backlog)
	ended := make(chan error, 1)
	go func() {
		defer close(queue)
		defer crash.Recover()
		ended <- w.receive(inner, queue)
	}()
	err = w.consume(ctx, queue, see, &done)
	stop()
	for range queue {
	}
	if e := <-ended; err == nil && ctx.Err() == nil {
		err = e
	}
	events, e := w.Watcher.Flush(context.WithoutCancel(ctx))
	err = errors.Join(err, e)
	for _, e := range events {
		err = errors.Join(err, see(e))
	}
	return done, err
}

// consume encodes the frames in the queue, all that are there at once.
func (w *Live) consume(ctx context.Context, queue <-chan liveFrame, see func(Event) error, done *LiveSummary) error {
	var warned time.Time
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
			done.Dropped += f.dropped
			if f.pix != nil {
				done.Frames++
			}
			if f.dropped > 0 && time.Since(warned) > 10*time.Second {
				warned = time.Now()
				w.Log.Warn("frames come faster than they can be encoded; some are dropped", "dropped", done.Dropped, "encoded", done.Frames)
			}
		}
		events, err := w.encode(context.WithoutCancel(ctx), batch)
		for _, e := range events {
			err = errors.Join(err, see(e))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encode encodes frames and passes the features to the watcher.
func (w *Live) encode(ctx context.Context, batch []liveFrame) (events []Event, err error) {
	var pix []byte
	for _, f := range batch {
		pix = append(pix, f.pix...)
	}
	var rows []float32
	if len(pix) > 0 {
		if rows, err = w.Model.EncodeImages(ctx, pix); err != nil {
			return nil, err
		}
	}
	e := w.Model.Config().Embed
	for _, f := range batch {
		var seen []Event
		if f.pix == nil {
			seen, err = w.Watcher.Flush(ctx)
		} else {
			seen, err = w.Watcher.Add(ctx, rows[:e], f.time)
			rows = rows[e:]
		}
		events = append(events, seen...)
		if err != nil {
			return events, err
		}
	}
	return events, nil
}

// receive puts the frames of the source into the queue until the source ends, and
// reconnects when it breaks off.
func (w *Live) receive(ctx context.Context, queue chan<- liveFrame) error {
	kind := w.Video.Kind()
	again := kind == "url" || kind == "device"
	began, last := time.Now(), math.Inf(-1) // the time of the last frame
	failures, lost := 0, 0
	for first := true; ; first = false {
		n, shift := 0, 0.0
		var err error
		for f, e := range w.Video.Frames(ctx) {
			if err = e; err != nil {
				break
			}
			if n == 0 && again { // it may have been ahead of the clock when it broke off
				shift = max(time.Since(began).Seconds(), last+1/w.Video.FPS) - f.Time
			}
			n++
			last = f.Time + shift
			if w.send(ctx, queue, liveFrame{pix: slices.Clone(f.Pix), time: last, dropped: lost}, w.Wait && !again) {
				lost = 0
			} else {
				lost++
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && (!again || strings.HasPrefix(w.Video.Source, "http")):
			return w.rest(ctx, queue, lost) // the source ended regularly
		case !again && n == 0 && (errors.Is(err, video.ErrFormat) || errors.Is(err, video.ErrNoFrames)):
			return fmt.Errorf("%w; a live source must be readable while it grows, such as MPEG-TS, Matroska or fragmented MP4", err)
		case !again || first && n == 0:
			return errors.Join(err, w.rest(ctx, queue, lost))
		}
		if err == nil {
			err = errors.New("the stream ended")
		}
		if failures++; n > 0 {
			failures = 1
		}
		if failures > w.Retries {
			return fmt.Errorf("%w; gave up after %d attempts to reconnect", err, w.Retries)
		}
		pause := backoff(failures)
		w.Log.Warn("the source broke off; reconnecting", "reason", fmt.Sprint(err), "in", pause)
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

// send puts a frame into the queue and reports whether it did. If the queue is full, it waits
// until ctx is done, or without wait drops the frame.
func (w *Live) send(ctx context.Context, queue chan<- liveFrame, f liveFrame, wait bool) bool {
	select {
	case queue <- f:
		return true
	default:
	}
	if wait {
		select {
		case queue <- f:
			return true
		case <-ctx.Done():
		}
	}
	return false
}

// rest reports the frames that were dropped last.
func (w *Live) rest(ctx context.Context, queue chan<- liveFrame, lost int) error {
	if lost > 0 {
		select {
		case queue <- liveFrame{dropped: lost}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// backoff returns how long to wait before the nth attempt, from 1, to reconnect to a
// source: 1 s, doubled each time, at most 30 s.
func backoff(n int) time.Duration {
	return min(time.Second<<min(max(n-1, 0), 5), 30*time.Second)
}
