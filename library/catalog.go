package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Video is a video of a library.
type Video struct {
	ID       int64     `json:"id"`
	Path     string    `json:"path"`
	Seconds  float64   `json:"seconds"`
	Moments  int       `json:"moments"`
	Modified time.Time `json:"modified"` // the file, when it was indexed
	Pending  bool      `json:"pending"`  // it is waiting to be re-indexed
	Missing  bool      `json:"missing"`  // it was not at its path
	Partial  string    `json:"partial"`  // why only a part of it is in the library

	file version // when it was indexed
}

// Videos returns the videos of the library by path.
func (l *Library) Videos(ctx context.Context) ([]Video, error) {
	out := []Video{}
	var v Video
	var whole bool
	err := each(ctx, l.db, "SELECT id, path, seconds, moments, size, modified, pending, missing, partial, "+intact("videos")+" FROM videos ORDER BY path", nil,
		[]any{&v.ID, &v.Path, &v.Seconds, &v.Moments, &v.file.size, &v.file.modified, &v.Pending, &v.Missing, &v.Partial, &whole}, func() error {
			if !whole {
				return damaged("videos")
			}
			v.Modified = time.Unix(0, v.file.modified).UTC()
			out = append(out, v)
			return nil
		})
	return out, explain(l.dir, err)
}

// Picture names a thumbnail of a library.
type Picture struct {
	Video  int64
	Number int
}

// Moment is a moment of a video.
type Moment struct {
	video.Span
	Picture Picture `json:"-"`
}

// VideoMoments returns the moments of a video by start.
func (l *Library) VideoMoments(ctx context.Context, id int64) ([]Moment, error) {
	out := []Moment{}
	m := Moment{Picture: Picture{Video: id}}
	var whole bool
	err := each(ctx, l.db, `SELECT start, "end", thumbnail, `+intact("moments")+` FROM moments WHERE video = ? ORDER BY start, id`, []any{id},
		[]any{&m.Start, &m.End, &m.Picture.Number, &whole}, func() error {
			if !whole {
				return damaged("moments")
			}
			out = append(out, m)
			return nil
		})
	return out, explain(l.dir, err)
}

// PictureAt returns the thumbnail of the moment of a video whose middle is closest to a
// time. It is ErrNoPicture if the video has no moments.
func (l *Library) PictureAt(ctx context.Context, id int64, seconds float64) (Picture, error) {
	p := Picture{Video: id}
	var whole, found bool
	err := each(ctx, l.db, `SELECT thumbnail, `+intact("moments")+` FROM moments WHERE moments.id =
		(SELECT id FROM moments WHERE video = ? ORDER BY abs((start + "end") / 2 - ?), id LIMIT 1)`, []any{id, seconds}, []any{&p.Number, &whole}, func() error {
		if found = true; !whole {
			return damaged("moments")
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("video %d: %w", id, ErrNoPicture)
	}
	return p, explain(l.dir, err)
}

// ErrNoPicture is wrapped by the error for a thumbnail that the library does not have.
var ErrNoPicture = errors.New("the library has no such thumbnail")

// ReadPicture returns the JPEG file of a thumbnail. A file that does not match its checksum
// is an error.
func (l *Library) ReadPicture(ctx context.Context, p Picture) ([]byte, error) {
	t := thumbnail{video: p.Video, number: p.Number}
	err := l.db.QueryRowContext(ctx, "SELECT picture FROM moments WHERE video = ? AND thumbnail = ? LIMIT 1", p.Video, p.Number).Scan(&t.sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("video %d, number %d: %w", p.Video, p.Number, ErrNoPicture)
	case err != nil:
		return nil, explain(l.dir, err)
	}
	return t.read(l.root)
}

// Revision changes with a library, by whichever process. The values are only compared.
type Revision struct {
	Moments string // which moments there are, and their numbers
	Labels  string // labels and marks
}

// Revision returns the current revision. It reads little: no sums of rows are verified. The
// sum of these changes with every change of a video, such as a new modification time.
func (l *Library) Revision(ctx context.Context) (r Revision, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT
		concat_ws(' ', (SELECT generation FROM settings), (SELECT concat_ws(' ', count(*), max(id), sum(sum)) FROM videos),
			(SELECT seq FROM sqlite_sequence WHERE name = 'moments')),
		concat_ws(' ', (SELECT concat_ws(' ', count(*), (SELECT seq FROM sqlite_sequence WHERE name = 'labels')) FROM labels),
			(SELECT concat_ws(' ', count(*), (SELECT seq FROM sqlite_sequence WHERE name = 'marks')) FROM marks), (SELECT count(*) FROM trained))`).Scan(&r.Moments, &r.Labels)
	return r, explain(l.dir, err)
}

// Busy returns a [BusyError] while a run of [Index] is writing the library, or somebody else
// changes it.
func (l *Library) Busy(ctx context.Context) error {
	release, err := acquire(ctx, l.dir)
	if err == nil {
		release()
	}
	return err
}

// Failed returns the videos that are not in the library because they failed, by path.
func (l *Library) Failed(ctx context.Context) ([]feature.Failure, error) {
	out, err := failures(ctx, l.db, []feature.Failure{}, "SELECT path, reason, time FROM failures ORDER BY path")
	return out, explain(l.dir, err)
}

// Folders returns the folders that the library was given.
func (l *Library) Folders(ctx context.Context) ([]string, error) {
	out, err := texts(ctx, l.db, []string{}, "SELECT path FROM folders ORDER BY path")
	return out, explain(l.dir, err)
}
