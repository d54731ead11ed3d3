package recognition

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

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
// descriptors ([label.Motion]) of frames relative to the average training frame.
//
// The weights follow from the training videos: those with the greatest likelihood of their
// labels, where the examples of a video are left out of its own score, and the backbone's
// hand-written templates stand for the adapter, which has seen the labels. So videos whose
// classes differ in appearance rely on the text, and opposite motions on the examples.

// sharpness is the exponent of the similarity of motions. Accuracy hardly depends on it
// between 4 and 16.
const sharpness = 8

// The weights that are tried. That of the text is never 0, because training improves on the
// templates.
var (
	textWeights   = []float64{1, 0.5, 0.25, 0.125, 2, 4}
	motionWeights = []float64{0, 0.125, 0.25, 0.5, 1, 2}
)

// singleWeight is the weight of motion if there is one example of each class.
const singleWeight = 0.5

// maxWeighed bounds the number of training videos that the weights are chosen on.
const maxWeighed = 1000

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

// learnExamples returns the motions of a training set, or nil if a class has more than most
// videos.
func learnExamples(ctx context.Context, m *clip.Model, s *Set, templates []string, most int) (*examples, error) {
	count := make([]int, len(s.Classes))
	for _, v := range s.Videos {
		if count[v.Class]++; count[v.Class] > most {
			return nil, nil
		}
	}
	x := &examples{}
	if err := x.collect(s, m.Config().Embed); err != nil {
		return nil, err
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
	x.weigh(text, s)
	return x, nil
}

// collect sets the center and the motions.
func (x *examples) collect(s *Set, embed int) error {
	sum, frames := make([]float64, embed), 0
	each := func(use func(v Video, q *feature.Sequence, from, to int)) error {
		for _, v := range s.Videos {
			q, from, to, err := s.load(v)
			if err != nil {
				return err
			}
			use(v, q, from, to)
		}
		return nil
	}
	err := each(func(_ Video, q *feature.Sequence, from, to int) {
		rows := slices.Clone(q.Features[from*embed : to*embed])
		clip.Normalize(rows, embed)
		for i, value := range rows {
			sum[i%embed] += float64(value)
		}
		frames += to - from
	})
	if err != nil {
		return err
	}
	for _, value := range sum {
		x.center = append(x.center, float32(value/float64(frames)))
	}
	return each(func(v Video, q *feature.Sequence, from, to int) {
		x.motions = append(x.motions, x.motionOf(q, from, to)...)
		x.Classes = append(x.Classes, s.Classes[v.Class])
	})
}

// weigh chooses the weights. text has the probabilities of the training videos by the
// templates. If no class has examples in two files, which can be compared, the motion has
// singleWeight.
func (x *examples) weigh(text [][]float64, s *Set) {
	weighed, repeated := s.repeated()
	tried := motionWeights
	if !repeated {
		tried = []float64{0}
	}
	index := classIndex(s.Classes)
	motion := make([][]float64, len(text))
	for _, i := range weighed {
		motion[i] = make([]float64, len(s.Classes))
		if repeated {
			motion[i] = x.likelihoods(x.row(i), index, func(o int) bool { return s.Videos[o].ID == s.Videos[i].ID })
		}
	}
	best := math.Inf(-1)
	for _, t := range textWeights {
		for _, w := range tried {
			sum := 0.
			for _, i := range weighed {
				sum += math.Log(max(combine(text[i], motion[i], t, w)[s.Videos[i].Class], math.SmallestNonzeroFloat64))
			}
			if sum > best {
				best, x.Text, x.Motion = sum, t, w
			}
		}
	}
	if !repeated {
		x.Motion = singleWeight
	}
}

// repeated returns the numbers of videos whose class has videos in other files, at most
// maxWeighed. If there are none, it returns those of any videos, and false.
func (s *Set) repeated() (numbers []int, ok bool) {
	file, several := map[int]string{}, map[int]bool{}
	for _, v := range s.Videos {
		if id, ok := file[v.Class]; ok && id != v.ID {
			several[v.Class] = true
		}
		file[v.Class] = v.ID
	}
	for i, v := range s.Videos {
		if len(several) == 0 || several[v.Class] {
			numbers = append(numbers, i)
		}
	}
	step, thinned := 1+(len(numbers)-1)/maxWeighed, numbers[:0]
	for i := 0; i < len(numbers); i += step {
		thinned = append(thinned, numbers[i])
	}
	return thinned, len(several) > 0
}

func (x *examples) row(i int) []float32 {
	width := len(x.motions) / len(x.Classes)
	return x.motions[i*width:][:width]
}

// classIndex returns the position of each class.
func classIndex(classes []string) map[string]int {
	index := make(map[string]int, len(classes))
	for i, name := range classes {
		index[name] = i
	}
	return index
}

// likelihoods returns p_motion of each class for a motion, and -1 for a class without
// examples. Examples for which without returns true do not count; without may be nil.
func (x *examples) likelihoods(motion []float32, index map[string]int, without func(example int) bool) []float64 {
	sum, count := make([]float64, len(index)), make([]float64, len(index))
	for i, name := range x.Classes {
		if c, ok := index[name]; ok && (without == nil || !without(i)) {
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
	return combine(p, x.likelihoods(x.motionOf(q, from, to), classIndex(classes), nil), x.Text, x.Motion)
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
