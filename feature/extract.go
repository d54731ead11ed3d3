package feature

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// Encoder encodes images. A [clip.Model] is one.
type Encoder interface {
	// EncodeImages returns the features [n,E] of n images [n,ImageSize,ImageSize,3] of
	// RGB bytes.
	EncodeImages(ctx context.Context, rgb []byte) ([]float32, error)
	// Fingerprint returns an identifier of the weights that the features depend on.
	Fingerprint() string
	// Config returns the sizes, of which ImageSize and Embed (E) are used, and Precision.
	Config() clip.Config
}

// Options configure how videos are turned into sequences. The zero value takes every frame.
type Options struct {
	Sampling video.Sampling
	Stream   int // number of the video stream, from 1; 0 means the default one
	Batch    int // frames per call of the encoder; 0 means 32
	Decoders int // videos decoded at the same time; 0 means 2

	// Part limits the frames to a part of the video, see [video.Divide]. Only ExtractFunc
	// accepts it, with one source: a stored sequence is of a whole video.
	Part video.Part

	// Still, if above 0, reuses the feature of the last encoded frame for frames that are
	// nearly equal to it after resizing: averaged over cells of 4×4 pixels, they differ by at
	// most this on average in every block of 16×16 pixels, in levels of 255. It is a part of
	// the recipe, at the end of Provenance.Preprocessing.
	Still float64

	// AllowPartial accepts the frames before the damage in a damaged video. The video is
	// listed in Report.Partial and its provenance has the reason. A run without
	// AllowPartial extracts it again.
	AllowPartial bool
	// Timeout fails a video if its decoder produces nothing for this long; 0 means
	// video.DefaultTimeout.
	Timeout time.Duration

	// Force makes Extract replace stored sequences of another recipe, if all of them are
	// among the sources, because a store has one recipe. It also makes it replace the
	// sequence of another video with the same ID. Sequences that are up to date are kept,
	// so that a forced run can be interrupted and resumed, too.
	Force bool

	Strict      bool // stop at the first video that fails
	MaxFailures int  // stop when more videos than this have failed; 0 means no limit

	// OnFrame, if set, is called with each frame before it is encoded, at ImageSize, and
	// with the sequence that it will belong to, whose ID and Provenance are set. The frames
	// of one video come in order; calls for several videos run at the same time. The frame
	// is valid until OnFrame returns. An error ends the run.
	OnFrame func(*Sequence, video.Frame) error

	Progress progress.Func // may be nil
}

func (o Options) validate() (Options, error) {
	if o.Batch == 0 {
		o.Batch = 32
	}
	if o.Decoders == 0 {
		o.Decoders = 2
	}
	switch {
	case o.Batch < 0 || o.Batch > 1<<12:
		return o, fmt.Errorf("batch must be 1 to %[2]d frames, got %[1]d", o.Batch, 1<<12)
	case o.Decoders < 0 || o.Decoders > 1<<10:
		return o, fmt.Errorf("number of decoders must be 1 to %[2]d, got %[1]d", o.Decoders, 1<<10)
	case !(o.Still >= 0 && o.Still <= 255):
		return o, fmt.Errorf("difference of still frames must be 0 to 255 levels, got %v", o.Still)
	case o.MaxFailures < 0:
		return o, fmt.Errorf("maximum number of failures must not be negative, got %d", o.MaxFailures)
	}
	return o, o.video().Check()
}

// video returns the options of the decoder, except the size of frames.
func (o Options) video() video.Options {
	return video.Options{Sampling: o.Sampling, Stream: o.Stream, Part: o.Part, AllowPartial: o.AllowPartial, Timeout: o.Timeout}
}

// Preprocessing returns the description of the preprocessing for provenance: the filter,
// the size after resizing, how the image becomes square, and the encoder's precision unless
// it is float32.
func Preprocessing(c clip.Config) string {
	filter, how := "bicubic", "center-crop"
	if c.Fit.Bilinear {
		filter = "bilinear"
	}
	if c.Fit.Squash {
		how = "squash"
	}
	s := fmt.Sprintf("%s %d %s", filter, cmp.Or(c.Fit.Resized, c.ImageSize), how)
	if c.Fit.Resized > c.ImageSize {
		s += fmt.Sprintf(" %d", c.ImageSize)
	}
	if c.Precision != "" {
		s += ", " + c.Precision
	}
	return s
}

// Extract updates a store from videos: it decodes and encodes those whose sequences are
// missing or out of date, and stores each as soon as all its frames are encoded.
//
// A stored sequence is up to date if its backbone, preprocessing, sampling and stream are
// those of this run, the video has the recorded size and either the recorded modification
// time or the recorded SHA-256, and the sequence is of the whole video or
// Options.AllowPartial is set. A store with a sequence of another backbone, preprocessing
// or sampling is refused with a [*MismatchError] before anything is decoded; see
// Options.Force.
//
// A video fails if it cannot be decoded to its end (see Options.AllowPartial) or has
// features that are not finite. It is not stored, and a stored sequence from before it
// changed is deleted. It is listed in Report.Failed and in the file failures.jsonl in the
// folder of the store, and the run continues.
//
// The error is not nil if all videos failed ([ErrAllFailed]), if Options end the run
// ([ErrStopped]), if ffmpeg is missing, if the encoder or the store fails, and if ctx is
// done ([*InterruptedError], which wraps ctx.Err()). The Report is valid in every case, and
// stored sequences are complete.
//
// Several runs may write to one store at the same time if their backbone, preprocessing
// and sampling are the same; others get [ErrBusy]. A run skips videos that another run has
// stored in the meantime. The leftovers of interrupted runs, hidden files that end in .tmp,
// are deleted by the next run that starts while no other is running.
func Extract(ctx context.Context, enc Encoder, sources []video.Source, store *Store, o Options) (Report, error) {
	x, err := newExtraction(enc, sources, o)
	if err != nil {
		return x.report, err
	}
	if o.Part != (video.Part{}) {
		return x.report, errors.New("a store has sequences of whole videos, not of parts")
	}
	x.what, x.store, x.spill = "extract", store, store.dir
	leave, err := store.enter(x.made)
	if err != nil {
		return x.report, err
	}
	defer leave()
	if err := x.findStored(ctx); err != nil {
		return x.report, x.orInterrupted(ctx, err)
	}
	x.keep = func(q *Sequence) error {
		err := store.Put(q)
		if errors.Is(err, syscall.ENAMETOOLONG) { // the only error of Put that depends on the video
			err = &video.Error{Path: q.Provenance.Source, Kind: ErrLongName}
		}
		return err
	}
	report, err := x.run(ctx)
	if e := store.writeFailures(report.Failed, x.finished); err == nil {
		err = e
	}
	return report, err
}

// findStored reads which sequences are stored, and gives the sources the IDs of theirs.
func (x *extraction) findStored(ctx context.Context) error {
	// What is in a folder that cannot be read counts as missing. Storing it fails by name.
	stored, _, err := x.store.list()
	if err != nil {
		return err
	}
	ids := make([]string, len(x.sources))
	for i, s := range x.sources {
		ids[i] = s.ID
	}
	x.sources = slices.Clone(x.sources)
	for i, id := range storedForm(stored, ids) {
		x.sources[i].ID = id
	}
	x.stored, err = x.store.reusable(ctx, x.made, stored, x.sources, x.o.Force)
	return err
}

// ExtractFunc is like [Extract] without a store: it calls use with the sequence of each
// video, one at a time and in no particular order, while others are decoded and encoded.
// The Features are valid until use returns, because those of a long video are mapped from
// an unnamed file in the folder for temporary files. An error of use ends the run and is
// returned, except a [*video.Error], which makes that video fail.
func ExtractFunc(ctx context.Context, enc Encoder, sources []video.Source, o Options, use func(*Sequence) error) (Report, error) {
	x, err := newExtraction(enc, sources, o)
	if err != nil {
		return x.report, err
	}
	x.what, x.keep = "encode", use
	if f, err := unnamed(os.TempDir()); err == nil && f != nil {
		f.Close()
		x.spill = os.TempDir()
	}
	return x.run(ctx)
}

func newExtraction(enc Encoder, sources []video.Source, o Options) (*extraction, error) {
	x := &extraction{enc: enc, sources: sources, config: enc.Config(), finished: map[string]bool{}, under: map[*job]float64{}}
	x.report = Report{Videos: len(sources), Failed: []Failure{}, Partial: []Failure{}, Remaining: len(sources)}
	var err error
	if x.o, err = o.validate(); err != nil {
		return x, err
	}
	if len(sources) == 0 {
		return x, video.ErrNoVideos
	}
	seen := make(map[string]string, len(sources))
	for _, s := range sources {
		if other, twice := seen[s.ID]; twice {
			return x, fmt.Errorf("%w: %q and %q are both named %q", video.ErrDuplicateID, other, s.Path, s.ID)
		}
		seen[s.ID] = s.Path
	}
	x.made = o.recipe(enc)
	return x, nil
}
