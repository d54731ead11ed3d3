package feature

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// Encoder turns pictures into features. A [clip.Model] is one.
type Encoder interface {
	// EncodeImages turns n pictures of ImageSize×ImageSize RGB bytes, one after
	// the other, into features [n,E].
	EncodeImages(rgb []byte) ([]float32, error)
	// Fingerprint identifies everything that the features depend on.
	Fingerprint() string
	// Config tells ImageSize and Embed, which is E.
	Config() clip.Config
}

// Options say how videos become sequences. The zero Options take every frame.
type Options struct {
	Sampling video.Sampling
	Stream   int // the video stream, from 1; 0 means the default one
	Batch    int // frames a pass through the encoder; 0 means 32
	Decoders int // videos decoded at a time; 0 means 2

	// AllowPartial takes what can be decoded of a damaged video for the whole. The
	// provenance tells so, the video is among Report.Partial, and a run without
	// AllowPartial does it again.
	AllowPartial bool
	// Timeout ends a decoder that gives nothing for so long, which is a failure of
	// the video; 0 means video.DefaultTimeout.
	Timeout time.Duration

	// Force lets Extract replace stored sequences of another backbone,
	// preprocessing or sampling, if all of them are among the sources: a store is
	// of one making. It also lets it replace those of another video of the same
	// ID. What is up to date is kept, so that a forced run, too, can be broken off
	// and started again.
	Force bool

	Strict      bool // stop at the first failure
	MaxFailures int  // stop at the first failure above this number; 0 means no limit

	// OnFrame, if set, is shown each frame that is to be encoded, at the size of the
	// backbone's pictures and with the sequence that it will belong to, of which the
	// ID and the Provenance are known. The frames of one video come in order, those
	// of several videos at the same time. The picture is valid until OnFrame returns.
	// An error ends the run.
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
	case o.MaxFailures < 0:
		return o, fmt.Errorf("maximum number of failures must not be negative, got %d", o.MaxFailures)
	}
	return o, o.video().Validate()
}

// video are the options of the decoder, but for the size of frames.
func (o Options) video() video.Options {
	return video.Options{Sampling: o.Sampling, Stream: o.Stream, AllowPartial: o.AllowPartial, Timeout: o.Timeout}
}

// Preprocessing describes for provenance what is done to a frame before it is
// encoded, PIL's bicubic resize of its shorter side to ImageSize and the square
// in the middle, and whether the encoder rounds.
func Preprocessing(c clip.Config) string {
	s := fmt.Sprintf("bicubic %d center-crop", c.ImageSize)
	if c.Precision != "" {
		s += ", " + c.Precision
	}
	return s
}

// Extract brings a store up to date with videos: it decodes and encodes those
// that the store does not hold as they are now, and stores each as soon as all
// its frames are encoded.
//
// A stored sequence is up to date if backbone, preprocessing and sampling are
// this run's, and the video has the size that was recorded and either the
// modification time or the SHA-256, the stream is the same, and it is of the whole
// video or Options.AllowPartial. A store that holds any sequence of another
// backbone, preprocessing or sampling is refused with a [MismatchError] before
// anything is decoded; see Options.Force.
//
// A video that cannot be decoded to its end (but see Options.AllowPartial), or that
// has features which are not finite, is not stored, and what the store held of it
// before it changed is removed. It is among Report.Failed, and in the file
// [failuresFile] in the store's folder, and the run goes on. There is
// an error if all videos failed, if Options end the run, if ffmpeg is missing, if
// the encoder or the store fails, and if ctx is done; that one wraps ctx.Err(). The
// Report holds in each case, and what is stored is whole.
//
// Several runs may work on one store at the same time, if backbone, preprocessing
// and sampling are the same; others are refused. ExtractFunc skips what another has stored
// before it comes to the video. What a killed run leaves, a hidden file that ends
// in .tmp, is removed by the next one that is alone.
func Extract(ctx context.Context, enc Encoder, sources []video.Source, store *Store, o Options) (Report, error) {
	x, err := newExtraction(enc, sources, o)
	if err != nil {
		return x.report, err
	}
	x.what, x.store, x.spill = "extract", store, store.dir
	leave, err := store.enter(x.made)
	if err != nil {
		return x.report, err
	}
	defer leave()
	if x.stored, err = store.reusable(ctx, x.made, sources, o.Force); err != nil {
		return x.report, x.orInterrupted(ctx, err)
	}
	x.keep = func(q *Sequence) error {
		err := store.Put(q)
		if errors.Is(err, syscall.ENAMETOOLONG) { // the one way in which a video makes Put fail
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

// ExtractFunc is Extract without a store: it hands the sequence of each video to use,
// one at a time and in no certain order, while others are decoded and encoded. The
// Features are valid until use returns: those of a long video are a file without a
// name in the folder for temporary files, if one can be made there. An error of use
// ends the run and is returned, except a [video.Error], which is a failure of that
// video.
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
	x.made = Provenance{
		Stream:        o.Stream,
		Backbone:      enc.Fingerprint(),
		Preprocessing: Preprocessing(x.config),
		Sampling:      o.Sampling.String(),
	}
	return x, nil
}
