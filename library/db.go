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
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/clipcue/clipcue/internal/input"
)

const (
	dbFile   = "library.db"
	lockFile = "lock.db"
)

// access is what a database is opened for.
type access int

const (
	toRead         access = iota
	toReadSettings        // of this or an older version
	toWrite
)

// openDB opens a library's database. It is opened for writing, or queried, only after its
// schema was found to be ours: views and triggers of another one could run forever or
// change it.
func openDB(ctx context.Context, dir string, a access) (_ *sql.DB, err error) {
	write := a == toWrite
	if err := checkFiles(dir, write); err != nil {
		return nil, err
	}
	options := []string{"_pragma=foreign_keys(1)", "_pragma=busy_timeout(10000)", "_txlock=immediate", "_pragma=cell_size_check(1)",
		"_pragma=hard_heap_limit(" + heapLimit + ")"}
	if write {
		options = append(options, "_pragma=synchronous(FULL)")
	} else {
		options = append(options, "_pragma=trusted_schema(0)", "mode=ro")
	}
	path := filepath.Join(dir, dbFile)
	db, err := connect(ctx, path, options)
	// On a full or read-only disk, SQLite cannot create the files that readers and writers
	// share. They are not needed if nothing waits in the log.
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
	version, err := schemaVersion(ctx, db)
	switch {
	case errors.Is(err, ErrForeign), errors.Is(err, ErrNewer):
		return nil, fmt.Errorf("%s: %w", path, err)
	case err != nil:
		return nil, explain(dir, err)
	case write:
		if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
			return nil, explain(dir, err)
		}
		return db, explain(dir, migrate(ctx, db, version))
	case version == 0:
		return nil, noLibrary(dir)
	case version < len(migrations) && a == toRead:
		return nil, fmt.Errorf("%s: %w", dir, ErrOlder)
	}
	return db, nil
}

// heapLimit bounds SQLite's memory in bytes. Sizes in a database are not trusted.
const heapLimit = "268435456"

// checkFiles returns an error unless the files of a library's folder that SQLite opens
// are regular files. SQLite follows links and waits for pipes.
func checkFiles(dir string, write bool) error {
	root, err := input.OpenRoot(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noLibrary(dir)
	case err != nil:
		return err
	}
	defer root.Close()
	for _, name := range []string{dbFile, dbFile + "-wal", dbFile + "-shm", dbFile + "-journal", lockFile, lockFile + "-journal"} {
		info, err := root.Lstat(name)
		switch {
		case err == nil && !info.Mode().IsRegular():
			return &fs.PathError{Op: "open", Path: filepath.Join(dir, name), Err: input.ErrNotRegular}
		case errors.Is(err, fs.ErrNotExist) && name == dbFile && !write:
			return noLibrary(dir)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return explain(dir, err)
		}
	}
	return nil
}

func noLibrary(dir string) error {
	return fmt.Errorf("%s: %w", dir, ErrNotLibrary)
}

func connect(ctx context.Context, path string, options []string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(absolute)
	if !strings.HasPrefix(slashed, "/") { // a drive letter
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

// lock makes the caller the only writer of a library until unlock is called or the
// process ends. Others learn who it is.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	release, err := acquire(ctx, dir)
	if err != nil {
		return nil, err
	}
	forget := noteHolder(ctx, dir)
	return func() {
		forget()
		release()
	}, nil
}

// acquire takes SQLite's lock on a second database, because SQLite has locks on every system.
// It waits for a moment: [Library.Busy] takes the lock, too.
func acquire(ctx context.Context, dir string) (release func(), err error) {
	db, err := connect(ctx, filepath.Join(dir, lockFile), []string{"_txlock=exclusive", "_pragma=busy_timeout(100)", "_pragma=trusted_schema(0)"})
	var tx *sql.Tx
	if err == nil {
		if tx, err = db.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
			db.Close()
		}
	}
	switch {
	case code(err) == sqlite3.SQLITE_BUSY:
		return nil, &BusyError{dir, holder(dir)}
	case err != nil:
		return nil, explain(dir, err)
	}
	return func() {
		_ = tx.Rollback()
		db.Close()
	}, nil
}

// inTx runs do in a transaction, which is committed if do returns no error.
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

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each scans the rows of a query into targets, and calls do after each.
func each(ctx context.Context, db querier, query string, args []any, targets []any, do func() error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		switch err := rows.Scan(targets...); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // another type, or NULL
			return fmt.Errorf("a row %w: %w", errDamaged, err)
		}
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}

func texts(ctx context.Context, db querier, to []string, query string) ([]string, error) {
	var text string
	err := each(ctx, db, query, nil, []any{&text}, func() error {
		to = append(to, text)
		return nil
	})
	return to, err
}

// code returns SQLite's primary code of an error, 0 for other errors.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// full reports whether SQLite could not make one of its own files larger.
func full(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && slices.Contains([]int{sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP}, e.Code())
}
