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
)

// Found is what a search came to.
type Found struct {
	// Results by falling score.
	Results []Result `json:"results"`
	// Matched reports whether the best score is at least Even: if not, nothing in
	// the library fits the query well, and the results are merely the least bad.
	Matched bool `json:"matched"`
	// Warnings are sentences about the query or the library.
	Warnings []string `json:"warnings"`
}

// Even is the score at which a sentence is as probable as the whole background.
const Even = 0.5

// Result is a part of a video: a moment, or several that touch.
type Result struct {
	Video string `json:"video"` // path
	// Start and End are seconds as a player shows them, Time the same to be read.
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Time  string  `json:"time"`
	// Score is that of the best moment; see Library.Search and Library.Like.
	Score  float64 `json:"score"`
	Cosine float64 `json:"cosine"` // of the best moment's embedding with the query's
	// Best is where the best moment begins, and Thumbnail a picture of its middle.
	Best      float64 `json:"best"`
	Thumbnail string  `json:"thumbnail"`
	Missing   bool    `json:"missing"` // the video was not there when the library was last brought up to date
}

// Search finds the moments that a sentence describes, at most top. Moments of one
// video that touch are one result, if none of them scores less than half of the
// best; weaker ones beside it are left out.
//
// A score is the probability, from 0 to 1, that the model gives the sentence when
// it has to choose a moment's caption among it and the background's captions
// (Settings.Captions), of which it takes those to be as likely as they are on average
// in the library. At [Even] the sentence is as likely as all of them together. It is
// not how often such results are right.
//
// The embedder has to be the one that the library was made with, or there is a
// [MismatchError].
func (l *Library) Search(ctx context.Context, e Embedder, sentence string, top int) (*Found, error) {
	if strings.IndexFunc(sentence, unicode.IsGraphic) < 0 || strings.TrimSpace(sentence) == "" {
		return nil, ErrEmptyQuery
	}
	if err := l.Fits(e); err != nil {
		return nil, err
	}
	query, err := e.Texts(ctx, []string{sentence})
	if err != nil {
		return nil, err
	}
	level, err := l.level()
	if err != nil {
		return nil, err
	}
	found, err := l.find(ctx, query, top, func(cosine float64) float64 { return probability(l.settings.Temperature, cosine, level) })
	if err != nil {
		return nil, err
	}
	if n := strings.IndexFunc(sentence, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) }); n >= 0 {
		found.Warnings = append(found.Warnings, "the query has letters of another script; CLIP and its tokenizer learned from English captions, so ask in English")
	}
	if !found.Matched && len(found.Results) > 0 {
		found.Warnings = append(found.Warnings, fmt.Sprintf("nothing fits well: the %d background captions together are likelier than the query everywhere; these are the least bad", len(l.settings.Captions)))
	}
	return found, nil
}

// Fits returns a [MismatchError] unless the embedder is the one that the library
// was made with.
func (l *Library) Fits(e Embedder) error {
	if have := e.Fingerprint(); have != l.settings.Fingerprint {
		return &MismatchError{l.dir, "the model", l.settings.Fingerprint, have, fmt.Sprintf(
			"search with the model that it was made with (%s), or re-index it with this one: clipcue index --library %s --reindex --model MODEL, or --run RUN", l.settings.names(), l.dir)}
	}
	return nil
}

// Like finds the moments that are most like a picture or a video, of which
// embedding is the embedding; see [Picture] and [Clip].
//
// A score is (c-μ)/(1-μ), where c is the cosine and μ its mean over a sample of the
// library's moments: 0 for a moment that is no more like the query than the others,
// 1 for the same pictures. Matched says little then.
func (l *Library) Like(ctx context.Context, embedding []float32, top int) (*Found, error) {
	mean, err := l.mean()
	if err != nil {
		return nil, err
	}
	usual := 0.
	if len(mean) == len(embedding) {
		usual = compute.Dot(mean, embedding)
	}
	return l.find(ctx, embedding, top, func(cosine float64) float64 { return stretch(cosine, usual) })
}

// stretch makes of cosines with a usual value similarities with 0 for that.
func stretch(cosine, usual float64) float64 {
	return max(0, (cosine-usual)/max(1e-6, 1-usual))
}

// names says how the model can be loaded again.
func (s Settings) names() string {
	out := "--model " + cmp.Or(s.Model, "clipcue-tiny")
	if s.Adapter != "" {
		out += " --run " + s.Adapter
	}
	return out
}

// candidate is a moment that may be found.
type candidate struct {
	Result
	video  int64
	number int
}

// find looks up the vectors nearest to a query and puts them together: more than are
// wanted, and again more as long as they come together in too few results. score
// rises with the cosine.
func (l *Library) find(ctx context.Context, query []float32, top int, score func(cosine float64) float64) (*Found, error) {
	if top < 1 {
		return nil, fmt.Errorf("%d results cannot be found; ask for at least 1", top)
	}
	all, err := l.vectors.Len()
	if err != nil {
		return nil, err
	}
	found := &Found{Results: []Result{}, Warnings: []string{}}
	if all == 0 {
		found.Warnings = append(found.Warnings, "the library holds no moments yet")
		return found, nil
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
		found.Results = merge(moments, top)
		if len(found.Results) == top || k >= most {
			break
		}
	}
	if found.Matched = len(found.Results) > 0 && found.Results[0].Score >= Even; len(found.Results) == 0 {
		found.Warnings = append(found.Warnings, "the library was re-indexed since it was opened; open it again")
	}
	var pending int
	if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM videos WHERE pending").Scan(&pending); err != nil {
		return nil, explain(l.dir, err)
	}
	if pending > 0 {
		found.Warnings = append(found.Warnings, fmt.Sprintf("%s of the library are waiting to be re-indexed and cannot be found yet; continue with: clipcue index --library %s", english.Plural(pending, "video", ""), l.dir))
	}
	return found, nil
}

// enough is how many moments are looked at, however few results they make: five hours
// that all look like the query, and as many as a Weaviate server gives.
const enough = 10_000

// moments looks up what the hits are. Those that are gone are left out.
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
	var whole bool
	err = each(ctx, l.db, `SELECT moments.id, start, "end", thumbnail, videos.id, videos.path, missing, `+intact("moments")+" AND "+intact("videos")+` FROM json_each(?)
		JOIN moments ON moments.id = value JOIN videos ON videos.id = video WHERE (SELECT generation FROM settings) = ?`,
		[]any{string(list), l.generation}, []any{&id, &c.Start, &c.End, &c.number, &c.video, &c.Video, &c.Missing, &whole}, func() error {
			if !whole {
				return damaged("moments or videos")
			}
			c.Cosine, c.Best = cosines[id], c.Start
			c.Score = score(c.Cosine)
			c.Thumbnail = thumbnail(l.dir, c.video, c.number)
			out = append(out, c)
			return nil
		})
	slices.SortStableFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.video, b.video), cmp.Compare(a.Start, b.Start))
	})
	return out, err
}

// merge makes results of candidates that come by falling score.
func merge(moments []candidate, top int) []Result {
	var groups []*candidate // of which no two touch
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
		g.Time = Clock(g.Start) + "–" + Clock(g.End)
		out = append(out, g.Result)
	}
	return out
}

// Clock is a time as players show it, mm:ss or h:mm:ss.
func Clock(seconds float64) string {
	s := int64(max(0, seconds))
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// measure is the mean over the library of what its moments have with the background.
func (l *Library) measure() (level float64, err error) {
	if err = verify(context.Background(), l.db, "videos"); err == nil {
		err = l.db.QueryRowContext(context.Background(), "SELECT coalesce(sum(background) / sum(moments), 0) FROM videos").Scan(&level)
	}
	return level, explain(l.dir, err)
}

// sampled is how many moments stand for all of a library.
const sampled = 256

// average is the mean embedding of moments that lie evenly in the library.
func (l *Library) average() ([]float32, error) {
	ctx := context.Background()
	var first, last int64
	if err := l.db.QueryRowContext(ctx, "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM moments").Scan(&first, &last); err != nil {
		return nil, explain(l.dir, err)
	}
	sum := make([]float32, l.settings.Width)
	n, before := 0, int64(-1)
	for i := range int64(sampled) {
		var id int64
		err := l.db.QueryRowContext(ctx, "SELECT coalesce(min(id), 0) FROM moments WHERE id >= ?", first+(last-first)*i/sampled).Scan(&id)
		if err != nil {
			return nil, explain(l.dir, err)
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
			return nil, explain(l.dir, err)
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
