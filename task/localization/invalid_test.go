package localization

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// Invalid arguments are errors, not panics.
func TestInvalidArguments(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 8)
	_, r := open(t, m, Data{Path: path, Features: store})
	if _, err := Train(t.Context(), quick(), r); err != nil {
		t.Fatal(err)
	}
	l := localizer(t, r)
	r.Dir += "-again"
	whole := sequence(m, "a.mp4", 40, 4, 0, nil, rand.New(rand.NewPCG(1, 1)))
	proposals := []proposal.Proposal{{Span: video.Span{Start: 1, End: 3}, Score: 0.5}}
	for name, change := range map[string]func(q *feature.Sequence){
		"no frames":        func(q *feature.Sequence) { q.Features, q.Timestamps = nil, nil },
		"another width":    func(q *feature.Sequence) { q.Width, q.Features = 16, q.Features[:16*40] },
		"too few values":   func(q *feature.Sequence) { q.Features = q.Features[1:] },
		"NaN":              func(q *feature.Sequence) { q.Features[7] = float32(math.NaN()) },
		"unsorted times":   func(q *feature.Sequence) { q.Timestamps[3] = 0 },
		"an infinite time": func(q *feature.Sequence) { q.Timestamps[39] = math.Inf(1) },
	} {
		q := *whole
		q.Features, q.Timestamps = slices.Clone(q.Features), slices.Clone(q.Timestamps)
		change(&q)
		if _, err := l.Propose(t.Context(), &q); err == nil {
			t.Errorf("Propose accepts %s", name)
		}
		if _, err := l.Classify(t.Context(), &q, proposals); err == nil {
			t.Errorf("Classify accepts %s", name)
		}
	}
	for name, p := range map[string]proposal.Proposal{
		"NaN start": {Span: video.Span{Start: math.NaN(), End: 2}, Score: 1},
		"no length": {Span: video.Span{Start: 2, End: 2}, Score: 1},
		"NaN score": {Span: video.Span{Start: 1, End: 2}, Score: math.NaN()},
	} {
		if _, err := l.Classify(t.Context(), whole, []proposal.Proposal{p}); err == nil {
			t.Errorf("Classify accepts a proposal with %s", name)
		}
		if _, err := Score(r.Test.Truth(), Results{r.Test.Videos[0].Path: FromProposals([]proposal.Proposal{p})}, []float64{0.5}); err == nil {
			t.Errorf("Score accepts a detection with %s", name)
		}
	}
	learn := func(change func(*Config, *Run)) error {
		c, r := quick(), r
		change(&c, &r)
		_, err := Train(t.Context(), c, r)
		return err
	}
	evaluate := func(l *Localizer, s *Set, p Proposals) error { _, err := l.Evaluate(t.Context(), s, p); return err }
	none := *l
	none.Eval = Evaluation{}
	bare := *l
	bare.detector = nil
	for name, err := range map[string]error{
		"no classes":           l.SetClasses(t.Context(), nil),
		"evaluate nil":         evaluate(l, nil, nil),
		"evaluate empty":       evaluate(l, &Set{Classes: names}, nil),
		"evaluate fewer lists": evaluate(l, r.Test, nil),
		"evaluate settings":    evaluate(&none, r.Test, r.Test.TrueProposals()),
		"no detector":          bare.SetLimits(0.5, 0.1, 3),
		"limits":               l.SetLimits(0.5, math.NaN(), 3),
		"no thresholds":        func() error { _, err := Score(&dataset.Segments{}, nil, nil); return err }(),
		"train nil":            learn(func(_ *Config, r *Run) { r.Train = nil }),
		"train empty":          learn(func(_ *Config, r *Run) { r.Train = &Set{} }),
		"train frames":         learn(func(c *Config, _ *Run) { c.Adapter.Frames = 0 }),
		"detector frames":      learn(func(c *Config, _ *Run) { c.Detector.Frames = 0 }),
		"detector heads":       learn(func(c *Config, _ *Run) { c.Detector.Heads = 0 }),
		"detector steps":       learn(func(c *Config, _ *Run) { c.DetectorTrain.Steps = -1 }),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A store whose features have another width than the backbone is refused, although its
// provenance names the backbone.
func TestStoredWidth(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 8)
	for _, width := range []int{1, 40, 512} {
		d := Data{Path: path, Features: store, TrainSplit: dataset.Train, EvalSplit: dataset.Test}
		o, err := d.Open(feature.Backbone{Fingerprint: m.Fingerprint(), Width: width})
		if err != nil {
			t.Fatal(err)
		}
		r := Run{Backbone: m}
		r.Dir = t.TempDir()
		if r.Sets, _, err = d.Sets(o); err == nil {
			_, err = Train(t.Context(), quick(), r)
		}
		var mismatch *feature.MismatchError
		if !errors.As(err, &mismatch) || mismatch.What != "width" {
			t.Errorf("width %d: got %v", width, err)
		}
	}
}
