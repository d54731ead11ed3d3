package library

import (
	"context"
	"database/sql"

	"github.com/clipcue/clipcue/label"
)

// SetPoint stores the operating point of a label, which [Teacher].Point returns from then on.
func SetPoint(ctx context.Context, dir, name string, p label.Target) error {
	if err := p.Check(); err != nil {
		return err
	}
	return modify(ctx, dir, func(tx *sql.Tx) error {
		id, _, err := findLabel(ctx, tx, name)
		if err == nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO points (label, precision, recall) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET precision = excluded.precision, recall = excluded.recall", id, p.Precision, p.Recall)
		}
		return err
	})
}

// pointOf returns the operating point of a label, or zero.
func pointOf(ctx context.Context, db querier, id int64) (p label.Target, err error) {
	var whole bool
	err = each(ctx, db, "SELECT precision, recall, "+intact("points")+" FROM points WHERE label = ?", []any{id}, []any{&p.Precision, &p.Recall, &whole}, func() error {
		if !whole || p.Check() != nil {
			return damaged("points")
		}
		return nil
	})
	return p, err
}
