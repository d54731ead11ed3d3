package recognition

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/train"
)

// Prompts and a temporal Transformer need more than a few videos to learn a motion. The
// videos themselves show it: a recognizer of few training videos keeps their motions and
// compares new videos with them, as Tip-Adapter does with images (Zhang et al., ECCV 2022).
//
// The score of a class is log p = text · log p_text + motion · log p_motion, up to a
// constant. p_text is the prediction of the adapter, and p_motion the mean of
// exp(sharpness · (cos - 1)) over the examples of the class, where cos compares motion
// descriptors ([label.Motion]).
//
// The weights follow from the training videos: those with the greatest likelihood of their
// labels, where each example is left out of its own score, and the backbone's hand-written
// templates stand for the adapter, which has seen the labels. So videos whose classes differ
// in appearance rely on the text, and opposite motions on the examples.

// sharpness is the exponent of the similarity of motions. Accuracy hardly depends on it
// between 4 and 16.
const sharpness = 8

// The weights that are tried. That of the text is never 0, because training improves on the
// templates.
var (
	textWeights   = []float64{1, 0.5, 0.25, 0.125}
	motionWeights = []float64{0, 0.125, 0.25, 0.5, 1, 2}
)

// examples are the motions of training videos.
type examples struct {
	exampleSettings
	motions []float32 // [N,2E], of unit length or zero
}

// exampleSettings are the settings of examples in a model file.
type exampleSettings struct {
	Classes []string `json:"classes"` // of each example
	Text    float64  `json:"text"`    // weight
	Motion  float64  `json:"motion"`  // weight
}

// examplesName is the tensor of the motions in a model file.
const examplesName = "examples"

// learnExamples returns the motions of a training set, or nil if a class has more than most
// videos.
func learnExamples(ctx context.Context, m *clip.Model, s *Set, templates []string, most int) (*examples, error) {
	count := make([]int, len(s.Classes))
	for _, v := range s.Videos {
		if count[v.Class]++; count[v.Class] > most {
			return nil, nil
		}
	}
	x := &examples{exampleSettings: exampleSettings{Text: 1, Motion: 1}}
	for _, v := range s.Videos {
		q, from, to, err := s.load(v)
		if err != nil {
			return nil, err
		}
		x.motions = append(x.motions, motionOf(q, from, to)...)
		x.Classes = append(x.Classes, s.Classes[v.Class])
	}
	if templates == nil {
		templates = clip.Templates
	}
	r, err := Baseline(ctx, m, s.Classes, templates)
	if err != nil {
		return nil, err
	}
	text, err := r.predict(ctx, s)
	if err != nil {
		return nil, err
	}
	x.weigh(text, s, slices.Min(count) > 1)
	return x, nil
}

// weigh chooses the weights. text has the probabilities of the training videos by the
// templates. If a class has one example, which cannot be left out, the motion has weight 1.
func (x *examples) weigh(text [][]float64, s *Set, repeated bool) {
	tried := motionWeights
	if !repeated {
		tried = []float64{0}
	}
	motion := make([][]float64, len(text))
	for i := range motion {
		if repeated {
			motion[i] = x.likelihoods(x.row(i), s.Classes, i)
		}
	}
	best := math.Inf(-1)
	for _, t := range textWeights {
		for _, w := range tried {
			sum := 0.
			for i, v := range s.Videos {
				sum += math.Log(max(combine(text[i], motion[i], t, w)[v.Class], math.SmallestNonzeroFloat64))
			}
			if sum > best {
				best, x.Text, x.Motion = sum, t, w
			}
		}
	}
	if !repeated {
		x.Motion = 1
	}
}

func (x *examples) row(i int) []float32 {
	width := len(x.motions) / len(x.Classes)
	return x.motions[i*width:][:width]
}

// likelihoods returns p_motion of each class for a motion. Example number without, if it is
// not negative, does not count. It returns nil if a class has no examples.
func (x *examples) likelihoods(motion []float32, classes []string, without int) []float64 {
	index := make(map[string]int, len(classes))
	for i, name := range classes {
		index[name] = i
	}
	sum, count := make([]float64, len(classes)), make([]float64, len(classes))
	for i, name := range x.Classes {
		if c, ok := index[name]; ok && i != without {
			sum[c] += math.Exp(sharpness * (compute.Dot(motion, x.row(i)) - 1))
			count[c]++
		}
	}
	for c := range sum {
		if count[c] == 0 {
			return nil
		}
		sum[c] /= count[c]
	}
	return sum
}

// apply returns the probabilities of classes for the frames from..to-1 of a sequence, given
// those of the adapter. Nil examples, and classes without examples, leave them as they are.
func (x *examples) apply(p []float64, q *feature.Sequence, from, to int, classes []string) []float64 {
	if x == nil {
		return p
	}
	if motion := x.likelihoods(motionOf(q, from, to), classes, -1); motion != nil {
		return combine(p, motion, x.Text, x.Motion)
	}
	return p
}

// combine returns the weighted geometric mean of two predictions, as probabilities.
func combine(text, motion []float64, wt, wm float64) []float64 {
	out := make([]float64, len(text))
	highest := math.Inf(-1)
	for c := range out {
		out[c] = wt * math.Log(max(text[c], 1e-12))
		if wm > 0 {
			out[c] += wm * math.Log(max(motion[c], 1e-12))
		}
		highest = max(highest, out[c])
	}
	sum := 0.
	for c, v := range out {
		out[c] = math.Exp(v - highest)
		sum += out[c]
	}
	for c := range out {
		out[c] /= sum
	}
	return out
}

// motionOf returns the motion descriptor of frames, of unit length, or zero if nothing moves.
func motionOf(q *feature.Sequence, from, to int) []float32 {
	times := q.Timestamps[from:to]
	last := len(times) - 1
	end := times[last]
	if last > 0 {
		end += (times[last] - times[0]) / float64(last)
	}
	x := label.Motion(q.Features[from*q.Width:to*q.Width], times, times[0], end)
	if length := math.Sqrt(compute.Dot(x, x)); length > 0 {
		for i := range x {
			x[i] = float32(float64(x[i]) / length)
		}
	}
	return x
}

// write adds the examples to a model file.
func (x *examples) write(f *adapter.File) (err error) {
	if x == nil {
		return nil
	}
	f.Tensors[examplesName] = train.Tensor{Shape: []int{len(x.Classes), len(x.motions) / len(x.Classes)}, Data: x.motions}
	f.Settings, err = json.Marshal(map[string]any{examplesName: x.exampleSettings})
	return err
}

// readExamples returns the examples of a model file, or nil if it has none.
func readExamples(f *adapter.File) (*examples, error) {
	if f.Settings == nil {
		return nil, nil
	}
	var s struct {
		Examples *exampleSettings `json:"examples"`
	}
	if err := json.Unmarshal(f.Settings, &s); err != nil {
		return nil, fmt.Errorf("settings of the recognizer: %w", err)
	}
	if s.Examples == nil {
		return nil, nil
	}
	x := &examples{*s.Examples, f.Tensors[examplesName].Data}
	if n, shape := len(x.Classes), f.Tensors[examplesName].Shape; n == 0 || !slices.Equal(shape, []int{n, label.MotionWidth(f.Backbone.Config.Embed)}) {
		return nil, fmt.Errorf("%d examples have motions of shape %v", n, shape)
	}
	for _, w := range []float64{x.Text, x.Motion} {
		if !(w >= 0 && w <= 100) {
			return nil, errors.New("a weight of the examples is out of range")
		}
	}
	return x, nil
}
