package pretraining

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// learner is pre-training as a [loop.Task].
type learner struct {
	config   Config
	model    *model
	contrast contrast
	loader   *loader
	names    []string // of the pairs in the latest batch
	held     []EvalSet
	selects  bool
	log      *slog.Logger
	unread   map[string]bool // held-out pairs that could not be read
}

func newLearner(c Config, r Run) (*learner, error) {
	m, err := newModel(clip.RandomWeights(c.Model, c.Train.Seed), r.Threads)
	if err != nil {
		return nil, err
	}
	c.Model = m.Config()
	return &learner{config: c, model: m, contrast: newContrast(m, c.Chunk), held: r.EvalSets, selects: r.SelectBest,
		loader: newLoader(c, r.Train, m.Tokenizer(), r.Log), log: r.Log, unread: map[string]bool{}}, nil
}

func (l *learner) Params() *nn.Params { return l.model.params }

func (l *learner) Samples() (int, string) { return l.config.Batch, "images" }

func (l *learner) Step(step int) (float64, error) {
	b, err := l.loader.next(step)
	if err != nil {
		return 0, fmt.Errorf("step %d: %w", step+1, err)
	}
	defer l.loader.done(b)
	l.names = l.names[:0]
	for _, i := range b.index {
		l.names = append(l.names, l.loader.pairs.Name(i))
	}
	d, m := l.model.towers.Device, l.model.Config()
	each := 3 * m.ImageSize * m.ImageSize
	var captions []string
	if l.config.UniqueCaptions {
		captions = b.captions
	}
	loss := l.contrast.step(b.ids, captions, func(dst compute.Matrix, from, to int) {
		d.NormalizePixels(dst, b.rgb[from*each:to*each], m.Mean, m.Std)
	})
	if err := l.collapsed(); err != nil && !math.IsNaN(loss) { // the run reports a NaN loss in more detail
		return 0, fmt.Errorf("step %d: %w", step+1, err)
	}
	return loss, nil
}

// leastScale is a logit scale at which the loss hardly depends on which pairs match, so that
// nothing more is learned.
const leastScale = 0.01

// collapsed reports a logit scale that has fallen to nothing.
func (l *learner) collapsed() error {
	if s := l.model.Scale(); s < leastScale {
		return fmt.Errorf("the logit scale has fallen to %.2g: %w", s, ErrCollapsed)
	}
	return nil
}

// Updated keeps the logit scale within CLIP's bound.
func (l *learner) Updated() { l.model.clipScale() }

func (l *learner) Batch(int) string { return loop.Few(l.names) }

func (l *learner) Evaluate(ctx context.Context) (loop.Evaluation, error) {
	metrics := map[string]any{"logit_scale": float64(l.model.Scale())}
	e := loop.Evaluation{Metrics: metrics}
	if err := l.collapsed(); err != nil {
		return e, err
	}
	if len(l.held) == 0 {
		return e, nil
	}
	results, err := Evaluate(ctx, l.model.Model, l.held, l.config.Eval, func(name string, err error) {
		if !l.unread[name] {
			l.unread[name] = true
			l.log.Warn("skipped", "pair", name, "reason", err)
		}
	})
	if err != nil {
		return e, err
	}
	for i, r := range results {
		name := l.held[i].Name
		if name != "" {
			name += "_"
		}
		metrics[name+"pairs"] = r.Pairs
		// In a group of one, the first is always correct.
		if r.Group > 1 {
			metrics[name+"image_to_text"], metrics[name+"text_to_image"], metrics[name+"group"] = r.ImageToText, r.TextToImage, r.Group
		}
		if r.Labeled > 0 && r.Labels > 1 {
			metrics[name+"zero_shot"], metrics["labels"] = r.ZeroShot, r.Labels
		}
	}
	if l.selects && results[0].Group < 2 {
		l.selects = false
		l.log.Warn("too few validation pairs can be read to select the best step; the model is that of the last step")
	}
	e.Selects, e.Score = l.selects, (results[0].ImageToText+results[0].TextToImage)/2
	return e, nil
}

// metadataKey is the metadata key under which a model file stores its settings and metrics as
// JSON.
const metadataKey = "clipcue_pretraining"

// description is stored under MetadataKey.
type description struct {
	Config  Config         `json:"config"`
	Metrics map[string]any `json:"metrics,omitempty"`
}

func (l *learner) Write(path string, s *train.State, metrics map[string]any) error {
	about := description{l.config, metrics}
	if s == nil {
		meta, err := json.Marshal(about)
		if err != nil {
			return err
		}
		return clip.WriteFile(path, l.model.weights(), l.config.Half, map[string]string{metadataKey: string(meta)})
	}
	tensors, values := map[string]train.Tensor{}, l.Params().Values()
	for _, p := range l.Params().List {
		tensors[p.Name] = train.Tensor{Shape: p.Shape, Data: values[p.Name]}
	}
	return train.WriteCheckpoint(path, metadataKey, about, tensors, s)
}

func (l *learner) Read(path string) (*train.State, error) {
	tensors, s, err := train.ReadCheckpoint(path, metadataKey, &description{})
	if err != nil {
		return nil, err
	}
	values := map[string][]float32{}
	for name, t := range tensors {
		values[name] = t.Data
	}
	if err := l.Params().Set(values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
