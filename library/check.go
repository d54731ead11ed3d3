package library

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/vector"
)

// DamageKind is what is damaged in a library.
type DamageKind string

// The kinds of damage.
const (
	DamagedDatabase  DamageKind = "database"
	DamagedVectors   DamageKind = "vectors"
	DamagedGraph     DamageKind = "graph"           // it can be built again from the vectors
	MissingVectors   DamageKind = "missing vectors" // of one video
	DamagedThumbnail DamageKind = "thumbnail"
)

// Damage is a damaged part of a library.
type Damage struct {
	Kind  DamageKind `json:"kind"`
	File  string     `json:"file"` // or the folder of the vectors
	What  string     `json:"what"`
	Video string     `json:"video,omitempty"` // path of the only video that is affected
}

func (d Damage) String() string { return d.File + ": " + d.What }

// Check reads all of a library and returns what is damaged. The result is undefined if the
// library is changed meanwhile.
func (l *Library) Check(ctx context.Context) ([]Damage, error) {
	out := []Damage{}
	for _, check := range []func(context.Context) ([]Damage, error){l.checkDatabase, l.checkIndex, l.checkMoments} {
		found, err := check(ctx)
		if out = append(out, found...); err != nil {
			return out, explain(l.dir, err)
		}
	}
	return out, nil
}

// checkDatabase verifies SQLite's pages and the rows.
func (l *Library) checkDatabase(ctx context.Context) (out []Damage, err error) {
	found := func(what string) {
		out = append(out, Damage{Kind: DamagedDatabase, File: filepath.Join(l.dir, dbFile), What: what})
	}
	for _, check := range []string{"PRAGMA integrity_check", "SELECT 'a moment has no video' FROM pragma_foreign_key_check",
		"SELECT 'moments are lost of '||path FROM videos WHERE moments != (SELECT count(*) FROM moments WHERE video = videos.id)"} {
		lines, err := texts(ctx, l.db, nil, check)
		switch {
		case err != nil:
			return out, err
		case len(lines) > 0 && lines[0] != "ok":
			found(lines[0])
		}
	}
	for _, t := range tables {
		switch err := verify(ctx, l.db, t.name); {
		case errors.Is(err, errDamaged):
			found(err.Error())
		case err != nil:
			return out, err
		}
	}
	var packed []byte
	broken := 0
	err = each(ctx, l.db, "SELECT packed FROM frames", nil, []any{&packed}, func() error {
		if _, _, err := label.UnpackFrames(packed, l.settings.Width); err != nil {
			broken++
		}
		return ctx.Err()
	})
	if broken > 0 {
		found(english.Plural(broken, "group", "") + " of frames damaged")
	}
	return out, err
}

// checkIndex verifies the vectors.
func (l *Library) checkIndex(ctx context.Context) ([]Damage, error) {
	err := l.vectors.Verify(ctx)
	if err == nil || ctx.Err() != nil {
		return nil, err
	}
	d := Damage{Kind: DamagedVectors, File: l.vectors.Location(), What: err.Error()}
	if c, ok := errors.AsType[*vector.CorruptError](err); ok && c.Derived {
		d.Kind = DamagedGraph
	}
	return []Damage{d}, nil
}

// checkMoments verifies that each moment has a vector and its thumbnail.
func (l *Library) checkMoments(ctx context.Context) (out []Damage, err error) {
	there := map[int64]bool{}
	for id, err := range l.vectors.IDs(ctx) {
		if err != nil {
			return nil, err
		}
		there[id] = true
	}
	var id int64
	var t thumbnail
	var path string
	lost := map[string]int{}
	seen := map[string]bool{}
	err = each(ctx, l.db, "SELECT moments.id, video, thumbnail, picture, path FROM moments JOIN videos ON videos.id = video ORDER BY moments.id", nil,
		[]any{&id, &t.video, &t.number, &t.sum, &path}, func() error {
			if !there[id] {
				lost[path]++
			}
			file := t.path(l.dir)
			if seen[file] {
				return ctx.Err()
			}
			seen[file] = true
			if _, err := t.read(l.root); err != nil {
				out = append(out, Damage{DamagedThumbnail, file, err.Error(), path})
			}
			return ctx.Err()
		})
	for _, path := range slices.Sorted(maps.Keys(lost)) {
		out = append(out, Damage{MissingVectors, l.vectors.Location(), fmt.Sprintf("%s of %s without a vector", english.Plural(lost[path], "moment", ""), path), path})
	}
	return out, err
}
