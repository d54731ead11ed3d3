// Package library keeps what many videos show, to be searched by a sentence, a
// picture or another video. A library is a folder: the moments of each video,
// windows of a few seconds that overlap, stand with their times in an SQLite
// database, their embeddings in a [vector.Index], and a thumbnail of each as a JPEG
// file.
//
//	library.db      what there is: the truth
//	vectors-1/      the embeddings, by the moments' ids; the number is a generation.
//	                They may be on a server instead
//	thumbnails/     a folder for each video, by its id
//	lock.db         is locked while a run writes
//
// The database is the truth because it alone changes by transactions that span all
// there is to say of a video. A moment's embedding and thumbnail are on the disk
// before the transaction that names them is committed, and are deleted after the
// one that drops them: so whatever happens, each moment has both, and what no
// moment names is removed by the next run.
package library

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/vector/weaviate"
)

// Embedder brings sentences and moments into one space. A retrieval.Retriever is
// one. Embeddings have width E and length 1.
type Embedder interface {
	// Texts embeds n sentences, [n,E].
	Texts(ctx context.Context, sentences []string) ([]float32, error)
	// Video embeds a part of a video, in seconds as a player shows them, [E].
	Video(ctx context.Context, q *feature.Sequence, start, end float64) ([]float32, error)
	// Fingerprint identifies everything that embeddings depend on.
	Fingerprint() string
	// Temperature is what the model divides cosines by to compare them.
	Temperature() float64
}

// Settings are what a library was made with. All its moments agree in them.
type Settings struct {
	// Model and Adapter are paths or names for those who load them again; "" is the
	// program's own model, and no adapter.
	Model      string `json:"model"`
	Activation string `json:"activation,omitempty"`
	Precision  string `json:"precision,omitempty"`
	Adapter    string `json:"adapter"`

	Fingerprint string  `json:"fingerprint"` // of the two
	Preprocess  string  `json:"preprocess"`
	Sampling    string  `json:"sampling"`
	Window      float64 `json:"window"` // seconds of a moment
	Hop         float64 `json:"hop"`    // from one moment's start to the next one's
	Width       int     `json:"width"`  // E

	// Graph is from how many moments on a search is approximate: below, it looks at
	// each of them.
	Graph int `json:"graph"`

	// Server is the address of the Weaviate server that keeps the vectors; "" keeps
	// them in the library's folder. Collection begins the name that they have there.
	Server     string `json:"server,omitempty"`
	Collection string `json:"collection,omitempty"`

	Captions    []string `json:"captions"` // the background
	Temperature float64  `json:"temperature"`
}

// DefaultGraph is the Graph of a library of which nothing else was said: below it the
// exact search is quick (bench/README.md), and a graph takes minutes to be made.
const DefaultGraph = 1_000_000

// MismatchError is returned where a library does not fit the model or the windows
// that it is to be used with.
type MismatchError struct {
	Library, What, Have, Want, Remedy string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: the library was made with %s %s, but this run uses %s; %s", e.Library, e.What, e.Have, e.Want, e.Remedy)
}

// fits returns a MismatchError unless moments of both settings can stand side by
// side.
func (s Settings) fits(dir string, run Settings) error {
	seconds := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) + " s" }
	fps, _ := strings.CutPrefix(run.Sampling, "fps=")
	var first *MismatchError
	reindex := "clipcue index --library " + dir + " --reindex"
	for _, m := range []struct{ what, have, want, option string }{
		{"the model", s.Fingerprint, run.Fingerprint, run.names()},
		{"preprocessing", s.Preprocess, run.Preprocess, "--precision " + cmp.Or(run.Precision, "float32")},
		{"sampling", s.Sampling, run.Sampling, "--fps " + fps},
		{"windows of", seconds(s.Window), seconds(run.Window), fmt.Sprintf("--window %gs", run.Window)},
		{"windows every", seconds(s.Hop), seconds(run.Hop), fmt.Sprintf("--hop %gs", run.Hop)},
		{"vectors in", cmp.Or(s.Server, "its folder"), cmp.Or(run.Server, "its folder"), "--server " + run.Server},
		{"the background captions", captionsID(s.Captions), captionsID(run.Captions), "--background-captions FILE"},
	} {
		if m.have == m.want {
			continue
		}
		if first == nil {
			first = &MismatchError{Library: dir, What: m.what, Have: m.have, Want: m.want}
		}
		if !strings.Contains(reindex, m.option) {
			reindex += " " + m.option
		}
	}
	if first == nil {
		return nil
	}
	first.Remedy = "leave the option out, or re-index everything with: " + reindex
	return first
}

// Library is a library that is open for reading. Its methods may be called from
// several goroutines. What a run adds meanwhile is not found; open it again for
// that.
type Library struct {
	dir        string
	db         *sql.DB
	vectors    vector.Index
	generation int64
	settings   Settings
	mean       func() ([]float32, error) // average, once
	level      func() (float64, error)   // measure, once
}

// Open opens a library for searching.
func Open(ctx context.Context, dir string) (_ *Library, err error) {
	l := &Library{dir: dir}
	if l.db, err = openDB(ctx, dir, false); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.db.Close()
		}
	}()
	for {
		if l.generation, l.settings, err = readSettings(ctx, l.db); err != nil {
			return nil, explain(dir, err)
		}
		if l.generation == 0 {
			return nil, noLibrary(dir)
		}
		if l.vectors, err = openVectors(ctx, dir, l.generation, l.settings, false); err == nil {
			break
		}
		// A run may have put others in their place.
		if now, _, e := readSettings(ctx, l.db); e != nil || now == l.generation {
			if errors.Is(err, fs.ErrNotExist) { // and not explained
				err = fmt.Errorf("%w; make the vectors again: clipcue index --library %s", err, dir)
			}
			return nil, explain(dir, err)
		}
	}
	l.mean, l.level = sync.OnceValues(l.average), sync.OnceValues(l.measure)
	return l, nil
}

// Close closes the library.
func (l *Library) Close() error { return errors.Join(l.vectors.Close(), l.db.Close()) }

// Settings are what the library was made with.
func (l *Library) Settings() Settings { return l.settings }

// ReadSettings tells what a library was made with, without opening its vectors.
func ReadSettings(ctx context.Context, dir string) (Settings, error) {
	db, err := openDB(ctx, dir, false)
	if err != nil {
		return Settings{}, err
	}
	defer db.Close()
	generation, s, err := readSettings(ctx, db)
	if err == nil && generation == 0 {
		err = noLibrary(dir)
	}
	return s, explain(dir, err)
}

// readSettings returns generation 0 for a library that was never filled.
func readSettings(ctx context.Context, db *sql.DB) (generation int64, s Settings, err error) {
	var text string
	var whole bool
	err = db.QueryRowContext(ctx, "SELECT coalesce(CAST(generation AS INTEGER), 0), coalesce(CAST(json AS TEXT), ''), "+intact("settings")+" FROM settings").Scan(&generation, &text, &whole)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, s, nil
	}
	if err != nil {
		return 0, s, err
	}
	whole = whole && json.Unmarshal([]byte(text), &s) == nil
	if _, err := s.complete(Settings{}); err != nil || !whole || generation < 1 || s.Width < 1 || !(s.Temperature > 0) {
		return 0, Settings{}, damaged("settings")
	}
	return generation, s, nil
}

const (
	vectorsPrefix    = "vectors-"
	thumbnailsFolder = "thumbnails"
)

// openVectors opens the engine that holds a generation of a library's vectors.
func openVectors(ctx context.Context, dir string, generation int64, s Settings, write bool) (x vector.Index, err error) {
	if s.Server != "" {
		x, err = weaviate.Open(ctx, s.Server, fmt.Sprintf("%s_%d", s.Collection, generation), s.Width, weaviate.Options{Key: os.Getenv("CLIPCUE_WEAVIATE_KEY")})
	} else {
		x, err = vector.Open(vectorsIn(dir, generation), s.Width, vector.Options{ReadOnly: !write, Graph: s.Graph})
	}
	if err != nil {
		return nil, err // and no typed nil
	}
	return x, nil
}

func vectorsIn(dir string, generation int64) string {
	return filepath.Join(dir, vectorsPrefix+strconv.FormatInt(generation, 10))
}

// thumbnail is the file of a thumbnail of a video.
func thumbnail(dir string, video int64, number int) string {
	return filepath.Join(dir, thumbnailsFolder, strconv.FormatInt(video, 10), strconv.Itoa(number)+".jpg")
}

// Info is what a library holds.
type Info struct {
	Library  string            `json:"library"`
	Videos   int               `json:"videos"`
	Seconds  float64           `json:"seconds"` // of these
	Moments  int               `json:"moments"`
	Pending  []string          `json:"pending"` // videos waiting to be re-indexed
	Missing  []string          `json:"missing"` // videos that were not where they had been
	Partial  []feature.Failure `json:"partial"` // videos of which only a part could be decoded
	Failed   []feature.Failure `json:"failed"`  // videos that the library lacks because they failed
	Folders  []string          `json:"folders"` // that were given as such
	Bytes    int64             `json:"bytes"`   // of the library's folder
	Settings Settings          `json:"settings"`
}

// Info tells what the library holds.
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
				return nil // removed meanwhile
			}
			if info, err := d.Info(); err == nil {
				i.Bytes += info.Size()
			}
			return nil
		})
	}
	return i, explain(l.dir, err)
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
		case err != nil: // it is of another type, or NULL
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

// isVectors reports whether a name is that of a folder of vectors, and of which
// generation.
func isVectors(name string) (generation int64, ok bool) {
	digits, ok := strings.CutPrefix(name, vectorsPrefix)
	generation, err := strconv.ParseInt(digits, 10, 64)
	return generation, ok && err == nil
}
