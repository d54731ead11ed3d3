package library

import "errors"

var (
	// ErrNotLibrary is wrapped by the error for a folder that is not a library.
	ErrNotLibrary = errors.New("there is no library here")

	// ErrNewer is wrapped by the error for a library that a newer clipcue wrote.
	ErrNewer = errors.New("the library was written by a newer version of clipcue")

	// ErrOlder is wrapped by the error for a library that an older clipcue wrote. Index
	// upgrades it.
	ErrOlder = errors.New("the library was written by an older version of clipcue")

	// ErrBusy is wrapped by the error of [Index] while another run writes the library.
	ErrBusy = errors.New("another run is indexing this library")

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
)

// VectorsError reports damaged vectors. Index makes them again once their folder is
// deleted.
type VectorsError struct {
	Dir    string // the library
	Folder string // the folder of the vectors
	Err    error  // a *vector.CorruptError
}

func (e *VectorsError) Error() string { return e.Err.Error() }

func (e *VectorsError) Unwrap() error { return e.Err }
