package library

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/vector"
)

// Damage is something that is wrong with a library.
type Damage struct {
	File   string `json:"file"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

func (d Damage) String() string { return fmt.Sprintf("%s: %s; %s", d.File, d.What, d.Remedy) }

// Check reads all of a library and says what is damaged in it. What it finds
// depends on no one else's changing the library meanwhile.
func (l *Library) Check(ctx context.Context) ([]Damage, error) {
	out := []Damage{}
	database := filepath.Join(l.dir, dbFile)
	const again = "put the library back from a copy, or delete its folder and index again"
	for _, check := range []string{"PRAGMA integrity_check", "SELECT 'a moment has no video' FROM pragma_foreign_key_check",
		"SELECT 'moments are lost of '||path FROM videos WHERE moments != (SELECT count(*) FROM moments WHERE video = videos.id)"} {
		found, err := texts(ctx, l.db, nil, check)
		switch {
		case err != nil:
			return out, explain(l.dir, err)
		case len(found) > 0 && found[0] != "ok":
			out = append(out, Damage{database, found[0], again})
		}
	}
	for _, t := range tables {
		switch err := verify(ctx, l.db, t.name); {
		case errors.Is(err, errDamaged):
			out = append(out, Damage{database, err.Error(), again})
		case err != nil:
			return out, explain(l.dir, err)
		}
	}
	update := "update the library, which re-indexes the video: clipcue index --library " + l.dir
	vectors := l.vectors.Location()
	if err := l.vectors.Verify(ctx); err != nil {
		if ctx.Err() != nil {
			return out, err
		}
		remedy := "delete this folder, then " + update
		if c, ok := errors.AsType[*vector.CorruptError](err); ok && c.Derived {
			remedy = "make it again with: clipcue index --library " + l.dir
		}
		out = append(out, Damage{vectors, err.Error(), remedy})
	}
	there := map[int64]bool{}
	for id, err := range l.vectors.IDs(ctx) {
		if err != nil {
			return out, err
		}
		there[id] = true
	}
	var id, video int64
	var number int
	var path string
	lost := map[string]int{}
	seen := map[string]bool{}
	var sum uint32
	err := each(ctx, l.db, "SELECT moments.id, video, thumbnail, picture, path FROM moments JOIN videos ON videos.id = video ORDER BY moments.id", nil,
		[]any{&id, &video, &number, &sum, &path}, func() error {
			if !there[id] {
				lost[path]++
			}
			file := thumbnail(l.dir, video, number)
			if seen[file] {
				return ctx.Err()
			}
			seen[file] = true
			if err := matches(file, sum); err != nil {
				out = append(out, Damage{file, err.Error(),
					fmt.Sprintf("make it again with: clipcue index --library %s --reindex %q", l.dir, path)})
			}
			return ctx.Err()
		})
	for _, path := range slices.Sorted(maps.Keys(lost)) {
		out = append(out, Damage{vectors, fmt.Sprintf("%s of %s without a vector", english.Plural(lost[path], "moment", ""), path), update})
	}
	return out, explain(l.dir, err)
}

// matches returns an error unless a thumbnail has this checksum.
func matches(file string, sum uint32) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if h.Sum32() != sum {
		return errors.New("the thumbnail does not match its checksum")
	}
	return nil
}
