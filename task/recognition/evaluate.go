package recognition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/adapter"
)

// Result holds the accuracy of a recognizer on a set. Shares are from 0 to 1.
type Result struct {
	Top1     float64         `json:"top1"`
	Top5     float64         `json:"top5"`
	Videos   int             `json:"videos"`  // that were classified
	Missing  int             `json:"missing"` // samples without features
	Classes  int             `json:"classes"`
	PerClass []ClassAccuracy `json:"per_class"`
	// Confusion holds the cells of the confusion matrix that are not 0.
	Confusion []Confusion `json:"confusion"`
	// PerVideo holds the prediction for each video, in the set's order.
	PerVideo []VideoResult `json:"-"`
}

// VideoResult is a video with its five most probable classes, or fewer.
type VideoResult struct {
	Video Video
	Top   []Prediction
}

// ClassAccuracy is the top-1 accuracy for one class.
type ClassAccuracy struct {
	Label  string  `json:"label"`
	Videos int     `json:"videos"`
	Top1   float64 `json:"top1"`
}

// Confusion is a cell of the confusion matrix.
type Confusion struct {
	Label     string `json:"label"`
	Predicted string `json:"predicted"`
	Videos    int    `json:"videos"`
}

// chunk is the number of videos that are classified at once.
const chunk = 32

// classifier is what a set is evaluated with.
type classifier struct {
	adapter    *adapter.Adapter
	embeddings []float32 // [C,E] of the set's classes
	examples   *examples // nil for none
}

// predict calls use with the probabilities of a set's classes for each of its videos.
func (m classifier) predict(ctx context.Context, s *Set, e Evaluation, use func(v Video, p []float64)) error {
	c := len(s.Classes)
	for from := 0; from < len(s.Videos); from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		videos := s.Videos[from:min(from+chunk, len(s.Videos))]
		var features []float32
		for i, v := range videos {
			q, first, last, err := s.load(v)
			if err != nil {
				return err
			}
			features = e.windows(features, q, first, last, m.adapter.Config().Frames, from+i)
		}
		p, err := m.adapter.Classify(ctx, features, m.embeddings)
		if err != nil {
			return err
		}
		for i, v := range videos {
			mean := meanRows(p[i*e.Windows*c:(i+1)*e.Windows*c], c)
			if m.examples != nil {
				q, first, last, err := s.load(v)
				if err != nil {
					return err
				}
				mean = m.examples.apply(mean, q, first, last, s.Classes)
			}
			use(v, mean)
		}
	}
	return nil
}

// evaluate classifies a set's videos.
func (m classifier) evaluate(ctx context.Context, s *Set, e Evaluation) (*Result, error) {
	c := len(s.Classes)
	r := &Result{Videos: len(s.Videos), Missing: len(s.Missing), Classes: c}
	counts := make([][]int, c)
	for i := range counts {
		counts[i] = make([]int, c)
	}
	top1, top5 := 0, 0
	err := m.predict(ctx, s, e, func(v Video, p []float64) {
		order := ranked(p)
		counts[v.Class][order[0]]++
		r.PerVideo = append(r.PerVideo, VideoResult{v, likeliest(s.Classes, p, order[:min(5, c)])})
		place := slices.Index(order, v.Class)
		if place == 0 {
			top1++
		}
		if place < 5 {
			top5++
		}
	})
	if err != nil {
		return nil, err
	}
	r.Top1, r.Top5 = share(top1, r.Videos), share(top5, r.Videos)
	for i, row := range counts {
		n := 0
		for j, k := range row {
			n += k
			if k > 0 {
				r.Confusion = append(r.Confusion, Confusion{s.Classes[i], s.Classes[j], k})
			}
		}
		if n > 0 {
			r.PerClass = append(r.PerClass, ClassAccuracy{s.Classes[i], n, share(row[i], n)})
		}
	}
	return r, nil
}

// likeliest returns the predictions for the classes with these numbers.
func likeliest(classes []string, p []float64, numbers []int) []Prediction {
	out := make([]Prediction, len(numbers))
	for i, c := range numbers {
		out[i] = Prediction{classes[c], p[c]}
	}
	return out
}

func share(k, n int) float64 { return float64(k) / float64(max(n, 1)) }

// meanRows returns the mean over the rows of p [W,C].
func meanRows(p []float32, c int) []float64 {
	mean := make([]float64, c)
	for i, v := range p {
		mean[i%c] += float64(v) * float64(c) / float64(len(p))
	}
	return mean
}

// ranked returns the classes by decreasing probability; equal ones keep their order.
func ranked(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return order
}

// Evaluate returns the accuracy of a recognizer on a set. Classes of the model file use its
// embeddings; other names are encoded, which requires the text tower of the backbone.
func (r *Recognizer) Evaluate(ctx context.Context, s *Set, e Evaluation) (*Result, error) {
	if err := errors.Join(s.check(), e.check()); err != nil {
		return nil, err
	}
	embeddings, err := r.vocabulary.Embeddings(ctx, s.Classes)
	if err != nil {
		return nil, err
	}
	if len(s.Classes) < 2 {
		return nil, fmt.Errorf("evaluation needs at least two classes, got %d", len(s.Classes))
	}
	return classifier{r.adapter, embeddings, r.examples}.evaluate(ctx, s, e)
}
