package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gocloud.dev/gcerrors"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// WorkerOptions configure a worker.
type WorkerOptions struct {
	Encoder feature.Encoder
	Name    string        // of the machine
	Version string        // of clipcue
	CPU     string        // instruction set
	Decoder string        // version of ffmpeg
	Batch   int           // frames per call of the encoder; 0 means 32
	Videos  int           // processed at the same time; 0 means 2
	Temp    string        // folder for temporary files; "" means the system's
	Idle    time.Duration // the worker ends after this time without work; 0 means never
	Buckets *Buckets
	Log     *slog.Logger

	pause time.Duration // after the first failure of the machine; 0 means 1 s
}

// WorkReport is the summary of a worker.
type WorkReport struct {
	Videos  int     `json:"videos"` // and spans of long ones
	Failed  int     `json:"failed"`
	Frames  int64   `json:"frames"`
	Seconds float64 `json:"seconds"`
}

// crewman is a worker in progress.
type crewman struct {
	o       WorkerOptions
	client  *Client
	welcome welcome
	options feature.Options
	id      string
	queue   *queue
	results results
	encoder *sharedEncoder
	temp    string
	shelf   shelf

	mu      sync.Mutex
	done    int
	failed  int
	current []string
	active  time.Time // when the last unit ended
}

// Work processes units until ctx is done, the coordinator rejects or suspends the worker, or
// there was no work for the time Options.Idle. Units in progress return to the queue.
func Work(ctx context.Context, client *Client, o WorkerOptions) (WorkReport, error) {
	began := time.Now()
	w := &crewman{o: o, client: client, id: rand.Text(), active: began}
	w.o.pause = cmp.Or(w.o.pause, time.Second)
	w.encoder = &sharedEncoder{Encoder: o.Encoder, turn: make(chan struct{}, 1)}
	if w.o.Videos == 0 {
		w.o.Videos = 2
	}
	err := w.join(ctx)
	if err == nil {
		err = w.run(ctx)
	}
	return WorkReport{w.done, w.failed, w.encoder.frames.Load(), time.Since(began).Seconds()}, err
}

// join gets the recipe from the coordinator and declares the machine.
func (w *crewman) join(ctx context.Context) error {
	if err := w.client.ask(ctx, "hello", Machine{}, &w.welcome); err != nil {
		return err
	}
	r := w.welcome.Recipe
	o, err := r.options()
	if err != nil {
		return err
	}
	w.options = o
	w.options.Batch, w.options.Decoders = w.o.Batch, 1
	if err := w.hello(ctx); err != nil {
		return err
	}
	if w.queue, err = w.client.queue(1, w.welcome.Wait); err != nil {
		return err
	}
	return retry(ctx, permanent, func() error { // a cluster may be electing a leader
		w.results, err = w.queue.open(ctx, w.o.Buckets, w.client.name, w.welcome.Results)
		return err
	})
}

// hello declares the machine.
func (w *crewman) hello(ctx context.Context) error {
	recipe, err := NewRecipe(w.o.Encoder, w.options, w.o.Version, w.o.Decoder, w.o.CPU)
	if err != nil {
		return err
	}
	return w.client.ask(ctx, "hello", Machine{w.id, w.o.Name, recipe, time.Now()}, nil)
}

// run processes units in several goroutines. The first error ends all.
func (w *crewman) run(ctx context.Context) (err error) {
	var remove func()
	if w.temp, remove, err = newTemp(w.o.Temp); err != nil {
		return err
	}
	defer remove()
	w.shelf = shelf{buckets: w.o.Buckets, dir: w.temp}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	all.Go(func() {
		defer crash.Recover()
		if err := w.beat(inner); err != nil {
			stop(err)
		}
	})
	for range w.o.Videos {
		all.Go(func() {
			defer crash.Recover()
			if err := w.pull(inner); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(inner); !errors.Is(err, errIdle) && ctx.Err() == nil {
		return err
	}
	return nil
}

// errIdle ends a worker without work.
var errIdle = errors.New("no work")

// beat reports to the coordinator regularly, until the machine is suspended or rejected. The
// last report says that the worker ends.
func (w *crewman) beat(ctx context.Context) error {
	for ctx.Err() == nil {
		var known bool
		err := w.client.ask(ctx, "beat", w.report(false), &known)
		if err == nil && !known {
			err = w.hello(ctx) // the coordinator was restarted
		}
		if final(err) {
			return err
		}
		sleep(ctx, beatTime)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = w.client.ask(end, "beat", w.report(true), nil)
	return nil
}

func (w *crewman) report(ends bool) report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return report{w.id, w.encoder.frames.Load(), w.done, w.failed, slices.Clone(w.current), ends}
}

// pull processes units until ctx is done.
func (w *crewman) pull(ctx context.Context) error {
	for ctx.Err() == nil {
		d, err := w.queue.next(ctx, pullTime)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			w.o.Log.Warn("cannot get work; trying again", "reason", err)
			sleep(ctx, jitter(2*time.Second))
		case d != nil:
			err := w.handle(ctx, d)
			switch {
			case ctx.Err() != nil:
				return nil
			case final(err):
				return err
			case err != nil:
				w.o.Log.Warn("a video returns to the queue", "video", d.Unit.ID, "reason", err)
				sleep(ctx, jitter(2*time.Second))
			}
		case w.idle():
			return errIdle
		}
	}
	return nil
}

// final reports whether an error ends a worker.
func final(err error) bool { return errors.Is(err, ErrSuspended) || errors.Is(err, ErrRejected) }

// pullTime is how long a request for work waits at the broker.
const pullTime = 2 * time.Second

func (w *crewman) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.o.Idle > 0 && len(w.current) == 0 && time.Since(w.active) > w.o.Idle
}

// maxPasses is the number of deliveries after which a machine no longer leaves a unit that
// failed on it to others.
const maxPasses = 20

// handle processes a unit. The message is acknowledged only when the coordinator has
// decided about the outcome.
func (w *crewman) handle(ctx context.Context, d *delivery) error {
	if slices.Contains(d.Avoid, w.o.Name) && d.times < maxPasses {
		_ = d.message.NakWithDelay(time.Second)
		return nil
	}
	stop := d.keep(w.welcome.Wait)
	defer stop()
	var needed bool
	if err := w.ask(ctx, "start", begin{d.Key, w.id}, &needed); err != nil {
		w.giveBack(ctx, d)
		return err
	}
	if !needed {
		w.ack(d)
		return nil
	}
	w.begin(d.Unit.label())
	v, err := w.process(ctx, d)
	w.end(d.Unit.label())
	if err != nil {
		w.giveBack(ctx, d)
		return err
	}
	w.ack(d)
	sleep(ctx, v.Pause)
	return nil
}

// returnTime is the limit for returning a unit.
const returnTime = 5 * time.Second

// giveBack returns a unit that the worker did not finish. If the worker is interrupted, the
// delivery does not count.
func (w *crewman) giveBack(ctx context.Context, d *delivery) {
	if ctx.Err() != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), returnTime)
		defer cancel()
		_ = w.client.ask(end, "return", begin{d.Key, w.id}, nil)
	}
	_ = d.message.Nak()
}

func (w *crewman) ack(d *delivery) {
	if err := d.message.Ack(); err != nil {
		w.o.Log.Warn("cannot acknowledge a unit; it is delivered again and skipped", "video", d.Unit.ID, "reason", err)
	}
}

func (w *crewman) begin(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = append(w.current, id)
}

func (w *crewman) end(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = slices.DeleteFunc(w.current, func(s string) bool { return s == id })
	w.active = time.Now()
}

// ask asks the coordinator until it answers. A coordinator that was restarted gets to know
// the worker again.
func (w *crewman) ask(ctx context.Context, kind string, request, result any) error {
	for {
		err := w.client.askUntil(ctx, kind, request, result)
		if !errors.Is(err, errUnknownWorker) {
			return err
		}
		if err := w.hello(ctx); final(err) {
			return err
		}
		if !sleep(ctx, jitter(time.Second)) {
			return err
		}
	}
}

// process extracts the features of a unit and reports the outcome.
func (w *crewman) process(ctx context.Context, d *delivery) (v verdict, err error) {
	o := outcome{Key: d.Key, Attempt: rand.Text(), Worker: w.id}
	dir, err := os.MkdirTemp(w.temp, "video-")
	if err != nil {
		return w.fail(ctx, d, o, err)
	}
	defer os.RemoveAll(dir)
	path, release, err := w.shelf.get(ctx, d.Unit)
	if err != nil {
		return w.fail(ctx, d, o, err)
	}
	parts, err := w.parts(ctx, d.Unit, path)
	defer func() { release(d.Unit.Part != nil || len(parts) > 0) }()
	if err != nil {
		return v, err
	}
	if len(parts) > 0 {
		return v, w.ask(ctx, "divide", division{d.Key, w.id, parts}, nil)
	}
	file, err := w.extract(ctx, d.Unit, path, dir, &o)
	if err != nil {
		return w.fail(ctx, d, o, err)
	}
	for {
		if err := w.write(ctx, &o, file); err != nil {
			return w.fail(ctx, d, o, err)
		}
		if err := w.ask(ctx, "finish", o, &v); err != nil {
			return v, err
		}
		if !v.Again {
			w.mu.Lock()
			w.done++
			w.mu.Unlock()
			return v, nil
		}
		if !sleep(ctx, jitter(time.Second)) {
			return v, ctx.Err()
		}
	}
}

// parts returns the spans of a long video, or none if it is not divided. A reused feature
// depends on the frames before it, so no video is divided then.
func (w *crewman) parts(ctx context.Context, u Unit, path string) ([]video.Part, error) {
	span := w.welcome.Span.Seconds()
	if span <= 0 || u.Part != nil || u.Whole || w.options.Still > 0 {
		return nil, nil
	}
	o := video.Options{Sampling: w.options.Sampling, Stream: w.options.Stream, Timeout: w.options.Timeout}
	for ; ; span *= 2 {
		parts, err := video.Divide(ctx, path, o, span)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, nil //nolint:nilerr // extraction reports what is wrong
		}
		if len(parts) <= maxSpans {
			return parts, nil
		}
	}
}

// fail reports that a unit failed.
func (w *crewman) fail(ctx context.Context, d *delivery, o outcome, cause error) (v verdict, err error) {
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	o.Reason, o.Video = explain(cause)
	if o.Indivisible = errors.Is(cause, video.ErrIndivisible); o.Indivisible {
		return v, w.ask(ctx, "finish", o, &v)
	}
	w.mu.Lock()
	w.failed++
	n := w.failed
	w.mu.Unlock()
	w.o.Log.Warn("failed", "video", d.Unit.Source, "reason", o.Reason)
	err = w.ask(ctx, "finish", o, &v)
	if !o.Video { // the machine may need time
		v.Pause = max(v.Pause, jitter(min(time.Duration(n)*w.o.pause, time.Minute)))
	}
	return v, err
}

// explain returns the reason of a failure in one line, and whether the video may be the
// cause. Otherwise it is the machine or the network.
func explain(err error) (reason string, ofVideo bool) {
	var f feature.Failure
	if errors.As(err, &f) {
		return f.Reason, true
	}
	e, ok := errors.AsType[*video.Error](err)
	if ok {
		return text.Quote(feature.NewFailure("", e).Reason), true
	}
	code := gcerrors.Code(err)
	missing := code == gcerrors.NotFound || code == gcerrors.PermissionDenied || errors.Is(err, fs.ErrNotExist)
	return text.Quote(err.Error()), missing || errors.Is(err, ErrChanged)
}

// extract writes the features of a unit, whose video is at a path, to a file and returns the
// path of that. It sets the proof of a span.
func (w *crewman) extract(ctx context.Context, u Unit, path, dir string, o *outcome) (string, error) {
	options := w.options
	var over *overlap
	if u.Part != nil {
		over = newOverlap(*u.Part)
		options.Part = *u.Part
		options.OnFrame = func(_ *feature.Sequence, f video.Frame) error { over.add(f); return nil }
	}
	store, err := feature.Create(filepath.Join(dir, "store"))
	if err != nil {
		return "", err
	}
	report, err := feature.ExtractFunc(ctx, w.encoder, []video.Source{{Path: path, ID: resultName}}, options, func(q *feature.Sequence) error {
		p := &q.Provenance
		if u.SHA256 != "" && p.SHA256 != u.SHA256 {
			return &video.Error{Path: path, Kind: ErrChanged}
		}
		p.Source, p.Modified = u.Source, u.Modified
		if over != nil {
			q.Timestamps, q.Features = q.Timestamps[:over.own], q.Features[:over.own*q.Width]
			o.Proof = over.proof()
		}
		return store.Put(q)
	})
	if len(report.Failed) > 0 {
		return "", report.Failed[0]
	}
	return filepath.Join(store.Dir(), resultName+".safetensors"), err
}

// write writes the file of features to the place of results.
func (w *crewman) write(ctx context.Context, o *outcome, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if o.Size, err = io.Copy(sum, f); err != nil {
		return err
	}
	o.SHA256 = hex.EncodeToString(sum.Sum(nil))
	err = retry(ctx, func(error) bool { return ctx.Err() != nil }, func() error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return w.results.put(ctx, o.name(), f)
	})
	if err != nil {
		return fmt.Errorf("cannot write the result: %w", err)
	}
	return nil
}

// sharedEncoder lets several extractions use an encoder in turn, and counts frames.
type sharedEncoder struct {
	feature.Encoder
	turn   chan struct{}
	frames atomic.Int64
}

// EncodeImages implements [feature.Encoder].
func (e *sharedEncoder) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-e.turn }()
	y, err := e.Encoder.EncodeImages(ctx, rgb)
	c := e.Config()
	e.frames.Add(int64(len(rgb) / (3 * c.ImageSize * c.ImageSize)))
	return y, err
}
