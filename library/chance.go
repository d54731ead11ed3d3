package library

import (
	"context"
	"database/sql"
	"slices"
)

// A query finds something if its best moment is better than what unrelated texts reach by
// chance in the same library. Most of the background captions are unrelated, so their best
// cosines with any moment show what chance reaches. Their median hardly depends on the few
// captions that describe something in the library, and rises with the number of moments.
//
// A text matches if its cosine exceeds this median by chanceMargin temperatures, so that the
// model finds the moment exp(5.5) = 245 times as likely as the best moment of the median
// caption, and its score reaches MatchScore, which decides in libraries with few moments.
// docs/search.md has the error rates.
const chanceMargin = 5.5

// chanceCaptions is the largest number of captions that are compared.
const chanceCaptions = 300

// calibrate stores the median of the captions' best cosines, if the library has changed or
// has none yet.
func (w *writer) calibrate(ctx context.Context) error {
	var generation, stored, moments int64
	err := w.db.QueryRowContext(ctx, "SELECT (SELECT generation FROM settings), coalesce((SELECT generation FROM chance WHERE "+intact("chance")+"), 0), (SELECT count(*) FROM moments)").
		Scan(&generation, &stored, &moments)
	changed := w.r.Done+w.r.Pruned+w.r.Repaired+len(w.r.Failed) > 0
	if err != nil || moments == 0 || stored == generation && !changed {
		return err
	}
	var cosines []float64
	b := w.captions
	n := len(b.embeddings) / b.width
	for i := 0; i < n; i += (n + chanceCaptions - 1) / chanceCaptions {
		hits, err := w.vectors.Search(ctx, b.embeddings[i*b.width:][:b.width], 1)
		if err != nil {
			return err
		}
		for _, h := range hits {
			cosines = append(cosines, float64(h.Score))
		}
	}
	if len(cosines) == 0 {
		return nil
	}
	slices.Sort(cosines)
	return inTx(ctx, w.db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO chance (only, generation, cosine) VALUES (1, ?, ?)", generation, cosines[len(cosines)/2])
		return err
	})
}

// leastMatch returns the least cosine of a text that matches. level is that of the
// background. In a library whose first run was interrupted, only MatchScore decides.
func (l *Library) leastMatch(ctx context.Context, level float64) (float64, error) {
	fits := level * l.settings.Temperature
	var cosine float64
	var whole bool
	err := each(ctx, l.db, "SELECT cosine, "+intact("chance")+" FROM chance WHERE generation = ?", []any{l.generation}, []any{&cosine, &whole}, func() error {
		if !whole {
			return damaged("chance")
		}
		fits = max(fits, cosine+chanceMargin*l.settings.Temperature)
		return nil
	})
	return fits, err
}
