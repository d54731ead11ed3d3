package library

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// Response is the response to a search.
type Response struct {
	// Results are sorted by score, the highest first.
	Results []Result `json:"results"`
	// Matched reports whether the best result is better than chance. The score of a text has
	// to reach MatchScore, and its cosine to exceed by 5.5 temperatures what half of the
	// background captions reach anywhere in the library. The score of an example has to reach
	// MatchScore, and that of an excluded text to be lower.
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
	Changed   bool    `json:"changed"` // the file of the video has changed since it was indexed; see Result.Unchanged
	Blank     bool    `json:"blank"`   // most frames of the best moment show nothing: one color, noise, color bars

	thumbnail thumbnail
	file      version // when it was indexed
}

// Picture returns the name of the thumbnail.
func (r Result) Picture() Picture { return Picture{r.thumbnail.video, r.thumbnail.number} }

// Search finds the moments that a text query describes, at most top; see [Library.Find].
func (l *Library) Search(ctx context.Context, e Embedder, query string, top int) (*Response, error) {
	return l.Find(ctx, nil, e, Query{Texts: []string{query}}, top)
}

// Find finds the moments that match a query, at most top, the best first. Adjacent moments
// of a video are one result, if none of them scores less than half of the best; weaker ones
// beside it are left out. enc is only required for images and videos.
//
// The score of a text is the probability, from 0 to 1, that the model gives it when it
// chooses a moment's caption from the text and the background captions (Settings.Captions),
// which are taken to be as likely as on average in the library. At [MatchScore] the text is
// as likely as all of them together. It is not the rate of correct results. The score of an
// example is that of [Library.SearchEmbedding].
//
// The score of a combined query is the geometric mean of the scores of its parts, times 1
// minus the score of each excluded text. The results are the best of all moments that the
// filter allows, as far as the vectors are searched exactly; see Settings.Graph and
// Settings.Server.
//
// An embedder other than the one that the library was made with gives a [MismatchError].
func (l *Library) Find(ctx context.Context, enc feature.Encoder, e Embedder, q Query, top int) (*Response, error) {
	q, err := q.Split()
	if err != nil {
		return nil, err
	}
	if err := l.CheckEmbedder(e); err != nil {
		return nil, err
	}
	s := &search{l: l, top: top}
	if s.shown, s.without, err = l.terms(ctx, enc, e, q); err == nil {
		s.scope, err = l.scope(ctx, e, q)
	}
	if err != nil {
		return nil, explain(l.dir, err)
	}
	response, err := s.run(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range slices.Concat(q.Texts, q.Without) {
		response.Warnings = append(response.Warnings, queryWarnings(e, t)...)
	}
	if !response.Matched && len(response.Results) > 0 && len(q.Texts) == 0 {
		response.Warnings = append(response.Warnings, Warning{WarnNoMatch, "no good match: no moment is similar to the example; these are the least different"})
	}
	if !response.Matched && len(response.Results) > 0 && len(q.Texts) > 0 {
		response.Warnings = append(response.Warnings, Warning{WarnNoMatch, fmt.Sprintf("no good match: the best moment fits the query hardly better than chance, by the %d background captions; these are the least bad", len(l.settings.Captions))})
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
	t, err := l.exampleTerm(ctx, embedding)
	if err != nil {
		return nil, err
	}
	return (&search{l: l, shown: []term{t}, scope: scope{all: true}, top: top}).run(ctx)
}

// merge merges candidates, which are sorted by score, to results.
func merge(moments []candidate, top int) []Result {
	var groups []*candidate           // in the order of their best moments
	apart := map[int64][]*candidate{} // those of a video, of which no two are adjacent
	gone := map[*candidate]bool{}     // merged into others
	for _, m := range moments {
		var beside []*candidate
		for _, g := range apart[m.video] {
			if m.Start <= g.End && m.End >= g.Start {
				beside = append(beside, g)
			}
		}
		if len(beside) == 0 {
			groups, apart[m.video] = append(groups, &m), append(apart[m.video], &m)
			continue
		}
		if slices.ContainsFunc(beside, func(g *candidate) bool { return m.Score < g.Score/2 }) {
			continue
		}
		into := beside[0] // the best
		for _, g := range append(beside, &m) {
			into.Start, into.End = min(into.Start, g.Start), max(into.End, g.End)
			gone[g] = g != into
		}
		apart[m.video] = slices.DeleteFunc(apart[m.video], func(g *candidate) bool { return gone[g] })
	}
	out := []Result{}
	for _, g := range groups {
		if len(out) == top {
			break
		}
		if !gone[g] {
			g.Time = FormatTime(g.Start) + "–" + FormatTime(g.End)
			out = append(out, g.Result)
		}
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
