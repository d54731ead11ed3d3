package library

import (
	"context"
	"fmt"
	"image/jpeg"
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
	for _, check := range []string{"PRAGMA integrity_check", "SELECT 'a moment has no video' FROM pragma_foreign_key_check"} {
		found, err := texts(ctx, l.db, nil, check)
		switch {
		case err != nil:
			return out, explain(l.dir, err)
		case len(found) > 0 && found[0] != "ok":
			out = append(out, Damage{database, found[0], "put the library back from a copy, or delete its folder and index again"})
		}
	}
	update := "bring the library up to date, which indexes the video anew: clipcue index --library " + l.dir
	vectors := filepath.Join(l.dir, fmt.Sprint(vectorsPrefix, l.generation))
	if own, ok := l.vectors.(*vector.Embedded); ok {
		if err := own.Verify(ctx); err != nil {
			if ctx.Err() != nil {
				return out, err
			}
			out = append(out, Damage{vectors, err.Error(), "delete this folder, then " + update})
		}
	} else {
		vectors = l.settings.Server
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
	err := each(ctx, l.db, "SELECT moments.id, video, thumbnail, path FROM moments JOIN videos ON videos.id = video ORDER BY moments.id", nil,
		[]any{&id, &video, &number, &path}, func() error {
			if !there[id] {
				lost[path]++
			}
			file := thumbnail(l.dir, video, number)
			if seen[file] {
				return ctx.Err()
			}
			seen[file] = true
			if err := readable(file); err != nil {
				out = append(out, Damage{file, "the thumbnail cannot be read: " + err.Error(),
					fmt.Sprintf("make it again: clipcue index --library %s --reindex %q", l.dir, path)})
			}
			return ctx.Err()
		})
	for _, path := range slices.Sorted(maps.Keys(lost)) {
		out = append(out, Damage{vectors, fmt.Sprintf("%s of %s without a vector", english.Plural(lost[path], "moment", ""), path), update})
	}
	return out, explain(l.dir, err)
}

// most is more pixels than a backbone's picture has on a side.
const most = 4096

func readable(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := jpeg.DecodeConfig(f)
	if err == nil && (size.Width > most || size.Height > most) {
		err = fmt.Errorf("a picture of %d×%d is none of clipcue's", size.Width, size.Height)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = jpeg.Decode(f)
	}
	return err
}
