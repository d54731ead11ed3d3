package library

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/video"
)

// Filter restricts a search. The zero value allows every moment.
type Filter struct {
	Folder string `json:"folder,omitempty"` // the video is in it, or in a folder below
	// Path is a pattern of the video's absolute path. *, ? and [a-z] match what they match
	// in a shell, but also slashes.
	Path string `json:"path,omitempty"`
	// Since and Until bound the modification time of the video's file when it was indexed.
	// Until is not included.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// MinSeconds and MaxSeconds bound the length of the video; 0 means no bound.
	MinSeconds float64 `json:"min_seconds,omitempty"`
	MaxSeconds float64 `json:"max_seconds,omitempty"`
	// Labels are names of labels, at least one of which the moment shows: more than half of
	// it is in a positive mark, or in a segment at a precision of 80 %. With too few marks to
	// estimate the precision, segments are at the label's own threshold.
	Labels []string `json:"labels,omitempty"`
	// Spans, unless nil, are spans of videos by path. More than half of the moment is in one of
	// them. [Teacher.Spans] returns those of a label.
	Spans map[string][]video.Span `json:"-"`
}

// String returns the filter on one line, "" without one.
func (f Filter) String() string {
	var parts []string
	for _, p := range []struct {
		set  bool
		text string
	}{
		{f.Folder != "", "in " + f.Folder},
		{f.Path != "", "path " + f.Path},
		{!f.Since.IsZero(), "since " + f.Since.Format(time.DateTime)},
		{!f.Until.IsZero(), "before " + f.Until.Format(time.DateTime)},
		{f.MinSeconds > 0, fmt.Sprintf("at least %g s", f.MinSeconds)},
		{f.MaxSeconds > 0, fmt.Sprintf("at most %g s", f.MaxSeconds)},
		{len(f.Labels) > 0, "label " + strings.Join(f.Labels, " or ")},
	} {
		if p.set {
			parts = append(parts, p.text)
		}
	}
	return strings.Join(parts, ", ")
}

func init() { sqlite.MustRegisterDeterministicScalarFunction("clipcue_key", 1, pathKey) }

// pathKey returns the form in which a path is compared.
func pathKey(_ *sqlite.FunctionContext, values []driver.Value) (driver.Value, error) {
	p, _ := values[0].(string)
	return text.Key(p), nil
}

// condition is a condition on videos in SQL.
type condition struct {
	sql   string
	value any
}

// conditions returns the conditions on the videos.
func (f Filter) conditions() (out []condition, err error) {
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return nil, fmt.Errorf("no video is from %s or later and before %s", f.Since.Format(time.DateTime), f.Until.Format(time.DateTime))
	}
	if f.MaxSeconds > 0 && f.MinSeconds > f.MaxSeconds {
		return nil, fmt.Errorf("no video has at least %g s and at most %g s", f.MinSeconds, f.MaxSeconds)
	}
	if f.Folder != "" {
		folder, err := filepath.Abs(f.Folder)
		if err != nil {
			return nil, err
		}
		separator := string(filepath.Separator)
		out = append(out, condition{"instr(clipcue_key(path), ?) = 1", text.Key(strings.TrimSuffix(folder, separator) + separator)})
	}
	if f.Path != "" {
		if _, err := path.Match(f.Path, ""); err != nil {
			return nil, fmt.Errorf("invalid pattern of paths %q: %w", f.Path, err)
		}
		out = append(out, condition{"clipcue_key(path) GLOB ?", text.Key(f.Path)})
	}
	if !f.Since.IsZero() {
		out = append(out, condition{"modified >= ?", nanoseconds(f.Since)})
	}
	if !f.Until.IsZero() {
		out = append(out, condition{"modified < ?", nanoseconds(f.Until)})
	}
	if f.MinSeconds > 0 {
		out = append(out, condition{"seconds >= ?", f.MinSeconds})
	}
	if f.MaxSeconds > 0 {
		out = append(out, condition{"seconds <= ?", f.MaxSeconds})
	}
	return out, nil
}

// nanoseconds returns a time as the library stores it, or the closest one that it can store.
func nanoseconds(t time.Time) int64 {
	switch first, last := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64); {
	case t.Before(first):
		return math.MinInt64
	case t.After(last):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// scope is the set of moments that a search may find.
type scope struct {
	all     bool
	ids     idRanges // of all moments that the filter allows, unless all
	without map[int64]bool
}

func (s scope) has(id int64) bool { return !s.without[id] && (s.all || s.ids.has(id)) }

// idRange is a range of ids of moments, first ≤ id ≤ last.
type idRange struct{ first, last int64 }

// idRanges are disjoint, and sorted.
type idRanges []idRange

func (r idRanges) has(id int64) bool {
	at, ok := slices.BinarySearchFunc(r, id, func(x idRange, id int64) int { return cmp.Compare(x.first, id) })
	return ok || at > 0 && id <= r[at-1].last
}

// add appends an id that is greater than all others.
func (r idRanges) add(id int64) idRanges {
	if n := len(r); n > 0 && r[n-1].last+1 == id {
		r[n-1].last = id
		return r
	}
	return append(r, idRange{id, id})
}

// videoRange is a range of moments of a video.
type videoRange struct {
	idRange
	video int64
}

// videoRanges returns the moments of all videos, by id. The moments of a video were added at
// once, so it usually has one range. Videos that are indexed later are not searched.
func (l *Library) videoRanges(ctx context.Context) ([]videoRange, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ranges != nil {
		return l.ranges, nil
	}
	out := []videoRange{}
	var id, of int64
	err := each(ctx, l.db, "SELECT id, video FROM moments ORDER BY id", nil, []any{&id, &of}, func() error {
		if n := len(out); n > 0 && out[n-1].video == of && out[n-1].last+1 == id {
			out[n-1].last = id
		} else {
			out = append(out, videoRange{idRange{id, id}, of})
		}
		return nil
	})
	if err == nil {
		l.ranges = out
	}
	return out, err
}

// ofVideos returns the moments of the videos that match a condition in SQL.
func (l *Library) ofVideos(ctx context.Context, where string, args []any) (out idRanges, err error) {
	ranges, err := l.videoRanges(ctx)
	if err != nil {
		return nil, err
	}
	match := map[int64]bool{}
	var id int64
	err = each(ctx, l.db, "SELECT id FROM videos WHERE "+where, args, []any{&id}, func() error {
		match[id] = true
		return nil
	})
	for _, r := range ranges {
		if match[r.video] {
			out = append(out, r.idRange)
		}
	}
	return out, err
}

// scope returns the moments that a query may find.
func (l *Library) scope(ctx context.Context, e Embedder, q Query) (s scope, err error) {
	s.without = map[int64]bool{}
	var id int64
	for _, p := range q.Like {
		_, v, span, err := l.momentAt(ctx, p)
		if err == nil {
			err = each(ctx, l.db, `SELECT id FROM moments WHERE video = ? AND start < ? AND "end" > ?`, []any{v.id, span.End, span.Start}, []any{&id}, func() error {
				s.without[id] = true
				return nil
			})
		}
		if err != nil {
			return s, err
		}
	}
	conditions, err := q.Filter.conditions()
	if err != nil {
		return s, err
	}
	if s.all = len(conditions)+len(q.Filter.Labels) == 0 && q.Filter.Spans == nil; s.all {
		return s, nil
	}
	where, args := "true", []any{}
	for _, c := range conditions {
		where, args = where+" AND "+c.sql, append(args, c.value)
	}
	if err := verify(ctx, l.db, "videos"); err != nil {
		return s, err
	}
	if len(q.Filter.Labels) == 0 && q.Filter.Spans == nil {
		s.ids, err = l.ofVideos(ctx, where, args)
		return s, err
	}
	spans := q.Filter.Spans
	if len(q.Filter.Labels) > 0 {
		if spans, err = l.labelSpans(ctx, e, q.Filter.Labels, spans); err != nil {
			return s, err
		}
	}
	s.ids, err = l.inSpans(ctx, spans, where, args)
	return s, err
}

// inSpans returns the moments that are in spans of videos, by path, of videos that match a
// condition in SQL.
func (l *Library) inSpans(ctx context.Context, spans map[string][]video.Span, where string, args []any) (out idRanges, err error) {
	of := map[int64][]video.Span{}
	videos := []int64{}
	var id, in int64
	var file string
	err = each(ctx, l.db, "SELECT id, path FROM videos WHERE "+where, args, []any{&id, &file}, func() error {
		if len(spans[file]) > 0 {
			videos, of[id] = append(videos, id), spans[file]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(videos)
	if err != nil {
		return nil, err
	}
	var s video.Span
	err = each(ctx, l.db, `SELECT id, video, start, "end" FROM moments WHERE video IN (SELECT value FROM json_each(?)) ORDER BY id`, []any{string(list)},
		[]any{&id, &in, &s.Start, &s.End}, func() error {
			if slices.ContainsFunc(of[in], func(x video.Span) bool { return 2*(min(s.End, x.End)-max(s.Start, x.Start)) > s.End-s.Start }) {
				out = out.add(id)
			}
			return nil
		})
	return out, err
}

// labelSpans returns the given spans and those of labels.
func (l *Library) labelSpans(ctx context.Context, e Embedder, names []string, given map[string][]video.Span) (map[string][]video.Span, error) {
	m, err := l.Moments(ctx)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	spans := map[string][]video.Span{}
	merge := func(of map[string][]video.Span) {
		for path, list := range of {
			spans[path] = append(spans[path], list...)
		}
	}
	merge(given)
	for _, name := range names {
		t, err := l.Teach(ctx, e, m, name)
		switch {
		case errors.Is(err, ErrNoLabel):
			return nil, err // it has the name
		case err != nil:
			return nil, fmt.Errorf("label %q: %w", name, err)
		}
		of, err := t.Spans(ctx)
		if err != nil {
			return nil, fmt.Errorf("label %q: %w", name, err)
		}
		merge(of)
	}
	return spans, nil
}

// labelPrecision is the precision at which a filter applies labels.
const labelPrecision = 0.8

// Spans returns the spans of videos, by path, that show the label: see Filter.Labels.
func (t *Teacher) Spans(ctx context.Context) (map[string][]video.Span, error) {
	threshold := t.Head().Threshold
	q, err := t.Quality(ctx, label.Target{Precision: labelPrecision})
	switch {
	case err == nil:
		threshold = q.Threshold
	case !errors.Is(err, label.ErrFewVideos) && !errors.Is(err, label.ErrNoNegatives):
		return nil, err
	}
	segments, err := t.Segments(t.Cut(threshold))
	if err != nil {
		return nil, err
	}
	spans := map[string][]video.Span{}
	for _, s := range segments {
		spans[s.Video] = append(spans[s.Video], video.Span{Start: s.Start, End: s.End})
	}
	for _, k := range t.marks {
		if k.Positive {
			spans[k.Video] = append(spans[k.Video], video.Span{Start: k.Start, End: k.End})
		}
	}
	return spans, nil
}
