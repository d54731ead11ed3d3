package recognition

import (
	"context"
	"math"
	"slices"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
)

// The weights follow from the training videos: those with the greatest likelihood of their
// labels, where the examples of a video's file are left out of its own score, and the backbone's
// hand-written templates stand for the adapter, which has seen the labels. So videos whose
// classes differ in appearance rely on the text, and opposite motions on the examples.

// The weights that are tried; the first of equally good ones is chosen. That of the text is
// never 0, because training improves on the templates.
var (
	textWeights   = []float64{1, 0.5, 0.25, 0.125, 2, 4}
	motionWeights = []float64{0, 0.125, 0.25, 0.5, 1, 2}
)

// singleWeight is the weight of motion if there is one example of each class.
const singleWeight = 0.5

// maxWeighed bounds the number of training videos that the weights are chosen on.
const maxWeighed = 1000

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
	text, err := r.Probabilities(ctx, s, r.eval)
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
	motion := make([][]float64, len(text))
	for _, i := range weighed {
		motion[i] = make([]float64, len(s.Classes))
		if repeated {
			motion[i] = x.likelihoods(x.row(i), s.Classes, func(o int) bool { return s.Videos[o].ID == s.Videos[i].ID })
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
