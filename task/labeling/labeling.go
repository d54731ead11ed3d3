// Package labeling trains recognizers from the marks of a label: prompts and a temporal
// Transformer that tell moments that show the label from others.
package labeling

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/tempfolder"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// Trainer trains recognizers on a backbone.
type Trainer struct {
	Backbone *clip.Model

	steps int // instead of those of config
}

// background is the class of moments that do not show the label.
const background = "something else"

// folderPrefix begins the names of temporary folders.
const folderPrefix = "clipcue-label-"

// mostFrames is the greatest number of frames of a moment that a recognizer looks at.
const mostFrames = 16

// A recognizer has at most mostSteps training steps, and fewer with backbones with which they
// take more than budget floating-point operations in all: 3 recognizers take at most about
// three minutes on two cores.
const (
	mostSteps, leastSteps = 600, 50
	budget                = 5e12
)

// TrainModel trains a recognizer on moments that show a label and moments that do not, and
// returns its model file.
func (t Trainer) TrainModel(ctx context.Context, text string, positive, negative []label.Frames, p progress.Func) ([]byte, error) {
	dir, err := tempfolder.Make(os.TempDir(), folderPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // or the next process removes it
	c := t.config(positive)
	run := recognition.Run{Run: train.Run{Dir: filepath.Join(dir.Path, "run"), Log: slog.New(slog.DiscardHandler), Progress: p}, Backbone: t.Backbone}
	run.Train = t.set([]string{text, background}, positive, negative, c.Adapter.Frames)
	if _, err := recognition.Train(ctx, c, run); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(run.Dir, train.BestFile))
}

// config returns the settings of the training. They are the paper's, because the anchors of
// the default preset keep embeddings close to the mean of the frames, which shows no motion.
func (t Trainer) config(moments []label.Frames) recognition.Config {
	c, err := recognition.Preset(adapter.PresetPaper)
	if err != nil {
		panic(err)
	}
	size := t.Backbone.Config()
	c.Adapter.Frames = 1
	for _, f := range moments {
		c.Adapter.Frames = max(c.Adapter.Frames, min(len(f.Times), mostFrames))
	}
	c.Adapter.FitPrompts(size.Context)
	if size.Precision != "" { // it has no gradients
		c.Adapter.Prefix, c.Adapter.Postfix = 0, 0
	}
	weights := func(tokens, layers, width int) float64 { return float64(tokens*layers) * 12 * float64(width*width) }
	cost := 6 * (weights(2*size.Context, size.TextLayers, size.TextWidth) + weights(c.Batch*c.Adapter.Frames, c.Adapter.TemporalLayers, size.Embed))
	c.Train.Steps = cmp.Or(t.steps, int(min(mostSteps, max(leastSteps, budget/cost))))
	c.Train.SaveEvery, c.Train.LearningRate, c.Train.Schedule = c.Train.Steps, 3e-3, "cosine"
	return c
}

// set returns a training set in which both classes have about the same number of moments.
func (t Trainer) set(classes []string, positive, negative []label.Frames, frames int) *recognition.Set {
	var all []*feature.Sequence
	var of []int
	most := max(len(positive), len(negative))
	for class, moments := range [][]label.Frames{positive, negative} {
		for i := range most {
			if len(moments) > 0 && (i < len(moments) || class == 0) {
				all, of = append(all, t.sequence(moments[i%len(moments)], frames)), append(of, class)
			}
		}
	}
	return recognition.Memory(classes, all, of)
}

// sequence returns at most n frames of a moment, evenly, of length √E, plus the code of their
// times. The temporal Transformer learns positions that start near 0, which takes thousands of
// steps to show the order of frames.
func (t Trainer) sequence(f label.Frames, n int) *feature.Sequence {
	width := t.Backbone.Config().Embed
	q := &feature.Sequence{ID: "moment", Width: width, Provenance: feature.Provenance{Backbone: t.Backbone.Fingerprint()}}
	have := len(f.Times)
	n = min(n, have)
	for i := range n {
		row := (2*i + 1) * have / (2 * n)
		x := slices.Clone(f.Features[row*width:][:width])
		clip.Normalize(x, width)
		for j := range x {
			x[j] = float32(math.Sqrt(float64(width)))*x[j] + float32(code((float64(i)+0.5)/float64(n), j))
		}
		q.Features, q.Timestamps = append(q.Features, x...), append(q.Timestamps, f.Times[row])
	}
	return q
}

// code returns element j of the code of a time from 0 to 1: cosines of growing frequencies.
func code(at float64, j int) float64 {
	const frequencies = 8
	return math.Sqrt2 * math.Cos(math.Pi*at*float64(1+j%frequencies)+float64(j/frequencies))
}

// OpenModel returns a function that returns the log-odds of moments by a model file of
// [Trainer.TrainModel].
func (t Trainer) OpenModel(model []byte) (func(ctx context.Context, moments []label.Frames) ([]float32, error), error) {
	dir, err := tempfolder.Make(os.TempDir(), folderPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // or the next process removes it
	path := filepath.Join(dir.Path, train.BestFile)
	if err := os.WriteFile(path, model, 0o600); err != nil {
		return nil, err
	}
	f, err := adapter.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("model of the label: %w", err)
	}
	r, err := recognition.New(f, t.Backbone)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, moments []label.Frames) ([]float32, error) {
		all := make([]*feature.Sequence, len(moments))
		for i, m := range moments {
			all[i] = t.sequence(m, r.Frames())
		}
		p, err := r.Probabilities(ctx, recognition.Memory(r.Classes(), all, make([]int, len(all))), recognition.Evaluation{Windows: 1})
		out := make([]float32, len(p))
		for i, x := range p {
			out[i] = float32(math.Log(max(x[0], 1e-30)) - math.Log(max(x[1], 1e-30)))
		}
		return out, err
	}, nil
}
