package library

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// Response is the response to a search.
type Response struct {
	// Results are sorted by score, the highest first.
	Results []Result `json:"results"`
	// Matched reports whether the best score is at least MatchScore. If not, nothing in the
	// library matches the query well.
	Matched bool `json:"matched"`
	// Warnings are about the query or the library.
	Warnings []Warning `json:"warnings"`
}

// MatchScore is the score at which a text query is as probable as all background captions
// together.
const MatchScore = 0.5

// Result is a part of a video: a moment, or several adjacent ones.
type Result struct {
	Video string `json:"video"` // path
	// Span is in seconds as a player shows them, Time the same as text.
	video.Span
	Time string `json:"time"`
	// Score is that of the best moment; see Library.Search and Library.SearchEmbedding.
	Score  float64 `json:"score"`
	Cosine float64 `json:"cosine"` // of the best moment's embedding and the query's
	// Best is the start of the best moment in seconds, and Thumbnail the file of a frame
	// from its middle; but see [Library.Thumbnail].
	Best      float64 `json:"best"`
	Thumbnail string  `json:"thumbnail"`
	Missing   bool    `json:"missing"` // the video did not exist when the library was last updated
	Blank     bool    `json:"blank"`   // most frames of the best moment show nothing: one color, noise, color bars

	thumbnail thumbnail
}

// Search finds the moments that a text query describes, at most top. Adjacent moments of
// a video are one result, if none of them scores less than half of the best; weaker ones
// beside it are left out.
//
// A score is the probability, from 0 to 1, that the model gives the query when it chooses a
// moment's caption from the query and the background captions (Settings.Captions), which
// are taken to be as likely as on average in the library. At [MatchScore] the query is as
// likely as all of them together. It is not the rate of correct results.
//
// An embedder other than the one that the library was made with gives a [MismatchError].
func (l *Library) Search(ctx context.Context, e Embedder, query string, top int) (*Response, error) {
	if strings.IndexFunc(query, unicode.IsGraphic) < 0 || strings.TrimSpace(query) == "" {
		return nil, ErrEmptyQuery
	}
	if err := l.CheckEmbedder(e); err != nil {
		return nil, err
	}
	embedding, err := e.EncodeTexts(ctx, []string{query})
	if err != nil {
		return nil, err
	}
	level, err := l.backgroundLevel(ctx)
	if err != nil {
		return nil, err
	}
	response, err := l.find(ctx, embedding, top, func(cosine float64) float64 { return probability(l.settings.Temperature, cosine, level) })
	if err != nil {
		return nil, err
	}
	response.Warnings = append(response.Warnings, queryWarnings(query)...)
	if !response.Matched && len(response.Results) > 0 {
		response.Warnings = append(response.Warnings, Warning{WarnNoMatch, fmt.Sprintf("nothing fits well: the %d background captions together are likelier than the query everywhere; these are the least bad", len(l.settings.Captions))})
	}
	return response, nil
}

// CheckEmbedder returns a [MismatchError] unless the embedder is the one that the library
// was made with.
func (l *Library) CheckEmbedder(e Embedder) error {
	if given := e.Fingerprint(); given != l.settings.Fingerprint {
		return &MismatchError{Dir: l.dir, What: "the model", Have: l.settings.Fingerprint, Want: given,
			Different: []string{"model"}, Library: l.settings, Given: Settings{Fingerprint: given}}
	}
	return nil
}

// SearchEmbedding finds the moments that are most similar to an image or a video, given its
// embedding; see [EmbedImage] and [EmbedVideo].
//
// A score is (c-μ)/(1-μ), where c is the cosine and μ its mean over a sample of the
// library's moments: 0 for a moment that is no more similar than the others, 1 for the same
// frames. Matched has little meaning then.
func (l *Library) SearchEmbedding(ctx context.Context, embedding []float32, top int) (*Response, error) {
	mean, err := l.meanEmbedding(ctx)
	if err != nil {
		return nil, err
	}
	usual := 0.
	if len(mean) == len(embedding) {
		usual = compute.Dot(mean, embedding)
	}
	return l.find(ctx, embedding, top, func(cosine float64) float64 { return stretch(cosine, usual) })
}

// stretch returns the similarity for a cosine: 0 for the usual one, 1 for 1.
func stretch(cosine, usual float64) float64 {
	return max(0, (cosine-usual)/max(1e-6, 1-usual))
}

// candidate is a moment that may be in the results.
type candidate struct {
	Result
	video int64
}

// find looks up the vectors nearest to a query and merges them to results. It looks up more
// than are wanted, and more again while they merge to too few results. score rises with the
// cosine.
func (l *Library) find(ctx context.Context, query []float32, top int, score func(cosine float64) float64) (*Response, error) {
	if top < 1 {
		return nil, fmt.Errorf("number of results must be at least 1, got %d", top)
	}
	all, err := l.vectors.Len(ctx)
	if err != nil {
		return nil, err
	}
	response := &Response{Results: []Result{}, Warnings: []Warning{}}
	if all == 0 {
		response.Warnings = append(response.Warnings, Warning{WarnEmpty, "the library has no moments yet"})
		return response, nil
	}
	most := min(all, enough)
	for k := 200 + 20*min(top, most); ; k *= 8 {
		hits, err := l.vectors.Search(ctx, query, min(k, most))
		if err != nil {
			return nil, explain(l.dir, err)
		}
		moments, err := l.moments(ctx, hits, score)
		if err != nil {
			return nil, explain(l.dir, err)
		}
		response.Results = merge(moments, top)
		if len(response.Results) == top || k >= most {
			break
		}
	}
	if response.Matched = len(response.Results) > 0 && response.Results[0].Score >= MatchScore; len(response.Results) == 0 {
		response.Warnings = append(response.Warnings, Warning{WarnReopen, "the library was re-indexed since it was opened"})
	}
	var pending int
	if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM videos WHERE pending").Scan(&pending); err != nil {
		return nil, explain(l.dir, err)
	}
	if pending > 0 {
		response.Warnings = append(response.Warnings, Warning{WarnPending, english.Plural(pending, "video", "") + " of the library are waiting to be re-indexed and cannot be found yet"})
	}
	return response, nil
}

// enough is the largest number of moments that are looked up, however few results they
// merge to: five hours that all match the query, and as many as a Weaviate server returns.
const enough = 10_000

// moments looks up the moments of hits. Those that no longer exist are left out.
func (l *Library) moments(ctx context.Context, hits []vector.Hit, score func(cosine float64) float64) ([]candidate, error) {
	ids := make([]int64, len(hits))
	cosines := make(map[int64]float64, len(hits))
	for i, h := range hits {
		ids[i], cosines[h.ID] = h.ID, float64(h.Score)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	out := make([]candidate, 0, len(hits))
	var id int64
	var c candidate
	var blank float64
	var whole bool
	t := &c.Result.thumbnail
	err = each(ctx, l.db, `SELECT moments.id, start, "end", thumbnail, picture, coalesce(blank, 0), videos.id, videos.path, missing, `+intact("moments")+" AND "+intact("videos")+` FROM json_each(?)
		JOIN moments ON moments.id = value JOIN videos ON videos.id = video WHERE (SELECT generation FROM settings) = ?`,
		[]any{string(list), l.generation}, []any{&id, &c.Start, &c.End, &t.number, &t.sum, &blank, &c.video, &c.Video, &c.Missing, &whole}, func() error {
			if !whole {
				return damaged("moments or videos")
			}
			c.Cosine, c.Best, c.Blank = cosines[id], c.Start, blank > blankShare
			c.Score = score(c.Cosine)
			t.video = c.video
			c.Thumbnail = t.path(l.dir)
			out = append(out, c)
			return nil
		})
	slices.SortStableFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.video, b.video), cmp.Compare(a.Start, b.Start))
	})
	return out, err
}

// merge merges candidates, which are sorted by score, to results.
func merge(moments []candidate, top int) []Result {
	var groups []*candidate // no two are adjacent
	for _, m := range moments {
		var beside []*candidate
		for _, g := range groups {
			if g.video == m.video && m.Start <= g.End && m.End >= g.Start {
				beside = append(beside, g)
			}
		}
		if len(beside) == 0 {
			groups = append(groups, &m)
			continue
		}
		if slices.ContainsFunc(beside, func(g *candidate) bool { return m.Score < g.Score/2 }) {
			continue
		}
		into := beside[0] // the best
		for _, g := range append(beside, &m) {
			into.Start, into.End = min(into.Start, g.Start), max(into.End, g.End)
		}
		groups = slices.DeleteFunc(groups, func(g *candidate) bool { return slices.Contains(beside[1:], g) })
	}
	out := []Result{}
	for _, g := range groups[:min(top, len(groups))] {
		g.Time = FormatTime(g.Start) + "–" + FormatTime(g.End)
		out = append(out, g.Result)
	}
	return out
}

// FormatTime formats a time as players show it, mm:ss or h:mm:ss.
func FormatTime(seconds float64) string {
	s := int64(max(0, seconds))
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// backgroundLevel returns the mean over the library of log Σ exp(cos(b,v)/τ).
func (l *Library) backgroundLevel(ctx context.Context) (float64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.level != nil {
		return *l.level, nil
	}
	var level float64
	err := verify(ctx, l.db, "videos")
	if err == nil {
		err = l.db.QueryRowContext(ctx, "SELECT coalesce(sum(background) / sum(moments), 0) FROM videos").Scan(&level)
	}
	if err == nil {
		l.level = &level
	}
	return level, explain(l.dir, err)
}

// meanEmbedding returns the mean embedding of a sample of the library's moments.
func (l *Library) meanEmbedding(ctx context.Context) ([]float32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mean == nil {
		mean, err := l.average(ctx)
		if err != nil {
			return nil, explain(l.dir, err)
		}
		l.mean = mean
	}
	return l.mean, nil
}

// sampled is the number of moments of the sample.
const sampled = 256

// average returns the mean embedding of moments that are spread evenly over the library.
func (l *Library) average(ctx context.Context) ([]float32, error) {
	var first, last int64
	if err := l.db.QueryRowContext(ctx, "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM moments").Scan(&first, &last); err != nil {
		return nil, err
	}
	sum := make([]float32, l.settings.Width)
	n, before := 0, int64(-1)
	for i := range int64(sampled) {
		var id int64
		err := l.db.QueryRowContext(ctx, "SELECT coalesce(min(id), 0) FROM moments WHERE id >= ?", first+(last-first)*i/sampled).Scan(&id)
		if err != nil {
			return nil, err
		}
		if id == before {
			continue
		}
		before = id
		x, err := l.vectors.Get(ctx, []int64{id})
		switch {
		case errors.Is(err, vector.ErrNotFound): // added since
			continue
		case err != nil:
			return nil, err
		}
		for j, v := range x {
			sum[j] += v
		}
		n++
	}
	for j := range sum {
		sum[j] /= float32(max(1, n))
	}
	return sum, nil
}
