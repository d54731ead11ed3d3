package library

import (
	"context"
	"database/sql"
	"time"

	"github.com/clipcue/clipcue/label"
)

// Compare compares the linear head of the label with a trained one; see
// [label.Teacher.Compare].
func (t *Teacher) Compare(ctx context.Context) (label.Comparison, error) {
	return t.teacher.Compare(ctx)
}

// SetTrained stores whether a label has a trained head from now on (see [label.Train]), and
// from how many marks this was decided. The head itself is learned from all marks each time.
func SetTrained(ctx context.Context, dir, name string, trained bool, marks int) error {
	return modify(ctx, dir, func(tx *sql.Tx) error {
		id, _, err := findLabel(ctx, tx, name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM trained WHERE label = ?", id); err != nil || !trained {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO trained (label, marks, time) VALUES (?, ?, ?)", id, marks, time.Now().UTC().Format(time.RFC3339Nano))
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
