package library

import (
	"context"
	"database/sql"
	"time"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/progress"
)

// Training compares the linear head of a label with trained ones. [SetTraining] stores it.
type Training struct {
	// Method is that of the best head by cross-validation.
	Method label.Method `json:"method"`
	// Comparison is that of the best trained head: the one with the lowest loss, of those that
	// are better than the linear head if there are any.
	label.Comparison `json:"-"`
	Candidates       []label.Comparison `json:"candidates"`

	recognizer *recognizer
}

// Train trains heads for a label that t teaches, one for each method, and compares them.
// Nothing is stored. [label.Recognizer] requires an embedder that is a [Trainer].
func (l *Library) Train(ctx context.Context, t *Teacher, methods []label.Method, p progress.Func) (*Training, error) {
	out := &Training{Method: label.Linear}
	for i, method := range methods {
		c, err := l.trainBy(ctx, t, method, out, p)
		if err != nil {
			return nil, err
		}
		out.Candidates = append(out.Candidates, c)
		if i == 0 || c.Better && !out.Better || c.Better == out.Better && c.TrainedLoss < out.TrainedLoss {
			out.Comparison = c
		}
	}
	if out.Better {
		out.Method = out.Comparison.Method
	}
	return out, nil
}

func (l *Library) trainBy(ctx context.Context, t *Teacher, method label.Method, out *Training, p progress.Func) (c label.Comparison, err error) {
	if method == label.Kernel {
		return t.teacher.Compare(ctx)
	}
	out.recognizer, c, err = l.trainRecognizer(ctx, t, p)
	return c, err
}

// SetTraining stores the best head of a training for a label: from now on, the label learns
// from its marks by this method.
func SetTraining(ctx context.Context, dir, name string, x *Training) error {
	return modify(ctx, dir, func(tx *sql.Tx) error {
		id, _, err := findLabel(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, table := range []string{"models", "evidence", "trained"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE label = ?", id); err != nil {
				return err
			}
		}
		switch x.Method {
		case label.Linear:
			return nil
		case label.Recognizer:
			if err := x.recognizer.store(ctx, tx, id); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO trained (label, marks, time) VALUES (?, ?, ?)", id, x.Marks, time.Now().UTC().Format(time.RFC3339Nano))
		return err
	})
}

// trainedFrom returns the number of marks from which a label got a trained head, 0 without
// one.
func trainedFrom(ctx context.Context, db querier, id int64) (marks int, err error) {
	var whole bool
	err = each(ctx, db, "SELECT marks, "+intact("trained")+" FROM trained WHERE label = ?", []any{id}, []any{&marks, &whole}, func() error {
		if !whole || marks < 1 {
			return damaged("trained")
		}
		return nil
	})
	return marks, err
}
