package retrieval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
)

// learner is the retriever as a [train.Task].
type learner struct {
	config   Config
	adapter  *prompt.Adapter
	train    *Set
	test     *Set // measured as the run goes, nil if there is none
	selects  bool // whether test may choose the best step
	backbone string
	sampling string

	order []int // of the videos in the epoch orderOf
	epoch int
}

func newLearner(m *clip.Model, c Config, trainSet, testSet *Set) (*learner, error) {
	if len(trainSet.Videos) < 2 {
		return nil, fmt.Errorf("the training data has one video only (%s): learning which caption and video belong together takes two at least", trainSet.Videos[0].ID)
	}
	a, err := prompt.New(m, c.Adapter, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	l := &learner{config: c, adapter: a, train: trainSet, test: testSet, epoch: -1}
	q, _, _, err := trainSet.source.Part(trainSet.Videos[0].ID, 0, 0)
	if err != nil {
		return nil, err
	}
	l.sampling = q.Provenance.Sampling
	return l, nil
}

func (l *learner) Params() *nn.Params { return l.adapter.Params() }

// Updated keeps a temperature that is learned within its bound.
func (l *learner) Updated() { l.adapter.ClipTemperature() }

// videos returns the numbers of a step's videos. Every epoch goes through all of
// them in an order of its own.
func (l *learner) videos(step int) []int {
	n := len(l.train.Videos)
	out := make([]int, l.config.Batch)
	for i := range out {
		k := step*l.config.Batch + i
		if epoch := k / n; epoch != l.epoch {
			l.order, l.epoch = rand.New(rand.NewPCG(l.config.Train.Seed, uint64(epoch)<<1)).Perm(n), epoch
		}
		out[i] = l.order[k%n]
	}
	return out
}

func (l *learner) Batch(step int) string {
	const few = 8
	var ids []string
	for _, v := range l.videos(step) {
		ids = append(ids, l.train.Videos[v].ID)
	}
	if n := len(ids); n > few {
		ids = append(ids[:few], fmt.Sprintf("and %d more", n-few))
	}
	return strings.Join(ids, ", ")
}

func (l *learner) Step(step int) (float64, error) {
	// Odd streams are the steps', even ones the epochs'.
	rng := rand.New(rand.NewPCG(l.config.Train.Seed, uint64(step)<<1|1))
	numbers := l.videos(step)
	var features []float32
	captions, videos := make([]string, len(numbers)), make([]string, len(numbers))
	for i, n := range numbers {
		v, of := l.train.Videos[n], l.train.of[n]
		q, from, to, err := l.train.source.Part(v.ID, v.Start, v.End)
		if err != nil {
			return 0, err
		}
		features = spread(features, q, from, to, l.config.Adapter.Frames, rng)
		// One caption, so that no two of a video are one another's negatives.
		captions[i] = l.train.Captions[of[rng.IntN(len(of))]].Text
		videos[i] = fmt.Sprint(n)
	}
	sentences, _, err := l.adapter.Sentences(captions)
	if err != nil {
		return 0, err
	}
	p := l.adapter.ForwardKeeping(features, sentences, l.keep(len(numbers), rng))
	defer p.Release()
	anchor := 0.0
	if l.config.VideoAnchor > 0 {
		anchor = p.AnchorVideo(l.config.VideoAnchor)
	}
	return p.Pairs(captions, videos) + anchor, nil
}

// keep draws which of n videos keep the temporal Transformer's residual, nil for
// all.
func (l *learner) keep(n int, rng *rand.Rand) []int32 {
	if l.config.TemporalDrop == 0 {
		return nil
	}
	kept := []int32{}
	for i := range n {
		if rng.Float64() >= l.config.TemporalDrop {
			kept = append(kept, int32(i))
		}
	}
	return kept
}

func (l *learner) Evaluate(ctx context.Context) (train.Evaluation, error) {
	if l.test == nil {
		return train.Evaluation{Metrics: map[string]any{}}, nil
	}
	r, err := (&Retriever{model: l.adapter.Backbone(), adapter: l.adapter}).Evaluate(ctx, l.test, Evaluation{})
	if err != nil {
		return train.Evaluation{}, err
	}
	row := r.Rows[0]
	v, t := row.TextToVideo, *row.VideoToText
	return train.Evaluation{Selects: l.selects,
		Score: (v.R1 + v.R5 + v.R10 + t.R1 + t.R5 + t.R10) / 6,
		Metrics: map[string]any{
			"t2v_r1": v.R1, "t2v_r5": v.R5, "t2v_r10": v.R10, "t2v_median_rank": v.MedianRank,
			"v2t_r1": t.R1, "v2t_r5": t.R5, "v2t_r10": t.R10, "v2t_median_rank": t.MedianRank,
			"temperature": l.adapter.Temperature(), "videos": r.Videos, "captions": r.Captions,
		}}, nil
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	f := l.adapter.File()
	f.Task, f.Sampling, f.Metrics, f.Training = Task, l.sampling, metrics, s
	f.Backbone.Path = l.backbone
	return f.Write(path)
}

func (l *learner) Read(path string) (*train.State, error) {
	f, err := prompt.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return f.Training, l.adapter.Load(f)
}
