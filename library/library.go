package library

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/vector"
)

const (
	vectorsPrefix    = "vectors-"
	thumbnailsFolder = "thumbnails"
)

// Embedder embeds text queries and moments in one space. A retrieval.Retriever is one.
// Embeddings have width E and length 1. If it has a method Reads(query string) bool, queries in
// other scripts that it reads give no warning.
type Embedder interface {
	// EncodeTexts returns the embeddings [n,E] of n text queries.
	EncodeTexts(ctx context.Context, queries []string) ([]float32, error)
	// EncodeVideo returns the embedding [E] of a part of a video, in seconds as a player shows
	// them.
	EncodeVideo(ctx context.Context, q *feature.Sequence, start, end float64) ([]float32, error)
	// Fingerprint identifies everything that embeddings depend on.
	Fingerprint() string
	// Temperature is what the model divides cosines by to compare them.
	Temperature() float64
}

// Library is a library that is open for reading. Its methods may be called from several
// goroutines. They do not see what is indexed later; open the library again for that.
type Library struct {
	dir        string
	root       *os.Root
	db         *sql.DB
	vectors    vector.Index
	generation int64
	settings   Settings

	mu     sync.Mutex
	mean   []float32    // average, nil until it is needed
	level  *float64     // measure, nil until it is needed
	ranges []videoRange // nil until they are needed
	rows   rowCache
}

// Open opens a library for searching. servers are those that it may connect to; a library
// whose vectors are on another server gives a [ServerError].
func Open(ctx context.Context, dir string, servers ...Server) (_ *Library, err error) {
	l := &Library{dir: dir}
	if l.db, err = openDB(ctx, dir, toRead); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.db.Close()
			if l.root != nil {
				l.root.Close()
			}
		}
	}()
	if l.root, err = input.OpenRoot(dir); err != nil {
		return nil, err
	}
	for {
		if l.generation, l.settings, err = readSettings(ctx, l.db); err != nil {
			return nil, explain(dir, err)
		}
		if l.generation == 0 {
			return nil, noLibrary(dir)
		}
		if err = l.checkVectors(); err == nil {
			l.vectors, err = openVectors(ctx, dir, l.generation, l.settings, false, servers...)
		}
		if err == nil {
			return l, nil
		}
		// A run may have replaced them.
		if now, _, e := readSettings(ctx, l.db); e != nil || now == l.generation {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, &VectorsError{Dir: dir, Folder: vectorsIn(dir, l.generation), Missing: true, Err: err}
			}
			return nil, explain(dir, err)
		}
	}
}

// checkVectors returns an error unless the folder of the vectors is a folder of the
// library, and no link.
func (l *Library) checkVectors() error {
	if l.settings.Server != "" {
		return nil
	}
	return checkFolder(l.root, filepath.Base(vectorsIn("", l.generation)))
}

// Close closes the library.
func (l *Library) Close() error { return errors.Join(l.vectors.Close(), l.db.Close(), l.root.Close()) }

// Settings returns the settings of the library.
func (l *Library) Settings() Settings { return l.settings }

// Thumbnail returns the JPEG file of a result of this library. A file that does not match
// its checksum, or is not in the library, is an error.
func (l *Library) Thumbnail(r Result) ([]byte, error) { return r.thumbnail.read(l.root) }

// Info describes a library.
type Info struct {
	Library  string            `json:"library"`
	Videos   int               `json:"videos"`
	Seconds  float64           `json:"seconds"` // of these
	Moments  int               `json:"moments"`
	Pending  []string          `json:"pending"` // videos waiting to be re-indexed
	Missing  []string          `json:"missing"` // videos that were not at their paths
	Partial  []feature.Failure `json:"partial"` // videos of which only a part could be decoded
	Failed   []feature.Failure `json:"failed"`  // videos that are not in the library because they failed
	Folders  []string          `json:"folders"` // that the library was given
	Bytes    int64             `json:"bytes"`   // of the library's folder
	Settings Settings          `json:"settings"`
}

// Info returns a description of the library.
func (l *Library) Info(ctx context.Context) (Info, error) {
	i := Info{Library: l.dir, Settings: l.settings, Pending: []string{}, Missing: []string{}, Partial: []feature.Failure{}, Failed: []feature.Failure{}, Folders: []string{}}
	err := verify(ctx, l.db, "folders", "videos", "failures")
	if err == nil {
		err = l.db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(seconds), 0), coalesce(sum(moments), 0) FROM videos").Scan(&i.Videos, &i.Seconds, &i.Moments)
	}
	for query, list := range map[string]*[]string{
		"SELECT path FROM videos WHERE pending ORDER BY path": &i.Pending,
		"SELECT path FROM videos WHERE missing ORDER BY path": &i.Missing,
		"SELECT path FROM folders ORDER BY path":              &i.Folders,
	} {
		if err == nil {
			*list, err = texts(ctx, l.db, *list, query)
		}
	}
	if err == nil {
		i.Failed, err = failures(ctx, l.db, i.Failed, "SELECT path, reason, time FROM failures ORDER BY path")
	}
	if err == nil {
		i.Partial, err = failures(ctx, l.db, i.Partial, "SELECT path, partial, '' FROM videos WHERE partial != '' ORDER BY path")
	}
	if err == nil {
		err = filepath.WalkDir(l.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return ctx.Err() // removed meanwhile
			}
			if info, err := d.Info(); err == nil {
				i.Bytes += info.Size()
			}
			return ctx.Err()
		})
	}
	return i, explain(l.dir, err)
}

func failures(ctx context.Context, db querier, to []feature.Failure, query string) ([]feature.Failure, error) {
	var f feature.Failure
	var at string
	err := each(ctx, db, query, nil, []any{&f.Path, &f.Reason, &at}, func() error {
		f.ID, f.Time = f.Path, parseTime(at)
		to = append(to, f)
		return nil
	})
	return to, err
}
