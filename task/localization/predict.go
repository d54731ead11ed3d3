package localization

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/vocabulary"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// Localizer finds actions in videos.
type Localizer struct {
	Eval Evaluation

	adapter    *adapter.Adapter
	detector   *proposal.Detector // nil if the model was trained on proposals from a file
	rate       float64            // frames per second of the training features
	vocabulary *vocabulary.Vocabulary
	sampling   func() (video.Sampling, error) // of videos, as in training
}

// settings is the part of a model file that only localizers have.
type settings struct {
	Rate     float64          `json:"rate"`
	Eval     Evaluation       `json:"evaluation"`
	Detector *proposal.Config `json:"detector,omitempty"`
}

// New returns a localizer of a model file and its backbone, with the classes of the file.
func New(f *adapter.File, m *clip.Model) (*Localizer, error) {
	if f.Task != Task {
		return nil, &adapter.WrongTaskError{Have: f.Task, Want: Task}
	}
	var s settings
	if err := json.Unmarshal(f.Settings, &s); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if err := s.Eval.check(); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if !(s.Rate > 0 && s.Rate < 1e6) {
		return nil, fmt.Errorf("settings: invalid frame rate %v", s.Rate)
	}
	a, err := f.Adapter(m)
	if err != nil {
		return nil, err
	}
	l := &Localizer{Eval: s.Eval, adapter: a, sampling: f.VideoSampling, rate: s.Rate, vocabulary: vocabulary.FromFile(f, m, readably(a.EncodeClasses))}
	if s.Detector != nil {
		if l.detector, err = proposal.From(m.Config().Embed, *s.Detector, f.Tensors); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Detector returns the first stage of the model, or nil.
func (l *Localizer) Detector() *proposal.Detector { return l.detector }

// SetLimits sets the width of the detector's soft-NMS, the minimum score and the maximum
// number of proposals.
func (l *Localizer) SetLimits(sigma, minScore float64, maxProposals int) error {
	if l.detector == nil {
		return ErrNoDetector
	}
	c := l.detector.Config()
	c.Sigma, c.MinScore, c.MaxProposals = sigma, minScore, maxProposals
	d, err := proposal.From(l.detector.Width(), c, l.detector.Tensors())
	if err == nil {
		l.detector = d
	}
	return err
}

// Rate returns the frames per second of the training features.
func (l *Localizer) Rate() float64 { return l.rate }

// Classes returns the class names.
func (l *Localizer) Classes() []string { return l.vocabulary.Classes() }

// SetClasses replaces the class names. Names that are not in the model file are encoded
// by the backbone's text tower; without it they are an *[adapter.UnknownClassError].
func (l *Localizer) SetClasses(ctx context.Context, classes []string) error {
	return l.vocabulary.SetClasses(ctx, classes)
}

// UseBaseline replaces the trained classifier by the backbone alone, on the model's
// proposals: class names in hand-written templates, compared with the mean of the frame
// features.
func (l *Localizer) UseBaseline(ctx context.Context, templates []string) error {
	m := l.adapter.Backbone()
	c := adapter.Config{Frames: 1, Temperature: 1 / float64(m.LogitScale())}
	a, err := adapter.New(m, c, 0)
	if err != nil {
		return err
	}
	classes := l.Classes()
	l.adapter = a
	l.vocabulary = vocabulary.New(m, readably(func(ctx context.Context, names []string) ([]float32, error) {
		return m.EncodeClasses(ctx, names, templates, false)
	}))
	return l.SetClasses(ctx, classes)
}

// SetTemporalScale scales the residual of the temporal Transformer, from 1, as trained, to
// 0, prompts alone. A model without a residual is an error.
func (l *Localizer) SetTemporalScale(s float64) error { return l.adapter.SetTemporalScale(s) }

// readably returns encode for class names as words: "HighJump" is encoded as "High Jump".
// Results keep the annotation's spelling.
func readably(encode func(ctx context.Context, names []string) ([]float32, error)) func(ctx context.Context, names []string) ([]float32, error) {
	return func(ctx context.Context, names []string) ([]float32, error) { return encode(ctx, readable(names)) }
}

// readable returns class names as words.
func readable(classes []string) []string {
	words := make([]string, len(classes))
	for i, c := range classes {
		words[i] = dataset.Words(c)
	}
	return words
}

// Propose returns the segments of a video in which something happens, by decreasing score.
func (l *Localizer) Propose(ctx context.Context, q *feature.Sequence) ([]proposal.Proposal, error) {
	if l.detector == nil {
		return nil, ErrNoDetector
	}
	return propose(ctx, l.detector, q)
}

// propose returns the proposals of a detector on the player's clock.
func propose(ctx context.Context, d *proposal.Detector, q *feature.Sequence) ([]proposal.Proposal, error) {
	found, err := d.Propose(ctx, q)
	for i := range found {
		found[i].Start = max(0, found[i].Start-q.Provenance.StartTime)
		found[i].End -= q.Provenance.StartTime
	}
	return slices.DeleteFunc(found, func(p proposal.Proposal) bool { return !(p.Start < p.End) }), err
}

// Localize returns the detections in a video by decreasing score.
func (l *Localizer) Localize(ctx context.Context, q *feature.Sequence) ([]Detection, error) {
	proposals, err := l.Propose(ctx, q)
	if err != nil {
		return nil, err
	}
	return l.Classify(ctx, q, proposals)
}

// Classify classifies proposals. The score of a detection is the score of the proposal times
// the probability of the class. Features of another rate are resampled to the rate of the
// model; a *[feature.RateError] reports features with too low a rate.
func (l *Localizer) Classify(ctx context.Context, q *feature.Sequence, proposals []proposal.Proposal) ([]Detection, error) {
	if err := errors.Join(l.Eval.check(), q.Check(l.adapter.Backbone().Config().Embed)); err != nil {
		return nil, err
	}
	q, err := q.Resample(l.rate)
	if err != nil {
		return nil, err
	}
	classes := l.Classes()
	embeddings, err := l.vocabulary.Embeddings(ctx, classes)
	if err != nil {
		return nil, err
	}
	return l.Eval.detect(ctx, l.adapter, embeddings, classes, q, proposals)
}

// detect classifies proposals over classes with the embeddings [C,E].
func (e Evaluation) detect(ctx context.Context, a *adapter.Adapter, embeddings []float32, classes []string, q *feature.Sequence, proposals []proposal.Proposal) ([]Detection, error) {
	for _, x := range proposals {
		if err := (Detection{Score: x.Score, Span: x.Span}).checkNumbers(); err != nil {
			return nil, fmt.Errorf("%s: proposal: %w", q.ID, err)
		}
	}
	rows, proposals := spans(q, proposals)
	if len(rows) == 0 {
		return []Detection{}, ctx.Err()
	}
	v, err := a.EncodeSegments(ctx, q.Features, rows)
	if err != nil {
		return nil, err
	}
	p, err := a.ClassifySegments(v, embeddings)
	if err != nil {
		return nil, err
	}
	n := len(classes)
	weight := make([]float64, n)
	for c := range weight {
		weight[c] = 1
		if e.VideoScore {
			weight[c] = classInVideo(p, c, n, proposals)
		}
	}
	out := make([]Detection, 0, len(proposals)*min(e.ClassesPerProposal, n))
	for i, x := range proposals {
		for _, c := range likeliest(p[i*n:(i+1)*n], e.ClassesPerProposal) {
			out = append(out, Detection{classes[c], x.Score * float64(p[i*n+c]) * weight[c], video.Span{Start: x.Start, End: x.End}})
		}
	}
	slices.SortStableFunc(out, Detection.compare)
	return out[:min(len(out), proposal.MaxPerVideo(e.MaxDetections, Duration(q)))], nil
}

// likeliest returns the k most probable classes. Equal ones keep their order.
func likeliest(p []float32, k int) []int {
	var best []int
	for c, v := range p {
		if len(best) == k && v <= p[best[k-1]] {
			continue
		}
		at := len(best)
		for at > 0 && v > p[best[at-1]] {
			at--
		}
		best = slices.Insert(best, at, c)
		best = best[:min(len(best), k)]
	}
	return best
}

// classInVideo returns the probability of class c of n in a video: the mean of p [S,n] over
// the proposals, weighted by their scores.
func classInVideo(p []float32, c, n int, proposals []proposal.Proposal) float64 {
	sum, weights := 0.0, 0.0
	for i, x := range proposals {
		sum += x.Score * float64(p[i*n+c])
		weights += x.Score
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}
