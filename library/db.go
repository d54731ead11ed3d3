package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/clipcue/clipcue/vector"
)

const (
	dbFile   = "library.db"
	lockFile = "lock.db"
)

// migrations upgrade a database of version i to version i+1. The version is stored in
// PRAGMA user_version. A published migration never changes.
//
// A video that is waiting to be re-indexed has pending set and no moments. Times are
// seconds as a player shows them; modified is in nanoseconds since 1970. A video's
// background is the sum over its moments. A moment's thumbnail is its number in the
// video's folder, picture is that file's checksum. sum is the checksum of the row; see
// sums.go.
var migrations = []string{`
CREATE TABLE settings (
	only       INTEGER PRIMARY KEY CHECK (only = 1),
	generation INTEGER NOT NULL, -- of the vectors
	json       TEXT NOT NULL,
	sum        INTEGER
);
CREATE TABLE folders (path TEXT PRIMARY KEY, sum INTEGER) WITHOUT ROWID;
CREATE TABLE videos (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	path       TEXT NOT NULL UNIQUE,
	size       INTEGER NOT NULL,
	modified   INTEGER NOT NULL,
	sha256     TEXT NOT NULL,
	seconds    REAL NOT NULL,
	partial    TEXT NOT NULL,
	moments    INTEGER NOT NULL, -- how many it has
	background REAL NOT NULL,
	pending    INTEGER NOT NULL DEFAULT 0,
	missing    INTEGER NOT NULL DEFAULT 0,
	sum        INTEGER
);
CREATE INDEX videos_content ON videos (sha256);
CREATE TABLE moments (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	video     INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
	start     REAL NOT NULL,
	"end"     REAL NOT NULL,
	thumbnail INTEGER NOT NULL,
	picture   INTEGER NOT NULL,
	sum       INTEGER
);
CREATE INDEX moments_video ON moments (video, start);
CREATE TABLE failures (
	path   TEXT PRIMARY KEY,
	reason TEXT NOT NULL,
	time   TEXT NOT NULL,
	sum    INTEGER
) WITHOUT ROWID;
` + triggers()}

// openDB opens a library's database, for writing or for reading alone.
func openDB(ctx context.Context, dir string, write bool) (_ *sql.DB, err error) {
	path := filepath.Join(dir, dbFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !write {
		return nil, noLibrary(dir)
	}
	options := []string{"_pragma=foreign_keys(1)", "_pragma=busy_timeout(10000)", "_txlock=immediate"}
	if write {
		options = append(options, "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)")
	} else {
		options = append(options, "mode=ro")
	}
	db, err := connect(ctx, path, options)
	// Where nothing can be written, or the disk is full, the files that readers and
	// writers share cannot be made. Without any writer they are not needed.
	if c := code(err); !write && (c == sqlite3.SQLITE_CANTOPEN || c == sqlite3.SQLITE_IOERR || c == sqlite3.SQLITE_READONLY) {
		if info, e := os.Stat(path + "-wal"); e != nil || info.Size() == 0 {
			db, err = connect(ctx, path, append(options, "immutable=1"))
		}
	}
	if err != nil {
		return nil, explain(dir, err)
	}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	version := 0
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return nil, explain(dir, err)
	}
	switch {
	case version > len(migrations):
		return nil, fmt.Errorf("%s: %w: version %d, supported up to %d", dir, ErrNewer, version, len(migrations))
	case version == len(migrations):
		return db, nil
	case !write && version == 0:
		return nil, noLibrary(dir)
	case !write:
		return nil, fmt.Errorf("%s: %w", dir, ErrOlder)
	}
	return db, explain(dir, migrate(ctx, db, version))
}

func noLibrary(dir string) error {
	return fmt.Errorf("%s: %w", dir, ErrNotLibrary)
}

func migrate(ctx context.Context, db *sql.DB, version int) error {
	for ; version < len(migrations); version++ {
		err := inTx(ctx, db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, migrations[version]+fmt.Sprintf("PRAGMA user_version = %d;", version+1))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func connect(ctx context.Context, path string, options []string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(absolute)
	if !strings.HasPrefix(slashed, "/") { // a drive's letter
		slashed = "/" + slashed
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: slashed, RawQuery: strings.Join(options, "&")}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// lock has a library for the only writer, until unlock is called or the process
// ends. The lock is SQLite's own on a database beside the library's, because it is
// to be had on every system.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	db, err := connect(ctx, filepath.Join(dir, lockFile), []string{"_txlock=exclusive", "_pragma=busy_timeout(0)"})
	var tx *sql.Tx
	if err == nil {
		if tx, err = db.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
			db.Close()
		}
	}
	switch {
	case code(err) == sqlite3.SQLITE_BUSY:
		return nil, fmt.Errorf("%s: %w", dir, ErrBusy)
	case err != nil:
		return nil, explain(dir, err)
	}
	return func() {
		_ = tx.Rollback()
		db.Close()
	}, nil
}

// inTx runs do in a transaction, which is committed if it returns no error.
func inTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// code is SQLite's primary code of an error, 0 for other errors.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// full reports whether SQLite could not make a file of its own larger.
func full(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE || e.Code() == sqlite3.SQLITE_IOERR_SHMMAP)
}

// explain says what an error of the disk or the database means for a library.
func explain(dir string, err error) error {
	var vectors *vector.CorruptError
	switch c := code(err); {
	case err == nil:
		return nil
	case c == sqlite3.SQLITE_FULL, full(err), errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s: %w; everything that was indexed is kept: %w", dir, ErrDiskFull, err)
	case c == sqlite3.SQLITE_READONLY, c == sqlite3.SQLITE_CANTOPEN, errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: %w", dir, ErrNotWritable, err)
	case c == sqlite3.SQLITE_CORRUPT, c == sqlite3.SQLITE_NOTADB, c == sqlite3.SQLITE_ERROR, errors.Is(err, errDamaged):
		return fmt.Errorf("%s: %w: %w", filepath.Join(dir, dbFile), ErrDamaged, err)
	case errors.As(err, &vectors):
		inside, _ := filepath.Rel(dir, vectors.File)
		folder, _, _ := strings.Cut(filepath.ToSlash(inside), "/")
		return &VectorsError{dir, filepath.Join(dir, folder), err}
	case c == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s: %w: %w", filepath.Join(dir, dbFile), ErrLocked, err)
	case c != 0:
		return fmt.Errorf("%s: %w", filepath.Join(dir, dbFile), err)
	}
	return err
}
