package localization

import (
	"context"
	"errors"

	"github.com/clipcue/clipcue/adapter"
)

// Result holds the metrics of a localizer on a set.
type Result struct {
	*Scores
	Recall  *Recall `json:"recall"`  // of the proposals
	Missing int     `json:"missing"` // videos without features
	// WithoutProposals counts the videos that a file of proposals does not list.
	WithoutProposals int `json:"without_proposals,omitempty"`
	// Found holds the detections.
	Found Results `json:"-"`
}

// Evaluate returns the metrics of a localizer on a set, over the classes of the set and with
// the given proposals. Classes of the model file use its embeddings; other names are
// encoded, which requires the text tower of the backbone.
func (l *Localizer) Evaluate(ctx context.Context, s *Set, p Proposals) (*Result, error) {
	if s == nil || len(s.Videos) == 0 {
		return nil, errors.New("the set has no videos")
	}
	if err := l.Eval.check(); err != nil {
		return nil, err
	}
	embeddings, err := l.vocabulary.Embeddings(ctx, s.Classes)
	if err != nil {
		return nil, err
	}
	return l.Eval.evaluate(ctx, l.adapter, embeddings, l.rate, s, p)
}

// evaluate evaluates an adapter over the classes of the set with the embeddings [C,E].
func (e Evaluation) evaluate(ctx context.Context, a *adapter.Adapter, embeddings []float32, rate float64, s *Set, p Proposals) (*Result, error) {
	recall, err := s.recall(p)
	if err != nil {
		return nil, err
	}
	r := &Result{Recall: recall, Missing: len(s.Missing), Found: Results{}}
	for i, v := range s.Videos {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q, err := s.Load(v)
		if err == nil {
			q, err = q.Resample(rate)
		}
		if err != nil {
			return nil, err
		}
		if r.Found[v.Path], err = e.detect(ctx, a, embeddings, s.Classes, q, p[i]); err != nil {
			return nil, err
		}
	}
	r.Scores, err = Score(s.Truth(), r.Found, e.TIoU)
	return r, err
}
