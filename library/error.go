package library

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/vector"
)

var (
	// ErrNotLibrary is wrapped by the error for a folder that is not a library.
	ErrNotLibrary = errors.New("there is no library here")

	// ErrForeign is wrapped by the error for a folder with files of another program where
	// those of a library would be. Nothing in it is changed.
	ErrForeign = errors.New("it does not belong to a library of clipcue")

	// ErrNewer is wrapped by the error for a library that a newer clipcue wrote.
	ErrNewer = errors.New("the library was written by a newer version of clipcue")

	// ErrOlder is wrapped by the error for a library that an older clipcue wrote. Index
	// upgrades it.
	ErrOlder = errors.New("the library was written by an older version of clipcue")

	// ErrBusy is wrapped by the [*BusyError] of changes while another run writes the library.
	ErrBusy = errors.New("another run is indexing this library, or changing it")

	// ErrLocked is wrapped by the error when another program locks the database.
	ErrLocked = errors.New("another program locks the database")

	// ErrDiskFull is wrapped by errors of [Index]. Videos that were indexed before stay
	// indexed.
	ErrDiskFull = errors.New("the disk is full")

	// ErrNotWritable is wrapped by errors of [Index].
	ErrNotWritable = errors.New("the library cannot be written")

	// ErrDamaged is wrapped by the error for a damaged database. Damaged vectors are a
	// *[VectorsError].
	ErrDamaged = errors.New("the database is damaged")

	// ErrEmptyQuery is wrapped by the error for a text query without any letter, digit or
	// symbol.
	ErrEmptyQuery = errors.New("the query is empty")

	// ErrQuery is wrapped by the error for a text query that is not UTF-8 or too long, or whose exclusions
	// cannot be read.
	ErrQuery = errors.New("the query cannot be read")
)

// VectorsError reports damaged or missing vectors. Index makes missing ones again.
type VectorsError struct {
	Dir     string // the library
	Folder  string // the folder of the vectors
	Missing bool   // the folder does not exist
	Err     error
}

func (e *VectorsError) Error() string { return e.Err.Error() }

func (e *VectorsError) Unwrap() error { return e.Err }

// explain returns the typed error for an error of the disk or the database.
func explain(dir string, err error) error {
	var vectors *vector.CorruptError
	c := code(err)
	if c != 0 {
		err = quotedError{err}
	}
	switch {
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
		return &VectorsError{Dir: dir, Folder: filepath.Join(dir, folder), Err: err}
	case c == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s: %w: %w", filepath.Join(dir, dbFile), ErrLocked, err)
	case c != 0:
		return fmt.Errorf("%s: %w", filepath.Join(dir, dbFile), err)
	}
	return err
}

// quotedError is an error of SQLite, which may quote several lines of a database.
type quotedError struct{ error }

func (e quotedError) Error() string { return text.Quote(e.error.Error()) }
func (e quotedError) Unwrap() error { return e.error }
