package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// extraction is a run in progress. Some goroutines decode, one video each, and send frames
// through one bounded queue to the goroutine that called run. It fills batches with frames
// of any of the videos, encodes them and updates the report. One more goroutine saves
// finished sequences. The memory is limited by the queue, one batch and, for each video in
// progress, its timestamps and 4 MiB of features.
type extraction struct {
	enc     Encoder
	config  clip.Config
	sources []video.Source
	o       Options
	made    Provenance            // what all sequences of this run share
	what    string                // name for progress reports
	store   *Store                // nil for ExtractFunc
	spill   string                // folder for features that exceed the memory limit; "" means none
	stored  map[string]Provenance // provenance of sequences that may be up to date
	keep    func(*Sequence) error // saves a finished sequence

	queue chan event
	free  chan []byte // frame buffers; their number limits the queue
	saves chan *job   // finished
	saved chan saved

	reading, decoding, saving atomic.Int64 // nanoseconds, of all goroutines

	// The fields below are used only by the goroutine that called run.
	report   Report
	finished map[string]bool // text.Key of the IDs of all videos that do not remain
	bar      *progress.Stage
	began    time.Time
	encoding time.Duration
	encoded  int // frames
	batch    []byte
	rows     []row            // of batch
	ended    []*job           // completely decoded, with frames in batch
	unsaved  int              // jobs that were sent to the saver
	under    map[*job]float64 // share of each started video that is decoded, if known
}

// row is a frame in the batch.
type row struct {
	job   *job
	times int // number of consecutive frames of the video that get its feature
}

// job is a video in progress.
type job struct {
	video.Source
	at       int // index in the sources
	seq      *Sequence
	rows     rows         // of seq
	waiting  int          // frames in the batch
	last     int          // index of the last of them in the rows of the batch
	repeated int          // frames that were equal to the last encoded one
	reused   int          // frames that were nearly equal to it
	partial  *video.Error // why only a part was decoded; nil if all was
	outliers int          // wrong timestamps
}

func (j *job) failure(err *video.Error) Failure {
	f := NewFailure(j.ID, err)
	f.Path, f.at = j.Path, j.at
	return f
}

// saved is the result of saving a job.
type saved struct {
	job *job
	err error
}

// event is a message of a decoder: a frame of a video, or its end.
type event struct {
	job  *job
	pix  []byte // nil: the feature is that of the last encoded frame
	like likeness
	time float64
	end  bool
	err  error // at the end
}

const (
	// ahead is the number of batches that may be decoded in advance: enough to keep the
	// encoder busy while the next decoder starts.
	ahead = 4
	// behind is the number of finished videos that may wait to be saved: enough to keep
	// the encoder busy while one is flushed to a slow disk.
	behind = 4
)

// errOutliers means that timestamps contradict those of their neighbors.
var errOutliers = errors.New("wrong timestamps")

// errUnsaved means that a job was not saved because one before it could not be.
var errUnsaved = errors.New("not saved")

func (x *extraction) run(ctx context.Context) (Report, error) {
	x.began = time.Now()
	x.bar = x.o.Progress.Start(x.what, int64(len(x.sources)), "videos")
	defer x.bar.Finish()

	x.queue = make(chan event, ahead*x.o.Batch)
	x.free = make(chan []byte, ahead*x.o.Batch)
	for range cap(x.free) {
		x.free <- nil // allocated on first use
	}
	x.saves, x.saved = make(chan *job, behind), make(chan saved, behind)
	go x.save()
	inner, stop := context.WithCancel(ctx)
	jobs := make(chan *job)
	var decoders sync.WaitGroup
	for range min(x.o.Decoders, len(x.sources)) {
		decoders.Go(func() {
			defer crash.Recover()
			for j := range jobs {
				x.queue <- event{job: j, end: true, err: x.decode(inner, j)}
			}
		})
	}
	go func() {
		defer close(x.queue)
		defer decoders.Wait()
		defer close(jobs)
		defer crash.Recover()
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
	for range x.queue { // until all decoders have ended
	}
	close(x.saves)
	for k := range x.saved { // finished videos count, whatever ended the run
		if e := x.settle(k); err == nil {
			err = e
		}
	}
	x.summarize()
	failed := x.report.Failed
	for _, list := range [][]Failure{failed, x.report.Partial, x.report.Corrected} {
		slices.SortFunc(list, func(a, b Failure) int { return a.at - b.at })
	}
	if err == nil && len(failed) == len(x.sources) {
		err = allFailed(failed)
	}
	return x.report, x.orInterrupted(ctx, err)
}

// orInterrupted returns err, or an [*InterruptedError] if ctx is done.
func (x *extraction) orInterrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return &InterruptedError{x.report.Remaining, x.report.Videos, ctx.Err()}
}

// decode sends the frames of one video to the queue. A failure of the video is a
// [*video.Error]; errPresent means that the stored features are up to date.
func (x *extraction) decode(ctx context.Context, j *job) error {
	mark := time.Now()
	p, headers, err := x.inspect(ctx, j.Source)
	spend(&x.reading, &mark)
	j.seq = &Sequence{ID: j.ID, Width: x.config.Embed, Provenance: p}
	if err != nil {
		return err
	}
	j.rows.dir = x.spill
	frames := x.o.video()
	frames.Size, frames.Fit, frames.Info = x.config.ImageSize, x.config.Fit, headers
	frames.OnDamaged = func(e *video.Error) { j.partial, j.seq.Provenance.Partial = e, reason(e) }
	var encoded []byte // the last frame that is encoded
	for f, err := range video.Frames(ctx, j.Path, frames) {
		spend(&x.decoding, &mark)
		if err != nil {
			return err
		}
		if encoded == nil { // wrong timestamps may have made the headers wrong
			j.seq.Provenance.StartTime, j.seq.Provenance.Duration = headers.StartTime, headers.Duration
		}
		if x.o.OnFrame != nil {
			if err := x.o.OnFrame(j.seq, f); err != nil {
				return err
			}
		}
		e := event{job: j, time: f.Time, like: x.o.like(f.Pix, encoded, x.config.ImageSize)}
		if e.like == differs {
			encoded = append(encoded[:0], f.Pix...)
			select {
			case buf := <-x.free:
				e.pix = append(buf[:0], f.Pix...)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		x.queue <- e
		mark = time.Now() // waiting does not count
	}
	spend(&x.decoding, &mark)
	j.outliers = headers.Outliers
	j.seq.Provenance.Treatment = headers.Treatment() // decoded frames may show more than the headers
	return unchanged(j.Path, p)
}

// spend adds the time since mark to total, and sets mark to now.
func spend(total *atomic.Int64, mark *time.Time) {
	now := time.Now()
	total.Add(int64(now.Sub(*mark)))
	*mark = now
}

// save saves finished jobs, so that the encoder waits neither for the disk nor for the
// caller's function. After an error other than a failure of the video it saves no more.
func (x *extraction) save() {
	defer close(x.saved)
	defer crash.Recover()
	broken := false
	for j := range x.saves {
		if broken {
			x.saved <- saved{j, errUnsaved}
			continue
		}
		mark := time.Now()
		err := x.keepAll(j)
		if err != nil {
			_, fault := errors.AsType[*video.Error](err)
			broken = !fault
		}
		spend(&x.saving, &mark)
		x.saved <- saved{j, err}
	}
}

func (x *extraction) keepAll(j *job) error {
	features, free, err := j.rows.all()
	if err != nil {
		return err
	}
	defer func() {
		j.seq.Features = nil // the memory may be unmapped
		free()
	}()
	j.seq.Features = features
	if err := j.seq.check(); err != nil {
		return &video.Error{Path: j.Path, Kind: err}
	}
	return x.keep(j.seq)
}

// work processes the queue until it is closed.
func (x *extraction) work(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, more := <-x.queue:
			if !more {
				return x.encode(ctx)
			}
			if err := x.take(ctx, e); err != nil {
				return err
			}
		case k := <-x.saved:
			if err := x.settle(k); err != nil {
				return err
			}
		}
	}
}

func (x *extraction) take(ctx context.Context, e event) error {
	j := e.job
	if p := j.seq; !e.end && p.Provenance.Duration > 0 {
		x.under[j] = min(1, max(0, (e.time-p.Provenance.StartTime)/p.Provenance.Duration))
	}
	switch {
	case !e.end && e.pix == nil:
		j.seq.Timestamps = append(j.seq.Timestamps, e.time)
		if e.like == equal {
			j.repeated++
		} else {
			j.reused++
		}
		if j.waiting > 0 {
			x.rows[j.last].times++
		} else {
			return j.rows.add(j.rows.last, 1)
		}
		return nil
	case !e.end:
		x.batch = append(x.batch, e.pix...)
		j.last = len(x.rows)
		x.rows = append(x.rows, row{j, 1})
		j.waiting++
		j.seq.Timestamps = append(j.seq.Timestamps, e.time)
		x.free <- e.pix
		if len(x.rows) == x.o.Batch {
			return x.encode(ctx)
		}
		return nil
	case e.err == errPresent:
		x.report.Skipped++
		x.count(j)
		return nil
	case e.err != nil:
		return x.fail(j, e.err)
	case j.waiting > 0:
		x.ended = append(x.ended, j)
		return nil
	}
	return x.finish(j)
}

// encode encodes the batch and finishes the videos whose last frames were in it.
func (x *extraction) encode(ctx context.Context) error {
	if len(x.rows) == 0 {
		return nil
	}
	began := time.Now()
	y, err := x.enc.EncodeImages(ctx, x.batch)
	x.encoding += time.Since(began)
	e := x.config.Embed
	if err == nil && len(y) != len(x.rows)*e {
		err = fmt.Errorf("the encoder returned %d values for %d frames of width %d", len(y), len(x.rows), e)
	}
	if err != nil {
		return err
	}
	for i, r := range x.rows {
		if err := r.job.rows.add(y[i*e:(i+1)*e], r.times); err != nil {
			return err
		}
		r.job.waiting = 0
	}
	x.encoded += len(x.rows)
	ended := x.ended
	clear(x.rows) // so that the videos can be freed
	x.batch, x.rows, x.ended = x.batch[:0], x.rows[:0], nil
	for _, j := range ended {
		if err := x.finish(j); err != nil {
			return err
		}
	}
	x.show()
	return nil
}

// finish sends a job that has all its features to the saver.
func (x *extraction) finish(j *job) error {
	if x.unsaved == behind { // otherwise both sides could wait for each other
		if err := x.settle(<-x.saved); err != nil {
			return err
		}
	}
	x.unsaved++
	x.saves <- j
	return nil
}

// settle adds the result of saving a video to the report.
func (x *extraction) settle(k saved) error {
	x.unsaved--
	switch {
	case k.err == errUnsaved:
		return nil
	case k.err != nil:
		return x.fail(k.job, k.err)
	}
	x.report.Done++
	if j := k.job; j.partial != nil {
		x.report.Partial = append(x.report.Partial, j.failure(j.partial))
	}
	if j := k.job; j.outliers > 0 {
		why := &video.Error{Path: j.Path, Kind: errOutliers, Reason: fmt.Sprintf("%d, corrected", j.outliers)}
		x.report.Corrected = append(x.report.Corrected, j.failure(why))
	}
	x.report.Frames += k.job.seq.Len()
	x.report.Repeated += k.job.repeated
	x.report.Reused += k.job.reused
	x.count(k.job)
	return nil
}

// fail adds a failure of a video to the report. It returns an error that ends the run: err
// if it is not a failure of the video, or [ErrStopped] if Options say so.
func (x *extraction) fail(j *job, err error) error {
	fault, ok := errors.AsType[*video.Error](err)
	if !ok {
		return err
	}
	j.rows.close()
	if x.store != nil && !errors.Is(err, ErrIDTaken) {
		x.forget(j)
	}
	x.report.Failed = append(x.report.Failed, j.failure(fault))
	x.count(j)
	switch n := len(x.report.Failed); {
	case x.o.Strict:
		return fmt.Errorf("%w at the first failure: %w", ErrStopped, err)
	case x.o.MaxFailures > 0 && n > x.o.MaxFailures:
		return fmt.Errorf("%w at failure %d, more than %d: %w", ErrStopped, n, x.o.MaxFailures, err)
	}
	return nil
}

// count counts a video as finished.
func (x *extraction) count(j *job) {
	x.finished[text.Key(j.ID)] = true
	delete(x.under, j)
	x.report.Remaining--
	x.show()
}

// show updates the progress. It starts with the first work that takes time, so that videos
// that are up to date do not make the estimate of the remaining time too short.
func (x *extraction) show() {
	if x.encoded == 0 && len(x.report.Failed) == 0 && x.report.Remaining > 0 {
		return
	}
	sum := 0.
	for _, part := range x.under {
		sum += part
	}
	x.bar.Underway(sum)
	x.bar.Set(int64(x.report.Videos - x.report.Remaining))
	stage, _ := x.slowest(time.Since(x.began))
	x.bar.Note(fmt.Sprintf("%d frames at %.4g/s, %d failed, slowest: %s", x.encoded,
		float64(x.encoded)/time.Since(x.began).Seconds(), len(x.report.Failed), stage))
}

// slowest returns the stage that was busy for the largest share of the time, and that
// share. The other stages wait for it.
func (x *extraction) slowest(elapsed time.Duration) (stage string, share float64) {
	decoders := float64(min(x.o.Decoders, len(x.sources)))
	for _, s := range []struct {
		name string
		busy float64
	}{
		{"reading", float64(x.reading.Load()) / decoders},
		{"decoding", float64(x.decoding.Load()) / decoders},
		{"encoding", float64(x.encoding)},
		{"saving", float64(x.saving.Load())},
	} {
		if s.busy > share {
			stage, share = s.name, s.busy
		}
	}
	return stage, share / max(1, float64(elapsed))
}

// summarize completes the report.
func (x *extraction) summarize() {
	elapsed := time.Since(x.began)
	r := &x.report
	r.Seconds = elapsed.Seconds()
	r.FramesPerSecond = float64(r.Frames) / r.Seconds
	r.ReadingSeconds = time.Duration(x.reading.Load()).Seconds()
	r.DecodingSeconds = time.Duration(x.decoding.Load()).Seconds()
	r.EncodingSeconds = x.encoding.Seconds()
	r.SavingSeconds = time.Duration(x.saving.Load()).Seconds()
	r.EncoderBusy = r.EncodingSeconds / r.Seconds
	r.Slowest, _ = x.slowest(elapsed)
}
