package library

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/compute"
)

// search is a search for moments that score high for all shown terms and low for the
// others.
//
// It looks up the vectors nearest to each shown term. A moment beyond the last of each list
// scores at most as much as the last ones together, so the results are final once the last
// of them reaches this bound (Fagin's threshold algorithm). Otherwise the lists get longer.
// A filtered or combined search that is still not final at the greatest length computes the
// scores of all moments in its scope.
type search struct {
	l              *Library
	shown, without []term
	scope          scope
	top            int
}

// scored is a moment with its scores.
type scored struct {
	id      int64
	cosine  float64 // the mean of those of the shown terms
	score   float64
	matched bool
}

// candidate is a moment that may be in the results.
type candidate struct {
	Result
	video   int64
	matched bool
}

// enough is the largest number of moments that are looked up, however few results they
// merge to: five hours that all match the query, and as many as a Weaviate server returns.
// shortest is the least number. Tests change them.
var shortest, enough = 200, 10_000

func (s *search) run(ctx context.Context) (*Response, error) {
	if s.top < 1 {
		return nil, fmt.Errorf("number of results must be at least 1, got %d", s.top)
	}
	l := s.l
	all, err := l.vectors.Len(ctx)
	if err != nil {
		return nil, err
	}
	response := &Response{Results: []Result{}, Warnings: []Warning{}}
	warn := func(kind WarningKind, text string) {
		response.Warnings = append(response.Warnings, Warning{kind, text})
	}
	switch {
	case all == 0:
		warn(WarnEmpty, "the library has no moments yet")
		return response, nil
	case !s.scope.all && len(s.scope.ids) == 0:
		warn(WarnFilter, "no moment of the library passes the filter")
		return response, nil
	}
	moments, err := s.best(ctx, all)
	if err != nil {
		return nil, explain(l.dir, err)
	}
	response.Results = merge(moments, s.top)
	switch {
	case len(moments) > 0:
		response.Matched = moments[0].matched
	case len(s.scope.without) > 0:
		warn(WarnFilter, "no other moment of the library passes the filter")
	default:
		warn(WarnReopen, "the library was re-indexed since it was opened")
	}
	if n := findChanged(response.Results); n > 0 {
		warn(WarnChanged, "the files of "+english.Plural(n, "video", "")+" in the results have changed since they were indexed; the results describe the old content")
	}
	var pending int
	if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM videos WHERE pending").Scan(&pending); err != nil {
		return nil, explain(l.dir, err)
	}
	if pending > 0 {
		warn(WarnPending, english.Plural(pending, "video", "")+" of the library are waiting to be re-indexed and cannot be found yet")
	}
	return response, nil
}

// single reports whether a search has only one term, so that the order of the vectors is
// that of the scores.
func (s *search) single() bool { return len(s.shown) == 1 && len(s.without) == 0 }

// best returns the best moments, the best first.
func (s *search) best(ctx context.Context, all int) ([]candidate, error) {
	most := min(all, enough)
	for k := shortest + 20*min(s.top, most); ; k *= 8 {
		found, bound, err := s.nearest(ctx, min(k, most))
		if err != nil {
			return nil, err
		}
		complete := k >= all || k >= most && s.single() && s.scope.all
		if complete || enoughReach(bound, s.top, found) {
			moments, err := s.l.moments(ctx, found)
			if err != nil {
				return nil, err
			}
			if results := merge(moments, s.top); complete || len(results) == s.top && results[s.top-1].Score >= bound {
				return moments, nil
			}
		}
		if k >= most {
			break
		}
	}
	found, err := s.everything(ctx)
	if err != nil {
		return nil, err
	}
	return s.l.moments(ctx, found)
}

// enoughReach reports whether at least n moments score as much as the bound. Looking moments
// up takes most of the time.
func enoughReach(bound float64, n int, found []scored) bool {
	for _, x := range found {
		if x.score >= bound {
			n--
		}
	}
	return n <= 0
}

// nearest scores the k moments nearest to each shown term, as far as they are in scope.
// bound is the highest score of a moment that is in none of the lists.
func (s *search) nearest(ctx context.Context, k int) (found []scored, bound float64, err error) {
	seen := map[int64]bool{}
	var ids []int64
	last := make([]float64, len(s.shown))
	for i, t := range s.shown {
		hits, err := s.l.vectors.Search(ctx, t.embedding, k)
		if err != nil {
			return nil, 0, err
		}
		for _, h := range hits {
			last[i] = float64(h.Score)
			if seen[h.ID] || !s.scope.has(h.ID) {
				continue
			}
			seen[h.ID] = true
			ids = append(ids, h.ID)
			if s.single() {
				found = append(found, s.rate(h.ID, last[:1], nil))
			}
		}
	}
	bound = s.rate(0, last, nil).score
	if !s.single() {
		found, err = s.scores(ctx, ids)
	}
	return found, bound, err
}

// rate scores a moment by its cosines with the shown terms and the others.
func (s *search) rate(id int64, shown, without []float64) scored {
	x := scored{id: id, score: 1, matched: true}
	for i, c := range shown {
		t := s.shown[i]
		x.cosine += c / float64(len(shown))
		x.score *= t.score(c)
		x.matched = x.matched && c >= t.fits
	}
	if len(shown) > 1 {
		x.score = math.Pow(x.score, 1/float64(len(shown)))
	}
	for i, c := range without {
		p := s.without[i].score(c)
		x.score *= 1 - p
		x.matched = x.matched && p < MatchScore
	}
	return x
}

// scores scores moments by their vectors.
func (s *search) scores(ctx context.Context, ids []int64) (out []scored, err error) {
	width := s.l.settings.Width
	cosines := make([]float64, len(s.shown)+len(s.without))
	terms := slices.Concat(s.shown, s.without)
	for part := range slices.Chunk(ids, loaded) {
		vectors, err := s.l.vectors.Get(ctx, part)
		if err != nil {
			return nil, err
		}
		for i, id := range part {
			for j, t := range terms {
				cosines[j] = float64(float32(compute.Dot(t.embedding, vectors[i*width:][:width])))
			}
			out = append(out, s.rate(id, cosines[:len(s.shown)], cosines[len(s.shown):]))
		}
	}
	return out, nil
}

// everything scores all moments in scope, and returns the best.
func (s *search) everything(ctx context.Context) (best []scored, err error) {
	var ids []int64
	keep := func() error {
		found, err := s.scores(ctx, ids)
		best = append(best, found...)
		slices.SortStableFunc(best, func(a, b scored) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.cosine, a.cosine)) })
		best, ids = best[:min(enough, len(best))], ids[:0]
		return err
	}
	for id, err := range s.l.vectors.IDs(ctx) {
		if err != nil {
			return nil, err
		}
		if !s.scope.has(id) {
			continue
		}
		if ids = append(ids, id); len(ids) == 4*loaded {
			if err := keep(); err != nil {
				return nil, err
			}
		}
	}
	return best, keep()
}

// moments looks up moments, the best first. Those that no longer exist are left out.
func (l *Library) moments(ctx context.Context, found []scored) ([]candidate, error) {
	ids := make([]int64, len(found))
	for i, x := range found {
		ids[i] = x.id
	}
	rows, err := l.rows.get(ctx, l, ids)
	if err != nil {
		return nil, err
	}
	out := make([]candidate, 0, len(found))
	for _, x := range found {
		c, ok := rows[x.id]
		if !ok {
			continue
		}
		c.Cosine, c.Score, c.matched = x.cosine, x.score, x.matched
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.video, b.video), cmp.Compare(a.Start, b.Start))
	})
	return out, nil
}
