package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// add stores a video, in place of what the library had of it.
func (w *writer) add(ctx context.Context, q *feature.Sequence) error {
	defer w.films.discard(q.ID)
	spans, err := windows(q, w.settings.Window, w.settings.Hop)
	if err != nil {
		return err
	}
	embeddings := make([]float32, 0, len(spans)*w.settings.Width)
	background := 0.
	for _, s := range spans {
		y, err := w.e.EncodeVideo(ctx, q, s.Start, s.End)
		if err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		}
		embeddings = append(embeddings, y...)
		background += w.captions.log(y)
	}
	film := w.films.take(q.ID)
	if film == nil || len(film.times) == 0 {
		return fmt.Errorf("%s: the decoder returned no frame", q.ID)
	}
	defer func() { _ = w.root.RemoveAll(film.folder) }() // what was not moved
	var dropped dropped
	err = inTx(ctx, w.db, func(tx *sql.Tx) error {
		if err := dropped.video(ctx, tx, q.ID); err != nil {
			return err
		}
		id, err := insertVideo(ctx, tx, q, spans, background)
		if err != nil {
			return err
		}
		ids, err := insertMoments(ctx, tx, id, spans, film)
		if err != nil {
			return err
		}
		if err := insertFrames(ctx, tx, id, q); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM failures WHERE path = ?", q.ID); err != nil {
			return err
		}
		if err := film.move(w.root, id); err != nil {
			return err
		}
		return w.vectors.Add(ctx, ids, embeddings)
	})
	if err != nil {
		return err
	}
	w.r.Moments += len(spans)
	w.r.Indexed = append(w.r.Indexed, q.ID)
	return w.remove(ctx, dropped)
}

func insertVideo(ctx context.Context, tx *sql.Tx, q *feature.Sequence, spans []video.Span, background float64) (id int64, err error) {
	p := q.Provenance
	added, err := tx.ExecContext(ctx, "INSERT INTO videos (path, size, modified, sha256, seconds, partial, moments, background) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		q.ID, p.Size, p.Modified.UnixNano(), p.SHA256, spans[len(spans)-1].End, p.Partial, len(spans), background)
	if err != nil {
		return 0, err
	}
	return added.LastInsertId()
}

func insertMoments(ctx context.Context, tx *sql.Tx, video int64, spans []video.Span, film *film) (ids []int64, err error) {
	for _, s := range spans {
		n := film.number(s)
		added, err := tx.ExecContext(ctx, `INSERT INTO moments (video, start, "end", thumbnail, picture, blank) VALUES (?, ?, ?, ?, ?, ?)`,
			video, s.Start, s.End, n, film.sums[n], film.blank(s))
		if err != nil {
			return nil, err
		}
		id, err := added.LastInsertId()
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// deriveBlank sets the share of blank frames of moments that an older version indexed,
// from their thumbnails.
func (w *writer) deriveBlank(ctx context.Context) error {
	var id int64
	var t thumbnail
	shares := map[int64]float64{}
	err := each(ctx, w.db, "SELECT id, video, thumbnail, picture FROM moments WHERE blank IS NULL AND "+intact("moments"), nil,
		[]any{&id, &t.video, &t.number, &t.sum}, func() error {
			shares[id] = 0
			if data, err := t.read(w.root); err == nil && blankThumbnail(data) {
				shares[id] = 1
			}
			return ctx.Err()
		})
	if err != nil || len(shares) == 0 {
		return err
	}
	return inTx(ctx, w.db, func(tx *sql.Tx) error {
		for id, share := range shares {
			if _, err := tx.ExecContext(ctx, "UPDATE moments SET blank = ? WHERE id = ?", share, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropped is what deleted rows had. It can be removed once the transaction is committed.
type dropped struct{ videos, moments []int64 }

// video deletes what the library has of a path.
func (d *dropped) video(ctx context.Context, tx *sql.Tx, path string) error {
	var id int64
	err := each(ctx, tx, "SELECT moments.id FROM moments JOIN videos ON videos.id = video WHERE path = ?", []any{path}, []any{&id}, func() error {
		d.moments = append(d.moments, id)
		return nil
	})
	if err == nil {
		err = each(ctx, tx, "DELETE FROM videos WHERE path = ? RETURNING id", []any{path}, []any{&id}, func() error {
			d.videos = append(d.videos, id)
			return nil
		})
	}
	return err
}

func (w *writer) remove(ctx context.Context, d dropped) error {
	for _, id := range d.videos {
		if err := w.root.RemoveAll(path.Join(thumbnailsFolder, strconv.FormatInt(id, 10))); err != nil {
			return err
		}
	}
	if len(d.moments) == 0 {
		return nil
	}
	return w.vectors.Delete(ctx, d.moments)
}

// fail records videos that failed. What the library had of them is out of date.
func (w *writer) fail(ctx context.Context, failed []feature.Failure) error {
	var dropped dropped
	for _, f := range failed {
		w.films.discard(f.ID)
		err := inTx(ctx, w.db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO failures (path, reason, time) VALUES (?, ?, ?)", f.Path, f.Reason, f.Time.Format(time.RFC3339Nano))
			return errors.Join(err, dropped.video(ctx, tx, f.Path))
		})
		if err != nil {
			return err
		}
	}
	return w.remove(ctx, dropped)
}

func parseTime(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}
