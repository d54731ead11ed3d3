package library

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
)

// rowCache keeps the rows of moments that searches have read and verified: reading them
// takes most of the time of a search. It is emptied when the videos of the library change.
type rowCache struct {
	mu    sync.Mutex
	state string
	rows  map[int64]candidate // without scores
}

// mostRows is the greatest number of rows that are kept, of some 200 bytes each.
const mostRows = 1 << 20

// get returns the rows of moments, without those that do not exist.
func (c *rowCache) get(ctx context.Context, l *Library, ids []int64) (map[int64]candidate, error) {
	state, err := l.videosState(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]candidate, len(ids))
	var left []int64
	c.mu.Lock()
	if c.state != state || len(c.rows) > mostRows {
		c.state, c.rows = state, map[int64]candidate{}
	}
	for _, id := range ids {
		if row, ok := c.rows[id]; ok {
			out[id] = row
		} else {
			left = append(left, id)
		}
	}
	c.mu.Unlock()
	if len(left) == 0 {
		return out, nil
	}
	read, err := l.readRows(ctx, left)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, read)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == state {
		maps.Copy(c.rows, read)
	}
	return out, nil
}

// videosState returns a text that changes when a video is added, removed, moved or missing.
func (l *Library) videosState(ctx context.Context) (state string, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT concat_ws(' ', (SELECT generation FROM settings), count(*), max(id), sum(pending), sum(missing), sum(sum)) FROM videos`).Scan(&state)
	return state, err
}

// readRows reads and verifies the rows of moments.
func (l *Library) readRows(ctx context.Context, ids []int64) (map[int64]candidate, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]candidate, len(ids))
	paths := map[int64]string{} // one copy of each
	var id int64
	var c candidate
	var blank float64
	var whole bool
	t := &c.Result.thumbnail
	err = each(ctx, l.db, `SELECT moments.id, start, "end", thumbnail, picture, coalesce(blank, 0), videos.id, videos.path, size, modified, missing, `+intact("moments")+" AND "+intact("videos")+` FROM json_each(?)
		JOIN moments ON moments.id = value JOIN videos ON videos.id = video WHERE (SELECT generation FROM settings) = ?`,
		[]any{string(list), l.generation}, []any{&id, &c.Start, &c.End, &t.number, &t.sum, &blank, &c.video, &c.Video, &c.file.size, &c.file.modified, &c.Missing, &whole}, func() error {
			if !whole {
				return damaged("moments or videos")
			}
			if have, ok := paths[c.video]; ok {
				c.Video = have
			} else {
				paths[c.video] = c.Video
			}
			c.Best, c.Blank, t.video = c.Start, blank > blankShare, c.video
			c.Thumbnail = t.path(l.dir)
			out[id] = c
			return nil
		})
	return out, err
}
