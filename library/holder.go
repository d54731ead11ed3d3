package library

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
)

// holderFile says who holds the lock of a library. It is a note for users: only the lock
// itself decides.
const holderFile = "lock.txt"

const maxHolder = 500 // bytes

// BusyError is the error of a change while somebody else changes the library. It wraps
// ErrBusy.
type BusyError struct {
	Dir    string
	Holder string // who, such as "clipcue serve at http://127.0.0.1:8765 (process 7)"; "" = unknown
}

func (e *BusyError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("%s: %v", e.Dir, ErrBusy)
	}
	return fmt.Sprintf("%s: %v: %s", e.Dir, ErrBusy, e.Holder)
}

// Unwrap returns ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

type holderKey struct{}

// WithHolder returns a context whose changes of libraries are made in the name of a
// program, which the [BusyError] of others reports.
func WithHolder(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, holderKey{}, name)
}

// noteHolder writes who holds the lock, which the caller does, and returns a function that
// removes the note. Problems are ignored, as nothing depends on the note.
func noteHolder(ctx context.Context, dir string) (remove func()) {
	root, err := input.OpenRoot(dir)
	if err != nil {
		return func() {}
	}
	name, _ := ctx.Value(holderKey{}).(string)
	if name == "" {
		name = filepath.Base(os.Args[0])
	}
	_ = root.Remove(holderFile) // of a process that was killed; a link is never followed
	if f, err := root.OpenFile(holderFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666); err == nil {
		fmt.Fprintf(f, "%.400s (process %d)", name, os.Getpid())
		f.Close()
	}
	return func() {
		_ = root.Remove(holderFile)
		root.Close()
	}
}

// holder returns who holds the lock of a library, or "".
func holder(dir string) string {
	root, err := input.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	data, err := input.ReadFileIn(root, holderFile, maxHolder)
	if err != nil {
		return ""
	}
	return text.Quote(string(data))
}
