package library

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// Query describes the moments to find. It combines any number of texts and examples; at
// least one is required. Its JSON form is what [SaveSearch] stores.
type Query struct {
	// Texts describe what a moment shows. In a text, -word and -"several words" exclude
	// something, like Without.
	Texts []string `json:"texts,omitempty"`
	// Without are texts of what a moment must not show. CLIP does not understand "not", so
	// each is a query of its own, whose score counts against a moment.
	Without []string `json:"without,omitempty"`
	Images  []string `json:"images,omitempty"` // image files that look like the moment
	Videos  []string `json:"videos,omitempty"` // short video files that look like the moment
	// Like are moments of the library to find more of. They are not in the results.
	// A video whose file has changed since it was indexed is an error that wraps [ErrChanged].
	Like   []Point `json:"like,omitempty"`
	Filter Filter  `json:"filter,omitzero"`
}

// Point is a time of a video of a library.
type Point struct {
	Video string  `json:"video"` // path, or the end of a path that only one video has
	Time  float64 `json:"time"`  // seconds as a player shows them
}

func (p Point) String() string { return p.Video + " at " + FormatTime(p.Time) }

// String returns the query on one line, without the filter.
func (q Query) String() string {
	parts := slices.Clone(q.Texts)
	for _, t := range q.Without {
		parts = append(parts, "without "+t)
	}
	for _, path := range slices.Concat(q.Images, q.Videos) {
		parts = append(parts, "like "+path)
	}
	for _, p := range q.Like {
		parts = append(parts, "like "+p.String())
	}
	return strings.Join(parts, ", ")
}

// excludedPart is what a text query excludes: -word or -"several words".
var excludedPart = regexp.MustCompile(`(?:^|\s)[-−–](?:"([^"]+)"|“([^”]+)”|«([^»]+)»|'([^']+)'|(\pL\S*))`)

// openQuote is an exclusion whose quotation mark has no counterpart.
var openQuote = regexp.MustCompile(`(?:^|\s)[-−–]["“«'](.*)$`)

// Split returns the query with what its texts exclude in Without.
func (q Query) Split() (Query, error) {
	texts := q.Texts
	q.Texts, q.Without = nil, slices.Clone(q.Without)
	for _, t := range texts {
		excluded := excludedPart.FindAllStringSubmatch(t, -1)
		for _, m := range excluded {
			q.Without = append(q.Without, strings.Join(m[1:], ""))
		}
		if len(excluded) > 0 {
			t = strings.TrimSpace(excludedPart.ReplaceAllString(t, ""))
		}
		if m := openQuote.FindStringSubmatch(t); m != nil {
			return q, fmt.Errorf("%w: the quotation mark before %q is not closed", ErrQuery, m[1])
		}
		if t != "" || len(excluded) == 0 {
			q.Texts = append(q.Texts, t)
		}
	}
	for _, t := range slices.Concat(q.Texts, q.Without) {
		if err := input.CheckQuery(t); err != nil {
			return q, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		if strings.IndexFunc(t, unicode.IsGraphic) < 0 || strings.TrimSpace(t) == "" {
			return q, ErrEmptyQuery
		}
	}
	if len(q.Texts)+len(q.Images)+len(q.Videos)+len(q.Like) == 0 {
		return q, fmt.Errorf("%w: nothing says what to find", ErrEmptyQuery)
	}
	return q, nil
}

// term is a part of a query with a score of its own.
type term struct {
	embedding []float32
	score     func(cosine float64) float64 // rises with the cosine
	fits      float64                      // the least cosine of a match
}

// terms embeds the parts of a query: what a moment shows, and what it must not show.
func (l *Library) terms(ctx context.Context, enc feature.Encoder, e Embedder, q Query) (shown, without []term, err error) {
	if texts := slices.Concat(q.Texts, q.Without); len(texts) > 0 {
		all, err := l.textTerms(ctx, e, texts)
		if err != nil {
			return nil, nil, err
		}
		shown, without = all[:len(q.Texts):len(q.Texts)], all[len(q.Texts):]
	}
	add := func(embedding []float32, err error) error {
		if err != nil {
			return err
		}
		t, err := l.exampleTerm(ctx, embedding)
		shown = append(shown, t)
		return err
	}
	if len(q.Images)+len(q.Videos) > 0 && enc == nil {
		return nil, nil, errors.New("a query with images or videos requires an encoder")
	}
	for _, path := range q.Images {
		if err := add(EmbedImage(ctx, enc, e, path)); err != nil {
			return nil, nil, err
		}
	}
	var o feature.Options
	if o.Sampling, err = video.ParseSampling(l.settings.Sampling); err != nil {
		return nil, nil, err
	}
	for _, path := range q.Videos {
		if err := add(EmbedVideo(ctx, enc, e, path, o)); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range q.Like {
		if err := add(l.embeddingAt(ctx, p)); err != nil {
			return nil, nil, err
		}
	}
	return shown, without, nil
}

// TextError reports texts that the model cannot encode, such as one of control characters only.
type TextError struct{ Err error }

func (e *TextError) Error() string { return e.Err.Error() }
func (e *TextError) Unwrap() error { return e.Err }

func encodeTexts(ctx context.Context, e Embedder, texts []string) ([]float32, error) {
	y, err := e.EncodeTexts(ctx, texts)
	if err != nil && ctx.Err() == nil {
		err = &TextError{err}
	}
	return y, err
}

func (l *Library) textTerms(ctx context.Context, e Embedder, texts []string) ([]term, error) {
	embeddings, err := encodeTexts(ctx, e, texts)
	if err != nil {
		return nil, err
	}
	level, err := l.backgroundLevel(ctx)
	if err != nil {
		return nil, err
	}
	fits, err := l.leastMatch(ctx, level)
	if err != nil {
		return nil, err
	}
	out := make([]term, len(texts))
	width := len(embeddings) / len(texts)
	for i := range out {
		out[i] = term{embeddings[i*width:][:width], func(cosine float64) float64 { return probability(l.settings.Temperature, cosine, level) }, fits}
	}
	return out, nil
}

func (l *Library) exampleTerm(ctx context.Context, embedding []float32) (term, error) {
	mean, err := l.meanEmbedding(ctx)
	if err != nil {
		return term{}, err
	}
	usual := 0.
	if len(mean) == len(embedding) {
		usual = compute.Dot(mean, embedding)
	}
	return term{embedding, func(cosine float64) float64 { return stretch(cosine, usual) }, usual + MatchScore*(1-usual)}, nil
}

// stretch returns the similarity for a cosine: 0 for the usual one, 1 for 1.
func stretch(cosine, usual float64) float64 {
	return max(0, (cosine-usual)/max(1e-6, 1-usual))
}

// momentAt returns the moment whose middle is closest to a time, with its video.
func (l *Library) momentAt(ctx context.Context, p Point) (id int64, v videoRow, span video.Span, err error) {
	if v, err = findVideo(ctx, l.db, p.Video); err != nil {
		return 0, v, span, err
	}
	if err := v.unchanged(v.path); err != nil {
		return 0, v, span, err
	}
	if !(p.Time >= 0 && p.Time <= v.seconds) {
		return 0, v, span, fmt.Errorf("%s at %g s: the time is outside the video, which is from 0 to %.4g s", text.Quote(v.path), p.Time, v.seconds)
	}
	err = each(ctx, l.db, `SELECT id, start, "end" FROM moments WHERE video = ? ORDER BY abs((start + "end") / 2 - ?), id LIMIT 1`,
		[]any{v.id, p.Time}, []any{&id, &span.Start, &span.End}, func() error { return nil })
	if err == nil && id == 0 {
		err = fmt.Errorf("%s is waiting to be re-indexed", text.Quote(v.path))
	}
	return id, v, span, err
}

func (l *Library) embeddingAt(ctx context.Context, p Point) ([]float32, error) {
	id, _, _, err := l.momentAt(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.vectors.Get(ctx, []int64{id})
}
