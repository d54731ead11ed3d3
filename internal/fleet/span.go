package fleet

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// A long video is divided into spans, which are units like videos. The first worker that gets
// the video finds the spans, because it has the file, and the coordinator replaces the video in
// the ledger by them. Their results stay in a folder of the coordinator until all are there.
// Whatever goes wrong with spans, the video is processed whole: then the result, or the reason
// for which there is none, is that of one machine by definition.

// spansFolder has the results of spans below the coordinator's folder: a feature store for
// each video.
const spansFolder = "spans"

// maxSpans is the maximum number of spans of a video.
const maxSpans = 5000

// proof shows that two spans of a video fit together: both decode the first frames of the
// second one. The checksums are of the pixels and times of those frames.
type proof struct {
	Head string `json:"head"` // of the frames that the span before has decoded, too
	Tail string `json:"tail"` // of the first frames of the next span
}

// overlap computes the proof of a span, and counts its own frames.
type overlap struct {
	part       video.Part
	head, tail hash.Hash
	own        int
}

func newOverlap(p video.Part) *overlap { return &overlap{p, sha256.New(), sha256.New(), 0} }

func (o *overlap) add(f video.Frame) {
	h := o.tail
	if f.Index < o.part.Last {
		o.own++
		h = o.head
	}
	if f.Index < o.part.Lead || f.Index >= o.part.Last {
		fmt.Fprintf(h, "%d %016x\n", f.Index, math.Float64bits(f.Time))
		h.Write(f.Pix)
	}
}

func (o *overlap) proof() proof {
	return proof{hex.EncodeToString(o.head.Sum(nil)), hex.EncodeToString(o.tail.Sum(nil))}
}

// division is the request of a worker that found the spans of a video.
type division struct {
	Key    string       `json:"key"`
	Worker string       `json:"worker"`
	Parts  []video.Part `json:"parts"`
}

// divide replaces a video by its spans.
func (c *Coordinator) divide(ctx context.Context, d division) (any, error) {
	if _, err := c.machine(d.Worker); err != nil {
		return nil, err
	}
	if err := contiguous(d.Parts); err != nil {
		return nil, err
	}
	defer c.lockKey(d.Key)()
	r, known, err := c.ledger.withKey(ctx, d.Key)
	if err != nil || !known || r.state != waiting && r.state != queued || r.parent != "" || r.unit.Whole {
		return nil, err // decided already
	}
	c.fill()
	return nil, c.ledger.divide(ctx, c.o.Recipe, r, d.Parts)
}

// contiguous returns an error unless parts are those of a video.
func contiguous(parts []video.Part) error {
	at := 0
	for _, p := range parts {
		if p.First != at || p.Last <= p.First || p.Until < p.Last {
			return fmt.Errorf("span from frame %d to %d of a video does not continue at frame %d", p.First, p.Last, at)
		}
		at = p.Last
	}
	if len(parts) < 2 || len(parts) > maxSpans {
		return fmt.Errorf("a video has 2 to %d spans, got %d", maxSpans, len(parts))
	}
	return nil
}

// undivide replaces the spans of a video by the whole.
func (c *Coordinator) undivide(ctx context.Context, r row, reason string) error {
	c.o.Log.Info("a video is processed whole", "video", r.unit.ID, "reason", reason)
	c.fill()
	return errors.Join(c.ledger.undivide(ctx, r.parent), os.RemoveAll(c.spansDir(r.parent)))
}

func (c *Coordinator) spansDir(key string) string { return filepath.Join(c.o.Dir, spansFolder, key) }

// spans returns the store with the results of spans of a video, or nil if there is none.
func (c *Coordinator) spans(key string) *feature.Store {
	s, err := feature.Open(c.spansDir(key))
	if err != nil {
		return nil
	}
	return s
}

// spanName returns the ID of a span in the store of its video.
func spanName(u Unit) string { return strconv.Itoa(u.Part.First) }

// keepSpan stores the result of a span until its video is complete.
func (c *Coordinator) keepSpan(ctx context.Context, r row, m Machine, q *feature.Sequence, p proof) error {
	store, err := feature.Create(c.spansDir(r.parent))
	if err != nil {
		return err
	}
	if err := c.writeNote(newNote(r.unit, m, q)); err != nil {
		return err
	}
	q.ID = spanName(r.unit)
	if err := store.Put(q); err != nil {
		return err
	}
	if err := c.ledger.setSpan(ctx, r.key, p); err != nil {
		return err
	}
	return c.succeeded(ctx, m, r.key)
}

// joinSpans stores the videos whose spans are all done.
func (c *Coordinator) joinSpans(ctx context.Context) error {
	keys, err := c.ledger.complete(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.join(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// join stores a video whose spans are done.
func (c *Coordinator) join(ctx context.Context, key string) error {
	defer c.lockKey(key)()
	r, known, err := c.ledger.withKey(ctx, key)
	if err != nil || !known || r.state != divided {
		return err
	}
	spans, err := c.ledger.spans(ctx, key)
	if err != nil {
		return err
	}
	q, err := c.joined(ctx, r, spans)
	if err != nil {
		return err
	}
	if q == nil {
		return nil
	}
	if err := c.store.Add(q); err != nil {
		return err
	}
	if err := c.ledger.finishDivided(ctx, key); err != nil {
		return err
	}
	return os.RemoveAll(c.spansDir(key))
}

// joined returns the sequence of a video from those of its spans. It returns nil if a span has
// to be extracted again, or if they do not fit together and the video is processed whole.
func (c *Coordinator) joined(ctx context.Context, r row, spans []row) (*feature.Sequence, error) {
	store := c.spans(r.key)
	var all *feature.Sequence
	for i, s := range spans {
		var q *feature.Sequence
		var err error
		if store != nil {
			q, err = store.Get(spanName(s.unit))
		}
		if q == nil {
			c.o.Log.Warn("the result of a span is lost; it is extracted again", "video", s.unit.label(), "reason", err)
			return nil, c.ledger.set(ctx, s.key, waiting, "")
		}
		if i == 0 {
			all = q
			all.ID = r.unit.ID
			continue
		}
		if q.Provenance != all.Provenance || q.Width != all.Width || s.proof.Head != spans[i-1].proof.Tail {
			return nil, c.undivide(ctx, s, fmt.Sprintf("its frames from %d on differ when decoding starts there", s.unit.Part.First))
		}
		all.Features, all.Timestamps = append(all.Features, q.Features...), append(all.Timestamps, q.Timestamps...)
	}
	return all, nil
}

// pruneSpans removes the results of spans of videos that are not divided any more.
func (c *Coordinator) pruneSpans(ctx context.Context) error {
	dir := filepath.Join(c.o.Dir, spansFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		r, known, err := c.ledger.withKey(ctx, e.Name())
		if err != nil {
			return err
		}
		if !known || r.state != divided {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return err
}

// dropSpans deletes the spans of a video, whose key is the value of an SQL expression.
func dropSpans(ctx context.Context, tx *sql.Tx, key string, value any) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM fault WHERE name IN (SELECT name FROM unit WHERE parent <> '' AND parent = "+key+")", value)
	if err == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM unit WHERE parent <> '' AND parent = "+key, value)
	}
	return err
}

// divide replaces a video by its spans, which wait.
func (l *ledger) divide(ctx context.Context, recipe Recipe, r row, parts []video.Part) error {
	return l.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE unit SET state = ?, starts = 0 WHERE key = ?", divided, r.key); err != nil {
			return err
		}
		for _, p := range parts {
			u := r.unit
			u.Part = &p
			data, err := json.Marshal(u)
			if err != nil {
				return err
			}
			key := u.key(recipe)
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO unit (name, key, unit, state, parent) VALUES (?, ?, ?, ?, ?)", key, key, string(data), waiting, r.key); err != nil {
				return err
			}
		}
		return nil
	})
}

// undivide replaces the spans of a video by the whole, which waits.
func (l *ledger) undivide(ctx context.Context, key string) error {
	r, known, err := l.withKey(ctx, key)
	if err != nil || !known || r.state != divided {
		return err
	}
	r.unit.Whole = true
	data, err := json.Marshal(r.unit)
	if err != nil {
		return err
	}
	return l.inTx(ctx, func(tx *sql.Tx) error {
		if err := dropSpans(ctx, tx, "?", key); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE unit SET state = ?, unit = ?, starts = 0 WHERE key = ?", waiting, string(data), key)
		return err
	})
}

// setSpan records that a span is done.
func (l *ledger) setSpan(ctx context.Context, key string, p proof) error {
	_, err := l.db.ExecContext(ctx, "UPDATE unit SET state = ?, proof = ?, starts = 0 WHERE key = ?", done, p.Head+" "+p.Tail, key)
	return err
}

// complete returns the keys of divided videos whose spans are all done.
func (l *ledger) complete(ctx context.Context) (keys []string, err error) {
	rows, err := l.db.QueryContext(ctx, `SELECT key FROM unit AS video WHERE state = ? AND parent = ''
		AND NOT EXISTS (SELECT 1 FROM unit WHERE parent <> '' AND parent = video.key AND state <> ?)`, divided, done)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// spans returns the spans of a video in order.
func (l *ledger) spans(ctx context.Context, key string) ([]row, error) {
	spans, err := l.rows(ctx, "WHERE parent <> '' AND parent = ?", key)
	slices.SortFunc(spans, func(a, b row) int { return a.unit.Part.First - b.unit.Part.First })
	return spans, err
}

// finishDivided records that a divided video is done.
func (l *ledger) finishDivided(ctx context.Context, key string) error {
	return l.inTx(ctx, func(tx *sql.Tx) error {
		if err := dropSpans(ctx, tx, "?", key); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE unit SET state = ?, reason = '' WHERE key = ?", done, key)
		return err
	})
}
