package library

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// Moments holds what teaching needs of all moments of a library, in memory: 4 bytes for
// each element of an embedding, and a motion descriptor. It is the state of the library when it was loaded.
type Moments struct {
	dir        string
	moments    *label.Moments
	videos     map[int64]videoRow
	bySum      map[string]videoRows // the same by SHA-256, and by path
	thumbnails []int32
	release    func()

	mu       sync.Mutex               // guards evidence
	evidence map[int64]cachedEvidence // by label
}

// Close gives the memory back.
func (m *Moments) Close() { m.release() }

// loaded is the number of embeddings that are read at a time.
const loaded = 4096

// Moments loads the moments of the library.
func (l *Library) Moments(ctx context.Context) (_ *Moments, err error) {
	var n int64
	if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM moments").Scan(&n); err != nil {
		return nil, explain(l.dir, err)
	}
	width := l.settings.Width
	m := &Moments{dir: l.dir, videos: map[int64]videoRow{}, bySum: map[string]videoRows{}, evidence: map[int64]cachedEvidence{}}
	state, err := l.motionsState(ctx)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	cache, directions, err := l.cachedMotions(ctx, state)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	defer cache.close()
	if m.release, err = memory.Request(n*int64(4*width+directions.Width()+64), fmt.Sprintf("the %d moments of %s", n, l.dir)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.release()
		}
	}()
	m.moments = label.NewMoments(directions, int(n))
	rows, err := readVideos(ctx, l.db)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	for _, v := range rows {
		m.videos[v.id], m.bySum[v.sha256] = v, append(m.bySum[v.sha256], v)
	}
	x := loader{l: l, m: m, cache: cache}
	if err := x.load(ctx); err != nil {
		return nil, explain(l.dir, err)
	}
	if x.described > 0 || cache == nil || !bytes.Equal(cache.state, state) {
		l.writeMotions(ctx, state, m.moments, x.all)
	}
	return m, nil
}

// vectorsOf returns the embeddings of moments, nil for those that are not in the index: a
// run of Index has added or removed them since the library was opened.
func (l *Library) vectorsOf(ctx context.Context, ids []int64) ([][]float32, error) {
	out := make([][]float32, len(ids))
	all, err := l.vectors.Get(ctx, ids)
	if err == nil {
		for i := range ids {
			out[i] = all[i*l.settings.Width:][:l.settings.Width]
		}
		return out, nil
	}
	for i, id := range ids {
		if out[i], err = l.vectors.Get(ctx, []int64{id}); err != nil && !errors.Is(err, vector.ErrNotFound) {
			return nil, err
		}
	}
	return out, nil
}

// loader fills the moments of a library.
type loader struct {
	l         *Library
	m         *Moments
	cache     *motions
	all       []momentKey // of the moments that were added
	described int         // number of moments whose descriptors were not in the cache

	// The next moments to add, with the numbers of their thumbnails.
	keys    []momentKey
	numbers []int32
	batch   []label.Moment
}

func (x *loader) load(ctx context.Context) error {
	var k momentKey
	var y label.Moment
	var number int32
	var whole bool
	err := each(ctx, x.l.db, `SELECT moments.id, coalesce(moments.sum, 0), video, start, "end", thumbnail, `+intact("moments")+` FROM moments
		WHERE (SELECT generation FROM settings) = ? ORDER BY video, start`, []any{x.l.generation},
		[]any{&k.id, &k.sum, &y.Video, &y.Start, &y.End, &number, &whole}, func() error {
			if !whole {
				return damaged("moments")
			}
			x.keys, x.numbers, x.batch = append(x.keys, k), append(x.numbers, number), append(x.batch, y)
			if len(x.keys) < loaded {
				return nil
			}
			return x.flush(ctx)
		})
	if err != nil {
		return err
	}
	return x.flush(ctx)
}

// flush adds the moments of a batch.
func (x *loader) flush(ctx context.Context) error {
	if len(x.keys) == 0 {
		return nil
	}
	ids := make([]int64, len(x.keys))
	for i, k := range x.keys {
		ids[i] = k.id
	}
	embeddings, err := x.l.vectorsOf(ctx, ids)
	if err != nil {
		return err
	}
	if err := x.describe(ctx); err != nil {
		return err
	}
	for i, y := range x.batch {
		if y.Embedding = embeddings[i]; y.Embedding == nil {
			continue
		}
		x.m.thumbnails, x.all = append(x.m.thumbnails, x.numbers[i]), append(x.all, x.keys[i])
		if err := x.m.moments.Add(y); err != nil {
			return fmt.Errorf("a moment of %s: %w: %w", x.m.videos[y.Video].path, errDamaged, err)
		}
	}
	x.keys, x.numbers, x.batch = x.keys[:0], x.numbers[:0], x.batch[:0]
	return nil
}

// describe sets the motions of a batch.
func (x *loader) describe(ctx context.Context) error {
	var left []*label.Moment
	for i, packed := range x.cache.of(x.keys) {
		if x.batch[i].Packed = packed; packed == nil {
			left = append(left, &x.batch[i])
		}
	}
	x.described += len(left)
	return x.l.describe(ctx, x.m.moments.Directions(), left)
}

// Teacher teaches a label of a library.
type Teacher struct {
	Name string // of the label
	// Unused is the number of marks whose videos are not in the library now, or are waiting
	// to be re-indexed.
	Unused int
	// Outdated is whether the label has at least twice as many marks as when it got a trained
	// head; see [SetTraining].
	Outdated bool
	// Point is the operating point that [SetPoint] stored, or zero.
	Point label.Target

	m       *Moments
	marks   []Mark // that are used
	teacher *label.Teacher
	text    string // the first one
	models  models // of the recognizer, or nil
	e       Embedder
}

// Teach learns a label from its marks and its texts. The embedder has to be the one that
// the library was indexed with, or there is a [MismatchError].
func (l *Library) Teach(ctx context.Context, e Embedder, m *Moments, name string) (*Teacher, error) {
	if err := l.CheckEmbedder(e); err != nil {
		return nil, err
	}
	id, stored, err := findLabel(ctx, l.db, name)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	texts, err := l.textsOf(ctx, stored)
	if err != nil {
		return nil, err
	}
	query, err := query(ctx, e, stored, texts)
	if err != nil {
		return nil, err
	}
	t := &Teacher{Name: stored, m: m, e: e, text: texts[0]}
	if t.Point, err = pointOf(ctx, l.db, id); err != nil {
		return nil, explain(l.dir, err)
	}
	marks, err := l.marksIn(ctx, t, id)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	trained, err := trainedFrom(ctx, l.db, id)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	t.Outdated = trained > 0 && len(marks) >= 2*trained
	var evidence []float32
	if evidence, t.models, err = l.evidence(ctx, e, m, id); err != nil {
		return nil, explain(l.dir, err)
	}
	switch {
	case t.models != nil:
		t.teacher, err = label.TeachWith(m.moments, query, marks, evidence)
	case trained > 0:
		t.teacher, err = label.Train(m.moments, query, marks)
	default:
		t.teacher, err = label.Teach(m.moments, query, marks)
	}
	return t, err
}

// textsOf returns the texts of a label, or its name if it has none.
func (l *Library) textsOf(ctx context.Context, name string) ([]string, error) {
	labels, err := l.Labels(ctx)
	for _, x := range labels {
		if x.Name == name && len(x.Texts) > 0 {
			return x.Texts, err
		}
	}
	return []string{name}, err
}

// query returns the mean embedding of the texts of a label.
func query(ctx context.Context, e Embedder, name string, texts []string) ([]float32, error) {
	y, err := encodeTexts(ctx, e, texts)
	if err != nil {
		return nil, fmt.Errorf("the texts of label %q: %w", name, err)
	}
	sum := make([]float32, len(y)/len(texts))
	for i, v := range y {
		sum[i%len(sum)] += v
	}
	length := float32(math.Sqrt(compute.Dot(sum, sum)))
	for i := range sum {
		sum[i] /= max(length, 1e-12)
	}
	return sum, nil
}

// marksIn returns the marks of a label whose videos have moments, for package label, and
// stores them in t.
func (l *Library) marksIn(ctx context.Context, t *Teacher, id int64) (out []label.Mark, err error) {
	err = eachMark(ctx, l.db, "WHERE labels.id = ?", []any{id}, func(k storedMark) error {
		v, ok := t.m.bySum[k.sha256].holding(k)
		if !ok || !t.m.moments.Shows(k.engine(v.id)) {
			t.Unused++
			return nil
		}
		k.Video, k.VideoID = v.path, v.id
		t.marks, out = append(t.marks, k.Mark), append(out, k.engine(v.id))
		return nil
	})
	return out, err
}

// Suggestion is a moment to mark.
type Suggestion struct {
	Video     string  `json:"video"` // path
	Start     float64 `json:"start"`
	End       float64 `json:"end"`
	Time      string  `json:"time"`  // start and end to be read
	Score     float64 `json:"score"` // log-odds
	Thumbnail string  `json:"thumbnail"`
	Picture   Picture `json:"-"` // the same
}

// Suggest returns at most n moments of a feed to mark, of videos whose path matches, or of
// all if match is nil. See [label.Teacher.Suggest].
func (t *Teacher) Suggest(feed label.Feed, n int, seed uint64, match func(video string) bool) []Suggestion {
	m := t.m
	var matches func(row int) bool
	if match != nil {
		last, ok := int64(-1), false // moments are sorted by video
		matches = func(row int) bool {
			if video, _, _ := m.moments.Span(row); video != last {
				last, ok = video, match(m.videos[video].path)
			}
			return ok
		}
	}
	out := []Suggestion{}
	for _, i := range t.teacher.Suggest(feed, n, seed, matches) {
		out = append(out, t.suggestion(i))
	}
	return out
}

// suggestion describes the moment of a row.
func (t *Teacher) suggestion(row int) Suggestion {
	video, start, end := t.m.moments.Span(row)
	p := thumbnail{video: video, number: int(t.m.thumbnails[row])}
	return Suggestion{t.m.videos[video].path, start, end, FormatTime(start) + "–" + FormatTime(end),
		float64(t.teacher.Scores()[row]), p.path(t.m.dir), Picture{p.video, p.number}}
}

// Around returns at most n moments on each side of a threshold, the closest first. Those of
// a side do not overlap.
func (t *Teacher) Around(threshold float64, n int) (above, below []Suggestion) {
	scores := t.teacher.Scores()
	distance := func(row int) float64 { return math.Abs(float64(scores[row]) - threshold) }
	var rows [2][]int
	spare := 4 * n // some of them overlap
	for row, score := range scores {
		side := &rows[0]
		if float64(score) < threshold {
			side = &rows[1]
		}
		if len(*side) == spare && distance(row) >= distance((*side)[spare-1]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(*side, row, func(a, b int) int { return cmp.Or(cmp.Compare(distance(a), distance(b)), a-b) })
		*side = slices.Insert(*side, at, row)
		*side = (*side)[:min(len(*side), spare)]
	}
	return t.apart(rows[0], n), t.apart(rows[1], n)
}

// apart returns the first n moments of rows that do not overlap.
func (t *Teacher) apart(rows []int, n int) []Suggestion {
	out := []Suggestion{}
	for _, row := range rows {
		s := t.suggestion(row)
		overlaps := slices.ContainsFunc(out, func(o Suggestion) bool { return o.Video == s.Video && o.Start < s.End && s.Start < o.End })
		if !overlaps && len(out) < n {
			out = append(out, s)
		}
	}
	return out
}

// Track returns the moments of a video with their scores, by start.
func (t *Teacher) Track(video int64) []Suggestion {
	first := func(id int64) int {
		return sort.Search(t.m.moments.Len(), func(row int) bool { v, _, _ := t.m.moments.Span(row); return v >= id })
	}
	out := []Suggestion{}
	for row := first(video); row < first(video+1); row++ {
		out = append(out, t.suggestion(row))
	}
	return out
}

// Suspect is a mark that the other marks of its label contradict.
type Suspect struct {
	Mark
	Margin float64 `json:"margin"` // see label.Suspect
}

// Suspects returns the marks that the others contradict, the worst first.
func (t *Teacher) Suspects(ctx context.Context) ([]Suspect, error) {
	found, err := t.teacher.Suspects(ctx)
	out := []Suspect{}
	for _, s := range found {
		out = append(out, Suspect{t.marks[s.Mark], s.Margin})
	}
	return out, err
}

// Quality finds an operating point; see [label.Teacher.Quality].
func (t *Teacher) Quality(ctx context.Context, target label.Target) (label.Quality, error) {
	return t.teacher.Quality(ctx, target)
}

// Head returns what the label learned.
func (t *Teacher) Head() *label.Head { return t.teacher.Head() }

// Scorer returns a function that scores moments that are not in the library.
func (t *Teacher) Scorer() (func(ctx context.Context, embedding []float32, f label.Frames) (float64, error), error) {
	if err := t.models.open(t.e); err != nil {
		return nil, err
	}
	head, d := t.Head(), t.m.moments.Directions()
	return func(ctx context.Context, embedding []float32, f label.Frames) (float64, error) {
		score := head.Score(embedding, d.Describe(d.Project(f.Features), f.Times, f.Start, f.End))
		if t.models == nil {
			return score, nil
		}
		evidence, err := t.models.evidence(ctx, "", []label.Frames{f})
		if err != nil {
			return 0, err
		}
		return score + head.Evidence*float64(evidence[0]), nil
	}, nil
}

// Cut returns the settings of segments for a threshold; see [label.Teacher.Cut].
func (t *Teacher) Cut(threshold float64) label.Cut { return t.teacher.Cut(threshold) }

// Segment is a span of a video that shows a label.
type Segment struct {
	Video string  `json:"video"` // path
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Time  string  `json:"time"`
	Label string  `json:"label"`
	Score float64 `json:"score"` // log-odds; see label.Segment
}

// allowed returns segments without the spans of negative marks. A segment that loses half of
// its length is dropped, and so are parts that are shorter than the shortest segment.
func (t *Teacher) allowed(segments []label.Segment, least float64) (out []label.Segment) {
	for _, s := range segments {
		left := []label.Segment{s}
		for _, m := range t.marks {
			if m.Positive || m.Video != t.m.videos[s.Video].path {
				continue
			}
			var rest []label.Segment
			for _, x := range left {
				if m.End <= x.Start || m.Start >= x.End {
					rest = append(rest, x)
					continue
				}
				for _, part := range []video.Span{{Start: x.Start, End: m.Start}, {Start: m.End, End: x.End}} {
					if part.End-part.Start >= max(least, 1e-3) {
						rest = append(rest, label.Segment{Video: x.Video, Start: part.Start, End: part.End, Score: x.Score})
					}
				}
			}
			left = rest
		}
		kept := 0.
		for _, x := range left {
			kept += x.End - x.Start
		}
		if 2*kept > s.End-s.Start {
			out = append(out, left...)
		}
	}
	return out
}

// Segments returns the segments of the library that show the label, by video and start.
// Spans that are marked as not showing it are left out, and marks that show it are there.
func (t *Teacher) Segments(c label.Cut) ([]Segment, error) {
	found, err := t.teacher.Segments(c)
	if err != nil {
		return nil, err
	}
	out := []Segment{}
	for _, s := range t.withMarks(t.allowed(found, c.MinLength)) {
		out = append(out, Segment{t.m.videos[s.Video].path, s.Start, s.End, FormatTime(s.Start) + "–" + FormatTime(s.End), t.Name, s.Score})
	}
	return out, nil
}

// withMarks adds the positive marks of which no segment shows at least half, with the
// highest score of their moments.
func (t *Teacher) withMarks(segments []label.Segment) []label.Segment {
	var added []label.Segment
	for _, m := range t.marks {
		covered := 0.
		for _, s := range segments {
			if s.Video == m.VideoID {
				covered += max(0, min(s.End, m.End)-max(s.Start, m.Start))
			}
		}
		if m.Positive && 2*covered < m.End-m.Start {
			added = append(added, label.Segment{Video: m.VideoID, Start: m.Start, End: m.End, Score: math.Inf(-1)})
		}
	}
	if len(added) == 0 {
		return segments
	}
	for i, score := range t.teacher.Scores() {
		video, start, end := t.m.moments.Span(i)
		for j, s := range added {
			if s.Video == video && start < s.End && end > s.Start {
				added[j].Score = max(s.Score, float64(score))
			}
		}
	}
	// A segment that a mark overlaps only in part becomes one with it.
	all := append(segments, added...)
	slices.SortFunc(all, func(a, b label.Segment) int {
		return cmp.Or(cmp.Compare(a.Video, b.Video), cmp.Compare(a.Start, b.Start))
	})
	var out []label.Segment
	for _, s := range all {
		if last := len(out) - 1; last >= 0 && out[last].Video == s.Video && s.Start < out[last].End {
			out[last].End, out[last].Score = max(out[last].End, s.End), max(out[last].Score, s.Score)
			continue
		}
		out = append(out, s)
	}
	return out
}
