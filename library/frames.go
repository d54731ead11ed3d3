package library

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"slices"
	"sort"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/label"
)

// withFrames is the SQL of whether the frames of a video are stored. Libraries that older
// versions made have none until the video is indexed again.
const withFrames = `EXISTS (SELECT 1 FROM frames WHERE video = videos.id)`

// framesPerRow is the number of frames that are stored and read together.
const framesPerRow = 256

// insertFrames stores the frames of a video.
func insertFrames(ctx context.Context, tx *sql.Tx, video int64, q *feature.Sequence) error {
	times := make([]float64, q.Len())
	for i, t := range q.Timestamps {
		times[i] = t - q.Provenance.StartTime
	}
	for from := 0; from < q.Len(); from += framesPerRow {
		to := min(q.Len(), from+framesPerRow)
		packed := label.PackFrames(q.Features[from*q.Width:to*q.Width], times[from:to])
		if _, err := tx.ExecContext(ctx, "INSERT INTO frames (video, first, last, packed) VALUES (?, ?, ?, ?)", video, times[from], times[to-1], packed); err != nil {
			return err
		}
	}
	return nil
}

// frameReader reads the stored frames of videos.
type frameReader struct {
	db    querier
	width int
}

func (l *Library) frames() frameReader { return frameReader{l.db, l.settings.Width} }

// each reads the frames of a video around the seconds from start to end.
func (r frameReader) each(ctx context.Context, video int64, start, end float64, do func(features []float32, times []float64)) error {
	var packed []byte
	return each(ctx, r.db, "SELECT packed FROM frames WHERE video = ? AND last >= ? AND first < ? ORDER BY first, rowid", []any{video, start - slack, end + slack}, []any{&packed}, func() error {
		features, times, err := label.UnpackFrames(packed, r.width)
		if err != nil {
			return fmt.Errorf("video %d: %w: %w", video, err, errDamaged)
		}
		do(features, times)
		return ctx.Err()
	})
}

// of returns the frames of moments of a video, which are sorted by start.
func (r frameReader) of(ctx context.Context, video int64, spans []label.Frames) ([]label.Frames, error) {
	var features []float32
	var times []float64
	err := r.each(ctx, video, spans[0].Start, slices.MaxFunc(spans, func(a, b label.Frames) int { return cmp.Compare(a.End, b.End) }).End, func(f []float32, t []float64) {
		features, times = append(features, f...), append(times, t...)
	})
	out := make([]label.Frames, len(spans))
	for i, x := range spans {
		from, to := sort.SearchFloat64s(times, x.Start-slack), sort.SearchFloat64s(times, x.End-slack)
		out[i] = label.Frames{Features: features[from*r.width : to*r.width], Times: times[from:to], Start: x.Start, End: x.End}
	}
	return out, err
}

// directions learns the directions in which frames change from some moments of some videos,
// whose choice depends on their content.
func (l *Library) directions(ctx context.Context) (*label.Directions, error) {
	const videos, moments = 256, 1024
	var ids []int64
	var id int64
	if err := each(ctx, l.db, "SELECT id FROM videos WHERE NOT pending AND "+withFrames+" ORDER BY sha256, id LIMIT ?", []any{videos}, []any{&id}, func() error {
		ids = append(ids, id)
		return nil
	}); err != nil {
		return nil, err
	}
	var sample []label.Frames
	for _, id := range ids {
		var f label.Frames
		var spans []label.Frames
		if err := each(ctx, l.db, `SELECT start, "end" FROM (SELECT start, "end" FROM moments WHERE video = ? ORDER BY (id * 7919) % 1009, id LIMIT ?) ORDER BY start`,
			[]any{id, max(4, moments/len(ids))}, []any{&f.Start, &f.End}, func() error { spans = append(spans, f); return nil }); err != nil {
			return nil, err
		}
		for _, f := range spans {
			err := l.frames().each(ctx, id, f.Start, f.End, func(features []float32, times []float64) {
				from, to := sort.SearchFloat64s(times, f.Start-slack), sort.SearchFloat64s(times, f.End-slack)
				f.Features, f.Times = append(f.Features, features[from*l.settings.Width:to*l.settings.Width]...), append(f.Times, times[from:to]...)
			})
			if err != nil {
				return nil, err
			}
			sample = append(sample, f)
		}
	}
	return label.LearnDirections(l.settings.Width, sample), nil
}

// describe sets the motions of moments that are sorted by video and start.
func (l *Library) describe(ctx context.Context, d *label.Directions, moments []*label.Moment) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < len(moments); {
		to := from + sort.Search(len(moments)-from, func(i int) bool { return moments[from+i].Video > moments[from].Video })
		of := moments[from:to]
		group.Go(func() error {
			defer crash.Recover()
			var coordinates []float32
			var times []float64
			if err := l.frames().each(ctx, of[0].Video, of[0].Start, of[len(of)-1].End, func(features []float32, t []float64) {
				coordinates, times = append(coordinates, d.Project(features)...), append(times, t...)
			}); err != nil || len(times) == 0 {
				return err
			}
			width := len(coordinates) / len(times)
			for i, x := range of {
				from, to := sort.SearchFloat64s(times, x.Start-slack), sort.SearchFloat64s(times, x.End-slack)
				of[i].Motion = d.Describe(coordinates[from*width:to*width], times[from:to], x.Start, x.End)
			}
			return nil
		})
		from = to
	}
	return group.Wait()
}
