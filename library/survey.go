package library

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// record is what the library knows of a video.
type record struct {
	id int64
	version
	sha256  string
	pending bool
	frames  bool // are stored
	there   bool // at its path
	same    bool // in size and time
}

// survey looks for all videos of the library at their paths.
func (w *writer) survey(ctx context.Context, folders []string) (map[string]record, error) {
	known := map[string]record{}
	var path string
	var k record
	var missing bool
	var gone, back []int64
	err := each(ctx, w.db, "SELECT path, id, size, modified, sha256, pending, missing, "+withFrames+" FROM videos ORDER BY path", nil,
		[]any{&path, &k.id, &k.size, &k.modified, &k.sha256, &k.pending, &missing, &k.frames}, func() error {
			now, err := versionOf(path)
			k.there = err == nil
			k.same = k.there && now == k.version
			known[path] = k
			if !k.there {
				if err := whyMissing(path, folders); err != nil {
					w.r.Unreachable = append(w.r.Unreachable, failure(path, err))
				}
			}
			switch {
			case !k.there && !missing:
				gone = append(gone, k.id)
			case k.there && missing:
				back = append(back, k.id)
			}
			return ctx.Err()
		})
	if err != nil {
		return nil, err
	}
	w.total = len(known)
	return known, inTx(ctx, w.db, func(tx *sql.Tx) error {
		return errors.Join(change(ctx, tx, "UPDATE videos SET missing = 1 WHERE id = ?", gone), change(ctx, tx, "UPDATE videos SET missing = 0 WHERE id = ?", back))
	})
}

// change executes a statement for each id.
func change(ctx context.Context, tx *sql.Tx, statement string, ids []int64) error {
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the videos that have to be decoded.
func (w *writer) choose(ctx context.Context, given []string, known map[string]record, all, named bool) ([]video.Source, error) {
	wanted := map[string]bool{}
	for _, path := range given {
		wanted[path] = true
	}
	for path, k := range known {
		switch {
		case !k.there: // though a link to it may be
			delete(wanted, path)
			w.r.Missing = append(w.r.Missing, path)
		case wanted[path]:
		case all || !named || k.pending:
			wanted[path] = true
		case !k.same:
			w.r.Changed = append(w.r.Changed, path)
		}
	}
	slices.Sort(w.r.Missing)
	slices.Sort(w.r.Changed)
	var todo []video.Source
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		w.r.Videos++
		k, old := known[path]
		done := old && k.same && !k.pending && k.frames && !(w.o.Reindex && named)
		if !done && !w.o.Reindex {
			var err error
			if done, err = w.recognize(ctx, path, k, old); err != nil {
				return nil, err
			}
		}
		if done {
			w.r.Present++
		} else {
			todo = append(todo, video.Source{Path: path, ID: path})
		}
	}
	w.r.Present -= w.r.Moved
	w.r.Remaining = len(todo)
	return todo, nil
}

// recognize reports whether the library has a video by its content: the same as before
// with another time, or one that was moved here.
func (w *writer) recognize(ctx context.Context, path string, k record, old bool) (bool, error) {
	now, err := versionOf(path)
	if err != nil || k.pending || old && (now.size != k.size || !k.frames) {
		return false, nil // feature reports what is wrong with it
	}
	was := map[string]int64{} // ids by SHA-256 of what it may be
	if old {
		was[k.sha256] = k.id
	} else {
		var sum string
		var id int64
		if err := each(ctx, w.db, "SELECT sha256, id FROM videos WHERE missing AND NOT pending AND size = ? AND "+withFrames+" ORDER BY id", []any{now.size}, []any{&sum, &id}, func() error {
			was[sum] = id
			return nil
		}); err != nil || len(was) == 0 {
			return false, err
		}
	}
	sum, err := feature.Hash(ctx, path)
	if err != nil {
		return false, ctx.Err()
	}
	id, same := was[sum]
	if !same {
		return false, nil
	}
	if !old {
		w.r.Moved++
		var from string
		if err := w.db.QueryRowContext(ctx, "SELECT path FROM videos WHERE id = ?", id).Scan(&from); err != nil {
			return false, err
		}
		w.r.Missing = slices.DeleteFunc(w.r.Missing, func(m string) bool { return m == from })
		w.r.Unreachable = slices.DeleteFunc(w.r.Unreachable, func(f feature.Failure) bool { return f.Path == from })
	}
	_, err = w.db.ExecContext(ctx, "UPDATE videos SET path = ?, modified = ?, missing = 0 WHERE id = ?", path, now.modified, id)
	return true, err
}

// prune removes the videos and folders that were deleted, if the caller agrees, and
// forgets failures of files that were deleted.
func (w *writer) prune(ctx context.Context) error {
	folders, err := texts(ctx, w.db, nil, "SELECT path FROM folders ORDER BY path")
	if err != nil {
		return err
	}
	if w.o.Prune != nil {
		if err := w.pruneVideos(ctx); err != nil {
			return err
		}
		for _, path := range w.forget {
			if _, err := w.db.ExecContext(ctx, "DELETE FROM folders WHERE path = ?", path); err != nil {
				return err
			}
		}
	}
	failed, err := texts(ctx, w.db, nil, "SELECT path FROM failures")
	if err != nil {
		return err
	}
	for _, path := range failed {
		if whyMissing(path, folders) == nil {
			if _, err := w.db.ExecContext(ctx, "DELETE FROM failures WHERE path = ?", path); err != nil {
				return err
			}
		}
	}
	return nil
}

// pruneVideos removes the videos that were deleted, if the caller agrees.
func (w *writer) pruneVideos(ctx context.Context) error {
	unreachable := map[string]bool{}
	for _, f := range w.r.Unreachable {
		unreachable[f.Path] = true
	}
	gone := slices.DeleteFunc(slices.Clone(w.r.Missing), func(path string) bool { return unreachable[path] })
	if len(gone) == 0 {
		return nil
	}
	if err := w.o.Prune(gone, w.total); err != nil {
		return err
	}
	var dropped dropped
	err := inTx(ctx, w.db, func(tx *sql.Tx) error {
		for _, path := range gone {
			if err := dropped.video(ctx, tx, path); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.r.Pruned = len(dropped.videos)
	return w.remove(ctx, dropped)
}
