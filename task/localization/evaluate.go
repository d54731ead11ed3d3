package localization

import (
	"context"
	"errors"

	"github.com/clipcue/clipcue/adapter"
)

// Result is how well a localizer does on a set.
type Result struct {
	*Scores
	Recall  *Recall `json:"recall"`  // of the proposals
	Missing int     `json:"missing"` // videos without features
	// WithoutProposals counts the videos that a file of proposals does not list.
	WithoutProposals int `json:"without_proposals,omitempty"`
	// Found are the detections.
	Found Results `json:"-"`
}

// Evaluate measures a localizer on a set, over the set's classes, with proposals
// from wherever they are. Classes that the model file knows use its finished
// embeddings; others are encoded from their names, for which the adapter needs a
// backbone with its text tower.
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

// evaluate measures an adapter over the set's classes with the embeddings [C,E].
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
