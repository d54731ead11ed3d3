package library

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/atomicfile"
)

// reconcile makes the files agree with the database. Files that no moment refers to
// are leftovers of an interrupted run and are deleted. Videos whose vectors are lost
// are marked for re-indexing; so are videos whose thumbnails are lost, if the videos
// still exist.
func (w *writer) reconcile(ctx context.Context) error {
	lost, err := w.strays(ctx)
	if err != nil {
		return err
	}
	videos := map[int64]bool{}
	var id int64
	for moment := range lost {
		if err := w.db.QueryRowContext(ctx, "SELECT video FROM moments WHERE id = ?", moment).Scan(&id); err != nil {
			return err
		}
		videos[id] = true
	}
	var file string
	if err := each(ctx, w.db, "SELECT id, path FROM videos WHERE NOT pending", nil, []any{&id, &file}, func() error {
		_, lost := w.root.Lstat(path.Join(thumbnailsFolder, strconv.FormatInt(id, 10)))
		if _, _, gone := feature.Stat(file); errors.Is(lost, fs.ErrNotExist) && gone == nil {
			videos[id] = true
		}
		return nil
	}); err != nil {
		return err
	}
	if err := w.tidy(ctx); err != nil || len(videos) == 0 {
		return err
	}
	w.r.Repaired = len(videos)
	var moments []int64
	err = inTx(ctx, w.db, func(tx *sql.Tx) error {
		for video := range videos {
			if err := each(ctx, tx, "DELETE FROM moments WHERE video = ? RETURNING id", []any{video}, []any{&id}, func() error {
				moments = append(moments, id)
				return nil
			}); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE videos SET pending = 1, moments = 0, background = 0 WHERE id = ?", video); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.vectors.Delete(ctx, moments)
}

// strays deletes the vectors that no moment refers to, and returns the moments without a
// vector.
func (w *writer) strays(ctx context.Context) (lost map[int64]bool, err error) {
	lost = map[int64]bool{}
	var id, highest int64
	if err := each(ctx, w.db, "SELECT id FROM moments", nil, []any{&id}, func() error {
		lost[id] = true
		return nil
	}); err != nil {
		return nil, err
	}
	var stray []int64
	for id, err := range w.vectors.IDs(ctx) {
		if err != nil {
			return nil, err
		}
		highest = max(highest, id)
		if !lost[id] {
			stray = append(stray, id)
		}
		delete(lost, id)
	}
	if len(stray) == 0 {
		return lost, nil
	}
	// A search during this run may have opened the vectors with the strays among them, so
	// the id of a stray must not be given to another moment.
	err = inTx(ctx, w.db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = 'moments' AND seq < ?1;", highest)
		if err == nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) SELECT 'moments', ?1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'moments')", highest)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return lost, w.vectors.Delete(ctx, stray)
}

// tidy removes folders that no longer, or not yet, belong to the library.
func (w *writer) tidy(ctx context.Context) error {
	keep := map[string]bool{}
	var generation, id int64
	if err := w.db.QueryRowContext(ctx, "SELECT generation FROM settings").Scan(&generation); err != nil {
		return err
	}
	if err := each(ctx, w.db, "SELECT id FROM videos", nil, []any{&id}, func() error {
		keep[strconv.FormatInt(id, 10)] = true
		return nil
	}); err != nil {
		return err
	}
	folders, err := fs.ReadDir(w.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, f := range folders {
		if g, ok := isVectors(f.Name()); ok && g != generation || atomicfile.IsLeftover(f.Name()) {
			if err := w.root.RemoveAll(f.Name()); err != nil {
				return err
			}
		}
	}
	thumbnails, err := fs.ReadDir(w.root.FS(), thumbnailsFolder)
	if err != nil {
		return err
	}
	for _, f := range thumbnails {
		_, err := strconv.ParseInt(f.Name(), 10, 64)
		ours := err == nil || strings.HasPrefix(f.Name(), newPrefix)
		if ours && !keep[f.Name()] {
			if err := w.root.RemoveAll(path.Join(thumbnailsFolder, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
