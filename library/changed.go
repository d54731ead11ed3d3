package library

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/text"
)

// ErrChanged is wrapped by the error for a video whose file is not the one that was indexed.
var ErrChanged = errors.New("the file has changed since it was indexed")

// version identifies the content of a video's file without reading it.
type version struct {
	size     int64 // bytes
	modified int64 // nanoseconds since 1970
}

// versionOf returns the version of the file at a path. Errors are those of [feature.Stat].
func versionOf(path string) (version, error) {
	size, modified, err := feature.Stat(path)
	return version{size, modified.UnixNano()}, err
}

// unchanged returns an error that wraps [ErrChanged] if the file at a path has another
// version. [Index] reads the content of such a file. It re-indexes the video, or stores the
// new time if the content is the same. A file that cannot be found is missing, not changed.
func (v version) unchanged(path string) error {
	if now, err := versionOf(path); err == nil && now != v {
		return fmt.Errorf("%s: %w", text.Quote(path), ErrChanged)
	}
	return nil
}

// Unchanged returns an error that wraps [ErrChanged] if the file of the video has another
// size or modification time than when it was indexed.
func (v Video) Unchanged() error { return v.file.unchanged(v.Path) }

// Unchanged is [Video.Unchanged] for the video of the result.
func (r Result) Unchanged() error { return r.file.unchanged(r.Video) }

// Changed returns which of the given videos, by path, have changed since they were indexed;
// see [Video.Unchanged].
func (l *Library) Changed(ctx context.Context, paths []string) (map[string]bool, error) {
	given := map[string]bool{}
	for _, path := range paths {
		given[path] = true
	}
	videos, err := l.Videos(ctx)
	changed := map[string]bool{}
	for _, v := range videos {
		if given[v.Path] && v.Unchanged() != nil {
			changed[v.Path] = true
		}
	}
	return changed, err
}

// findChanged sets Changed of results, and returns how many videos have changed.
func findChanged(results []Result) (n int) {
	changed := map[int64]bool{} // by video
	for i := range results {
		r := &results[i]
		c, known := changed[r.thumbnail.video]
		if !known {
			if c = r.Unchanged() != nil; c {
				n++
			}
			changed[r.thumbnail.video] = c
		}
		r.Changed = c
	}
	return n
}
