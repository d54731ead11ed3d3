package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// lessons keep the moments of the library in memory, and what its labels have learned. The
// zero value is empty.
type lessons struct {
	loading sync.Mutex // guards moments
	moments *moments

	mu sync.Mutex // guards by
	by *lru.Cache[int64, *lesson]
}

// moments are the moments of a snapshot.
type moments struct {
	*library.Moments
	revision string
	loaded   time.Time
	took     time.Duration
}

// lesson is what one label learned last.
type lesson struct {
	mu    sync.Mutex // held while it learns, so that it does so once
	known *taught
}

// taught is a teacher with what was derived from it.
type taught struct {
	*library.Teacher
	revision string // of the label
	moments  string // revision of the moments

	mu       sync.Mutex
	segments map[label.Target]*found
	shown    map[string][]video.Span // nil until spans is called
}

// found are the segments at an operating point.
type found struct {
	quality  label.Quality
	problem  string // why there is no estimate
	segments []library.Segment
}

// mostTeachers is the number of teachers that are kept. Each has a score for every moment.
const mostTeachers = 32

// load returns the moments in memory. Those of an older snapshot are used for a while,
// because loading takes long and a run that indexes changes the library all the time.
func (l *lessons) load(ctx context.Context, x *snapshot) (*moments, error) {
	l.loading.Lock()
	defer l.loading.Unlock()
	revision := x.current().Moments
	if m := l.moments; m != nil && (m.revision == revision || x.waits(ctx, m.loaded, m.took)) {
		return m, nil
	}
	l.drop() // before the memory is needed again
	begin := time.Now()
	m, err := x.Moments(context.WithoutCancel(ctx)) // others wait for them, too
	if err != nil {
		return nil, err
	}
	l.moments = &moments{m, revision, time.Now(), time.Since(begin)}
	return l.moments, nil
}

// drop gives the moments and the teachers back. The caller holds loading.
func (l *lessons) drop() {
	l.mu.Lock()
	l.by = nil
	l.mu.Unlock()
	if l.moments != nil {
		l.moments.Close()
	}
	l.moments = nil
}

func (l *lessons) close() {
	l.loading.Lock()
	defer l.loading.Unlock()
	l.drop()
}

// of returns the lesson of a label.
func (l *lessons) of(id int64) *lesson {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = newCache[int64, *lesson](mostTeachers)
	}
	x, ok := l.by.Get(id)
	if !ok {
		x = new(lesson)
		l.by.Add(id, x)
	}
	return x
}

// revisionOf returns the revision of a label: it changes with the marks and with what else
// the label learns from.
func revisionOf(l library.Label) string {
	return fmt.Sprintf("%d.%d.%s", l.Last, l.Positive+l.Negative, l.Method)
}

// teacher returns what a label has learned from its present marks.
func (x *snapshot) teacher(ctx context.Context, e library.Embedder, l library.Label) (*taught, error) {
	m, err := x.lessons.load(ctx, x)
	if err != nil {
		return nil, err
	}
	lesson := x.lessons.of(l.ID)
	lesson.mu.Lock()
	defer lesson.mu.Unlock()
	if t := lesson.known; t != nil && t.revision == revisionOf(l) && t.moments == m.revision {
		return t, nil
	}
	learned, err := x.Teach(context.WithoutCancel(ctx), e, m.Moments, l.Name)
	if err != nil {
		return nil, err
	}
	lesson.known = &taught{Teacher: learned, revision: revisionOf(l), moments: m.revision, segments: map[label.Target]*found{}}
	return lesson.known, nil
}

// spans returns the spans of videos that show the label, by path.
func (t *taught) spans(ctx context.Context) (map[string][]video.Span, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shown != nil {
		return t.shown, nil
	}
	shown, err := t.Spans(ctx)
	if err == nil {
		t.shown = shown
	}
	return shown, err
}
