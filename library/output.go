package library

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/clipcue/clipcue/internal/text"
)

// ErrOwnFile is the error of [Library.CheckOutput].
var ErrOwnFile = errors.New("an output would replace what it is made of")

// CheckOutput returns an error around ErrOwnFile if a path that a user named for an output is in
// the library's folder, or is one of its videos. Empty paths are none.
func (l *Library) CheckOutput(ctx context.Context, paths ...string) error {
	dir, err := filepath.Abs(l.dir)
	if err != nil {
		return err
	}
	own := realPath(dir)
	for _, path := range paths {
		if path == "" {
			continue
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		real := realPath(absolute)
		if below, err := filepath.Rel(own, real); err == nil && filepath.IsLocal(below) {
			return fmt.Errorf("%w: %s is in the library's folder", ErrOwnFile, text.Quote(path))
		}
		var videos int
		if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM videos WHERE path IN (?, ?)", absolute, real).Scan(&videos); err != nil {
			return explain(l.dir, err)
		}
		if videos > 0 {
			return fmt.Errorf("%w: %s is a video of the library", ErrOwnFile, text.Quote(path))
		}
	}
	return nil
}

// realPath returns an absolute path without links. Its last part need not exist.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}
