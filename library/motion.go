package library

import (
	"context"
	"database/sql"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/video"
)

// withMotions is the SQL of whether every moment of a video has its motion. Moments of
// libraries that older versions made have none until the video is indexed again.
const withMotions = `NOT EXISTS (SELECT 1 FROM moments LEFT JOIN motions ON moment = moments.id WHERE video = videos.id AND moment IS NULL)`

// addMotion stores the motion of a moment of a video.
func addMotion(ctx context.Context, tx *sql.Tx, moment int64, q *feature.Sequence, s video.Span) error {
	from, to := q.Span(s.Start, s.End)
	times := make([]float64, to-from)
	for i := range times {
		times[i] = q.Timestamps[from+i] - q.Provenance.StartTime
	}
	motion := label.Motion(q.Features[from*q.Width:to*q.Width], times, s.Start, s.End)
	_, err := tx.ExecContext(ctx, "INSERT INTO motions (moment, packed) VALUES (?, ?)", moment, label.PackMotion(motion))
	return err
}
