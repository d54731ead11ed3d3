package library_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

// counting counts the frames that are encoded.
type counting struct {
	feature.Encoder
	frames atomic.Int64
}

func (c *counting) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	size := c.Config().ImageSize
	c.frames.Add(int64(len(rgb) / (3 * size * size)))
	return c.Encoder.EncodeImages(ctx, rgb)
}

// content returns what a library has, as text: videos, moments, frames and vectors.
func content(t *testing.T, lib string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(lib, "library.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{
		`SELECT path || ' ' || sha256 || ' ' || seconds || ' ' || background FROM videos ORDER BY path`,
		`SELECT path || ' ' || start || ' ' || "end" || ' ' || blank || ' ' || hex(picture) FROM moments JOIN videos ON videos.id = video ORDER BY path, start`,
		`SELECT path || ' ' || first || ' ' || last || ' ' || hex(packed) FROM frames JOIN videos ON videos.id = video ORDER BY path, first`,
	} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			all = append(all, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	vectors := 0
	err = filepath.WalkDir(filepath.Join(lib, "vectors-1"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := os.ReadFile(path)
		vectors += len(data)
		all = append(all, fmt.Sprintf("%s %x", d.Name(), data))
		return err
	})
	if err != nil || vectors == 0 || len(all) == 0 {
		t.Fatalf("%d bytes of vectors, %v", vectors, err)
	}
	return all
}

// A library of features that were extracted elsewhere is that of one program. Videos without
// such features, or with those of another content, are encoded.
func TestExtractedElsewhere(t *testing.T) {
	names := []string{"red_circle/000.mp4", "blue_ring/000.mp4", "green_cross/000.mp4", "film.mp4"}
	w := newWorld(t, names...)
	w.write("bad.mp4", []byte("no video"))
	w.o.Extract.Decoders = 1
	w.index(w.videos)
	store, err := feature.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var sources []video.Source
	for _, name := range names {
		sources = append(sources, video.Source{Path: w.path(name), ID: name})
	}
	if _, err := feature.Extract(t.Context(), w.model, sources, store, w.o.Extract); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		id      func(name string) string // in the store
		fault   error
		encoded bool
	}{
		"all":     {func(name string) string { return name }, nil, false},
		"missing": {func(name string) string { return strings.Replace(name, "blue_ring", "none", 1) }, nil, true},
		"others":  {func(name string) string { return strings.Replace(name, "blue_ring", "red_circle", 1) }, nil, true},
		"error":   {nil, errors.New("no fleet"), false},
	} {
		o, lib, enc := w.o, filepath.Join(t.TempDir(), "lib"), &counting{Encoder: w.model}
		o.Extracted = func(_ context.Context, videos []video.Source) (func(string) (*feature.Sequence, error), error) {
			if len(videos) != 5 {
				t.Errorf("%s: %v", name, videos)
			}
			return func(path string) (*feature.Sequence, error) {
				rel, err := filepath.Rel(w.videos, path)
				if err != nil {
					return nil, err
				}
				return store.Get(c.id(filepath.ToSlash(rel)))
			}, c.fault
		}
		r, err := library.Index(t.Context(), lib, enc, retrieval.Baseline(w.model), []string{w.videos}, o)
		if !errors.Is(err, c.fault) || c.fault == nil && (r.Done != 4 || len(r.Failed) != 1 || r.Videos != 5 || r.Remaining != 0) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if n := enc.frames.Load(); n > 0 != c.encoded {
			t.Errorf("%s: %d frames were encoded", name, n)
		}
		if c.fault != nil {
			continue
		}
		want, got := content(t, w.lib), content(t, lib)
		if c.encoded { // later than the others, so the order of the vectors is another
			want, got = rows(want), rows(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the libraries differ: %.2000s", name, diff)
		}
	}
}

// rows returns the content of a library without its vectors.
func rows(content []string) []string {
	return slices.DeleteFunc(content, func(line string) bool { return !strings.HasPrefix(line, string(filepath.Separator)) })
}
