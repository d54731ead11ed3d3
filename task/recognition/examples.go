package recognition

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
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
// descriptors ([label.Motion]) of frames relative to the average training frame.

// sharpness is the exponent of the similarity of motions. Accuracy hardly depends on it
// between 4 and 16.
const sharpness = 8

// examples are the motions of training videos.
type examples struct {
	exampleSettings
	center  []float32 // the mean of the training videos' normalized frames [E]
	motions []float32 // [N,2E], of unit length or zero
}

// exampleSettings are the settings of examples in a model file.
type exampleSettings struct {
	Classes []string `json:"classes"` // of each example
	Text    float64  `json:"text"`    // weight
	Motion  float64  `json:"motion"`  // weight
}

// The tensors of the examples in a model file.
const (
	examplesName = "examples"
	centerName   = "examples.center"
)

func (x *examples) row(i int) []float32 {
	width := len(x.motions) / len(x.Classes)
	return x.motions[i*width:][:width]
}

// likelihoods returns p_motion of each class for a motion, and -1 for a class without
// examples. Examples for which without returns true do not count; without may be nil.
func (x *examples) likelihoods(motion []float32, classes []string, without func(example int) bool) []float64 {
	index := make(map[string]int, len(classes))
	for i, name := range classes {
		index[dataset.Canonical(name)] = i
	}
	sum, count := make([]float64, len(classes)), make([]float64, len(classes))
	for i, name := range x.Classes {
		if c, ok := index[dataset.Canonical(name)]; ok && (without == nil || !without(i)) {
			sum[c] += math.Exp(sharpness * (compute.Dot(motion, x.row(i)) - 1))
			count[c]++
		}
	}
	for c := range sum {
		if count[c] == 0 {
			sum[c] = -1
			continue
		}
		sum[c] /= count[c]
	}
	return sum
}

// apply returns the probabilities of classes for the frames from..to-1 of a sequence, given
// those of the adapter. The classes with examples divide their sum; the other classes, and all
// if x is nil, keep theirs.
func (x *examples) apply(p []float64, q *feature.Sequence, from, to int, classes []string) []float64 {
	if x == nil {
		return p
	}
	return combine(p, x.likelihoods(x.motionOf(q, from, to), classes, nil), x.Text, x.Motion)
}

// combine returns the weighted geometric mean of two predictions over the classes whose
// motion is not negative. Their sum is that of text, and the other classes keep theirs.
func combine(text, motion []float64, wt, wm float64) []float64 {
	out := slices.Clone(text)
	var known []int
	var logits []float64
	share := 0.
	for c, p := range text {
		if motion[c] >= 0 {
			known, share = append(known, c), share+p
			logits = append(logits, wt*math.Log(max(p, 1e-12))+wm*math.Log(max(motion[c], 1e-12)))
		}
	}
	if len(known) < 2 {
		return out
	}
	total := floats.LogSumExp(logits)
	for i, c := range known {
		out[c] = share * math.Exp(logits[i]-total)
	}
	return out
}

// motionOf returns the motion descriptor of frames relative to the center, of unit length,
// or zero if nothing moves.
func (x *examples) motionOf(q *feature.Sequence, from, to int) []float32 {
	rows := slices.Clone(q.Features[from*q.Width : to*q.Width])
	clip.Normalize(rows, q.Width)
	for i := range rows {
		rows[i] -= x.center[i%q.Width]
	}
	times := q.Timestamps[from:to]
	last := len(times) - 1
	half := 0. // of the time of a frame
	if last > 0 {
		half = (times[last] - times[0]) / float64(last) / 2
	}
	motion := label.Motion(rows, times, times[0]-half, times[last]+half)
	clip.Normalize(motion, len(motion))
	return motion
}

// write adds the examples to a model file.
func (x *examples) write(f *adapter.File) (err error) {
	if x == nil {
		return nil
	}
	f.Tensors[centerName] = train.Tensor{Shape: []int{len(x.center)}, Data: x.center}
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
	x := &examples{*s.Examples, f.Tensors[centerName].Data, slices.Clone(f.Tensors[examplesName].Data)}
	width := f.Backbone.Config.Embed
	if n, shape := len(x.Classes), f.Tensors[examplesName].Shape; n == 0 || !slices.Equal(shape, []int{n, label.MotionWidth(width)}) || len(x.center) != width {
		return nil, fmt.Errorf("%d examples of width %d have motions of shape %v and a center of %d values", n, width, shape, len(x.center))
	}
	clip.Normalize(x.motions, label.MotionWidth(width))
	for _, w := range []float64{x.Text, x.Motion} {
		if !(w >= 0 && w <= 100) {
			return nil, errors.New("a weight of the examples is out of range")
		}
	}
	return x, nil
}
