package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/progress"
	"github.com/clipcue/clipcue/video"
)

// extraction is a run under way. A few goroutines decode, a video each, and send
// frames through one bounded queue to the goroutine that called run, which fills
// batches with them, whichever video they come from, encodes, and keeps the
// accounts. Memory is bounded by the queue, one batch, and the features of the
// videos that are being worked on.
type extraction struct {
	enc     Encoder
	config  clip.Config
	sources []video.Source
	o       Options
	made    Provenance            // what all sequences of this run have in common
	store   *Store                // nil for Each
	stored  map[string]Provenance // of the sequences that may be up to date
	keep    func(*Sequence) error // takes what is finished

	queue chan event
	free  chan []byte // the buffers of frames: their number bounds the queue

	// What follows belongs to the goroutine that called run.
	report  Report
	bar     *progress.Bar
	began   time.Time
	encoded int // frames
	batch   []byte
	rows    []*job // the video of each frame in batch
	ended   []*job // decoded to the end, with frames in batch
}

// job is a video on its way.
type job struct {
	video.Source
	at      int // among the sources
	seq     *Sequence
	waiting int // frames in the batch
}

// event is a decoder's word: a frame of a video or, without pix, its end.
type event struct {
	job  *job
	pix  []byte
	time float64
	err  error
}

// ahead is how many batches may be decoded ahead: enough to bridge the start of
// the next decoder.
const ahead = 4

func (x *extraction) run(ctx context.Context) (Report, error) {
	x.began = time.Now()
	x.bar = x.o.Progress.Start("extract", int64(len(x.sources)), "videos")
	defer x.bar.Done()

	x.queue = make(chan event, ahead*x.o.Batch)
	x.free = make(chan []byte, ahead*x.o.Batch)
	for range cap(x.free) {
		x.free <- nil // grows where it is needed
	}
	inner, stop := context.WithCancel(ctx)
	jobs := make(chan *job)
	var decoders sync.WaitGroup
	for range min(x.o.Decoders, len(x.sources)) {
		decoders.Go(func() {
			for j := range jobs {
				x.queue <- event{job: j, err: x.decode(inner, j)}
			}
		})
	}
	go func() {
		defer close(x.queue)
		defer decoders.Wait()
		defer close(jobs)
		for i, s := range x.sources {
			select {
			case jobs <- &job{Source: s, at: i}:
			case <-inner.Done():
				return
			}
		}
	}()

	err := x.work(ctx)
	stop()
	for range x.queue { // until no decoder is left
	}
	x.report.Seconds = time.Since(x.began).Seconds()
	failed := x.report.Failed
	slices.SortFunc(failed, func(a, b Failure) int { return a.at - b.at })
	if err == nil && len(failed) == len(x.sources) {
		err = fmt.Errorf("all videos failed (%d); the first: %s: %s", len(failed), failed[0].ID, failed[0].Reason)
	}
	return x.report, x.orInterrupted(ctx, err)
}

// orInterrupted is err, in words that help where ctx is the reason.
func (x *extraction) orInterrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("interrupted with %d of %d videos still to do; run the same command again to go on: %w",
		x.report.Remaining, x.report.Videos, ctx.Err())
}

// decode sends the frames of one video to the queue. An error that lies with the
// video is a [video.Error]; errPresent means that there is nothing to do.
func (x *extraction) decode(ctx context.Context, j *job) error {
	p, err := x.inspect(ctx, j.Source)
	if err != nil {
		return err
	}
	j.seq = &Sequence{ID: j.ID, Width: x.config.Embed, Provenance: p}
	frames := video.Options{Sampling: x.o.Sampling, Size: x.config.ImageSize}
	for f, err := range video.Frames(ctx, j.Path, frames) {
		if err != nil {
			return err
		}
		select {
		case buf := <-x.free:
			x.queue <- event{job: j, pix: append(buf[:0], f.Pix...), time: f.Time}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return unchanged(j.Path, p)
}

// work takes the queue to its end.
func (x *extraction) work(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, more := <-x.queue:
			if !more {
				return x.encode()
			}
			if err := x.take(e); err != nil {
				return err
			}
		}
	}
}

func (x *extraction) take(e event) error {
	j := e.job
	switch {
	case e.pix != nil:
		x.batch = append(x.batch, e.pix...)
		x.rows = append(x.rows, j)
		j.waiting++
		j.seq.Timestamps = append(j.seq.Timestamps, e.time)
		x.free <- e.pix
		if len(x.rows) == x.o.Batch {
			return x.encode()
		}
		return nil
	case e.err == errPresent:
		x.report.Skipped++
		x.count()
		return nil
	case e.err != nil:
		return x.fail(j, e.err)
	case j.waiting > 0:
		x.ended = append(x.ended, j)
		return nil
	}
	return x.finish(j)
}

// encode passes the batch through the encoder and finishes the videos whose last
// frames were in it.
func (x *extraction) encode() error {
	if len(x.rows) == 0 {
		return nil
	}
	began := time.Now()
	y, err := x.enc.EncodeImages(x.batch)
	x.report.Encoding += time.Since(began).Seconds()
	e := x.config.Embed
	if err == nil && len(y) != len(x.rows)*e {
		err = fmt.Errorf("the encoder gave %d values for %d frames of width %d", len(y), len(x.rows), e)
	}
	if err != nil {
		return err
	}
	for i, j := range x.rows {
		j.seq.Features = append(j.seq.Features, y[i*e:(i+1)*e]...)
		j.waiting = 0
	}
	x.encoded += len(x.rows)
	ended := x.ended
	x.batch, x.rows, x.ended = x.batch[:0], x.rows[:0], nil
	for _, j := range ended {
		if err := x.finish(j); err != nil {
			return err
		}
	}
	x.show()
	return nil
}

// finish keeps a sequence that has all its features.
func (x *extraction) finish(j *job) error {
	if err := j.seq.check(); err != nil {
		return x.fail(j, &video.Error{Path: j.Path, Kind: err})
	}
	if err := x.keep(j.seq); err != nil {
		return x.fail(j, err)
	}
	x.report.Done++
	x.report.Frames += j.seq.Len()
	x.count()
	return nil
}

// fail enters a failure of a video into the accounts. It returns an error that
// does not lie with the video, and one where the run is to stop.
func (x *extraction) fail(j *job, err error) error {
	fault, ok := errors.AsType[*video.Error](err)
	if !ok {
		return err
	}
	x.report.Failed = append(x.report.Failed, Failure{Path: j.Path, ID: j.ID, Reason: reason(fault), at: j.at})
	x.count()
	switch n := len(x.report.Failed); {
	case x.o.Strict:
		return fmt.Errorf("%w; stopped at the first failure, as --strict asks", err)
	case x.o.MaxFailures > 0 && n > x.o.MaxFailures:
		return fmt.Errorf("%w; stopped at failure %d, as --max-failures %d asks", err, n, x.o.MaxFailures)
	}
	return nil
}

// count moves the accounts on by one video.
func (x *extraction) count() {
	x.report.Remaining--
	x.show()
}

// show moves the bar. It begins with the first work that takes time, so that
// videos which were present do not make the rest seem quick.
func (x *extraction) show() {
	if x.encoded == 0 && len(x.report.Failed) == 0 && x.report.Remaining > 0 {
		return
	}
	x.bar.Set(int64(x.report.Videos - x.report.Remaining))
	x.bar.Message(fmt.Sprintf("%d frames at %.4g/s, %d failed", x.encoded,
		float64(x.encoded)/time.Since(x.began).Seconds(), len(x.report.Failed)))
}
