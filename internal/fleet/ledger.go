package fleet

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite"

	"github.com/clipcue/clipcue/internal/text"
)

// ledger is the coordinator's database of units, failures and suspended machines. It is on
// disk, so the coordinator's memory does not depend on the number of units.
type ledger struct{ db *sql.DB }

// state of a unit.
type state int

const (
	waiting state = iota // to be published
	queued               // in the queue, or processed by a worker
	done
	failed
	divided // a video whose spans are units
	states
)

// The name of a unit is the text.Key of its ID, so one video has one row whatever the
// Unicode form of its name. The name of a span is its key, its parent the key of its video, and
// its proof, once it is done, what its neighbors must agree with.
const schema = `
CREATE TABLE IF NOT EXISTS unit (
	name TEXT PRIMARY KEY, key TEXT NOT NULL, unit TEXT NOT NULL, state INTEGER NOT NULL,
	starts INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
	parent TEXT NOT NULL DEFAULT '', proof TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS unit_state ON unit (state, parent);
CREATE INDEX IF NOT EXISTS unit_parent ON unit (parent) WHERE parent <> '';
CREATE UNIQUE INDEX IF NOT EXISTS unit_key ON unit (key);
CREATE TABLE IF NOT EXISTS fault (
	attempt TEXT PRIMARY KEY, name TEXT NOT NULL, machine TEXT NOT NULL, reason TEXT NOT NULL, video INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS fault_name ON fault (name);
CREATE TABLE IF NOT EXISTS suspended (machine TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`

// openLedger opens or creates the ledger in a folder. A process has it alone.
func openLedger(ctx context.Context, dir string) (*ledger, error) {
	path, err := filepath.Abs(filepath.Join(dir, "fleet.db"))
	if err != nil {
		return nil, err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive letter
		path = "/" + path
	}
	options := "_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=busy_timeout(200)&_pragma=trusted_schema(0)"
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: options}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "BEGIN IMMEDIATE; "+schema+" COMMIT"); err != nil {
		if strings.Contains(err.Error(), "locked") {
			err = fmt.Errorf("%s: %w", dir, ErrCoordinator)
		}
		return nil, errors.Join(err, db.Close())
	}
	return &ledger{db}, nil
}

func (l *ledger) close() error { return l.db.Close() }

// inTx runs do in a transaction.
func (l *ledger) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// row is a unit in the ledger.
type row struct {
	name, key, reason string
	unit              Unit
	state             state
	starts            int // deliveries without a result
	parent            string
	proof             proof
}

const columns = "SELECT name, key, unit, state, starts, reason, parent, proof FROM unit "

type scanner interface{ Scan(...any) error }

func scan(s scanner) (r row, err error) {
	var unit, proof string
	if err := s.Scan(&r.name, &r.key, &unit, &r.state, &r.starts, &r.reason, &r.parent, &proof); err != nil {
		return r, err
	}
	r.proof.Head, r.proof.Tail, _ = strings.Cut(proof, " ")
	return r, json.Unmarshal([]byte(unit), &r.unit)
}

// find returns the row of a video, or false.
func (l *ledger) find(ctx context.Context, id string) (row, bool, error) {
	return found(scan(l.db.QueryRowContext(ctx, columns+"WHERE name = ?", text.Key(id))))
}

// withKey returns the row with a key, or false.
func (l *ledger) withKey(ctx context.Context, key string) (row, bool, error) {
	return found(scan(l.db.QueryRowContext(ctx, columns+"WHERE key = ?", key)))
}

func found(r row, err error) (row, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

// put adds units in a state, or replaces them.
func (l *ledger) put(ctx context.Context, r Recipe, units []Unit, s state) error {
	return l.inTx(ctx, func(tx *sql.Tx) error {
		known, err := tx.PrepareContext(ctx, "SELECT EXISTS (SELECT 1 FROM unit WHERE name = ?)")
		if err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO unit (name, key, unit, state) VALUES (?, ?, ?, ?)")
		if err != nil {
			return err
		}
		for _, u := range units {
			data, err := json.Marshal(u)
			if err != nil {
				return err
			}
			name, old := text.Key(u.ID), false
			if err := known.QueryRowContext(ctx, name).Scan(&old); err != nil {
				return err
			}
			if old {
				if err := forget(ctx, tx, name); err != nil {
					return err
				}
			}
			if _, err := insert.ExecContext(ctx, name, u.key(r), string(data), s); err != nil {
				return err
			}
		}
		return nil
	})
}

// forget deletes the failures and the spans of a video.
func forget(ctx context.Context, tx *sql.Tx, name string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM fault WHERE name = ?", name); err != nil {
		return err
	}
	return dropSpans(ctx, tx, "(SELECT key FROM unit WHERE name = ?)", name)
}

// set changes the state of a unit, and forgets its deliveries.
func (l *ledger) set(ctx context.Context, key string, s state, reason string) error {
	_, err := l.db.ExecContext(ctx, "UPDATE unit SET state = ?, reason = ?, starts = 0 WHERE key = ?", s, reason, key)
	return err
}

// start counts a delivery, and returns how many had no result.
func (l *ledger) start(ctx context.Context, key string) (n int, err error) {
	err = l.db.QueryRowContext(ctx, "UPDATE unit SET starts = starts + 1 WHERE key = ? RETURNING starts", key).Scan(&n)
	return n, err
}

// unstart takes back start.
func (l *ledger) unstart(ctx context.Context, key string) error {
	_, err := l.db.ExecContext(ctx, "UPDATE unit SET starts = starts - 1 WHERE key = ? AND starts > 0", key)
	return err
}

// first returns up to n units in a state.
func (l *ledger) first(ctx context.Context, s state, n int) ([]row, error) {
	return l.rows(ctx, "WHERE state = ? LIMIT ?", s, n)
}

// rows returns the units that a condition selects.
func (l *ledger) rows(ctx context.Context, where string, values ...any) (rows []row, err error) {
	found, err := l.db.QueryContext(ctx, columns+where, values...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		r, err := scan(found)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// published records that units are in the queue.
func (l *ledger) published(ctx context.Context, rows []row) error {
	return l.inTx(ctx, func(tx *sql.Tx) error {
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, "UPDATE unit SET state = ? WHERE key = ? AND state = ?", queued, r.key, waiting); err != nil {
				return err
			}
		}
		return nil
	})
}

// unpublish records that the queue lost everything.
func (l *ledger) unpublish(ctx context.Context) error {
	_, err := l.db.ExecContext(ctx, "UPDATE unit SET state = ? WHERE state = ?", waiting, queued)
	return err
}

// tally is the number of videos and of spans in each state.
type tally struct{ videos, spans [states]int }

// counts returns the number of units in each state.
func (l *ledger) counts(ctx context.Context) (n tally, err error) {
	rows, err := l.db.QueryContext(ctx, "SELECT state, parent <> '', count(*) FROM unit GROUP BY 1, 2")
	if err != nil {
		return n, err
	}
	defer rows.Close()
	for rows.Next() {
		var s state
		var isSpan bool
		var c int
		if err := rows.Scan(&s, &isSpan, &c); err != nil {
			return n, err
		}
		if isSpan {
			n.spans[s] = c
		} else {
			n.videos[s] = c
		}
	}
	return n, rows.Err()
}

// count returns the number of units in a state.
func (l *ledger) count(ctx context.Context, s state) (n int, err error) {
	err = l.db.QueryRowContext(ctx, "SELECT count(*) FROM unit WHERE state = ?", s).Scan(&n)
	return n, err
}

// fault is a failure of a unit on a machine.
type fault struct {
	machine, reason string
	video           bool // the video may be the cause, not only the machine
}

// addFault records the failure of an attempt and returns all of the unit. A worker that got
// no answer reports a failure again.
func (l *ledger) addFault(ctx context.Context, name, attempt string, f fault) ([]fault, error) {
	if _, err := l.db.ExecContext(ctx, "INSERT OR IGNORE INTO fault VALUES (?, ?, ?, ?, ?)", attempt, name, f.machine, f.reason, f.video); err != nil {
		return nil, err
	}
	return l.faults(ctx, name)
}

func (l *ledger) faults(ctx context.Context, name string) (out []fault, err error) {
	rows, err := l.db.QueryContext(ctx, "SELECT machine, reason, video FROM fault WHERE name = ? ORDER BY rowid", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var f fault
		if err := rows.Scan(&f.machine, &f.reason, &f.video); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// suspend records that a machine gets no more work.
func (l *ledger) suspend(ctx context.Context, machine, reason string) error {
	_, err := l.db.ExecContext(ctx, "INSERT OR REPLACE INTO suspended VALUES (?, ?)", machine, reason)
	return err
}

// release is the inverse of suspend. It reports whether the machine was suspended.
func (l *ledger) release(ctx context.Context, machine string) (bool, error) {
	r, err := l.db.ExecContext(ctx, "DELETE FROM suspended WHERE machine = ?", machine)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// suspensions returns the suspended machines with the reasons.
func (l *ledger) suspensions(ctx context.Context) (map[string]string, error) {
	rows, err := l.db.QueryContext(ctx, "SELECT machine, reason FROM suspended")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, reason string
		if err := rows.Scan(&name, &reason); err != nil {
			return nil, err
		}
		out[name] = reason
	}
	return out, rows.Err()
}

// adopt replaces the ledger's recipe. Units of another recipe are not finished.
func (l *ledger) adopt(ctx context.Context, r Recipe) error {
	made := fmt.Sprintf("%q", []string{r.Backbone, r.Preprocessing, r.Sampling, fmt.Sprint(r.Stream)})
	var old string
	err := l.db.QueryRowContext(ctx, "SELECT value FROM setting WHERE name = 'recipe'").Scan(&old)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || old == made {
		return err
	}
	return l.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM unit; DELETE FROM fault; INSERT OR REPLACE INTO setting VALUES ('recipe', ?)", made)
		return err
	})
}

// reconcile compares units that are done with the store, which may have lost some. It
// returns the number of those that will be processed again.
func (l *ledger) reconcile(ctx context.Context, stored func(row) bool) (n int, err error) {
	after := ""
	for {
		rows, err := l.page(ctx, after)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		for _, r := range rows {
			if !stored(r) {
				n++
				if err := l.set(ctx, r.key, waiting, ""); err != nil {
					return n, err
				}
			}
			after = r.name
		}
	}
}

// page returns some of the units that are done, by name.
func (l *ledger) page(ctx context.Context, after string) (out []row, err error) {
	rows, err := l.db.QueryContext(ctx, columns+"WHERE state = ? AND name > ? ORDER BY name LIMIT 1000", done, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
