package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// mostResults is the largest number of results of one search, over all pages.
const mostResults = 2000

type searchInput struct {
	SearchQuery
	Limit  int `query:"limit" default:"60" minimum:"1" maximum:"500"`
	Offset int `query:"offset" default:"0" minimum:"0" maximum:"1999"`
}

// searched is a response that later pages are taken from.
type searched struct {
	moments  []Moment
	complete bool // there are no more
	matched  bool
	warnings []string
	query    string
}

func (s *Server) searchOperations() {
	operation(s, http.MethodGet, "/search", "search", "Find moments", s.search, func(o *huma.Operation) {
		o.Description = "Combines any number of texts and examples. The score of a text is the probability that the model gives it when it chooses the moment's caption from it and many others; at 0.5 it is as likely as all of them together. It is not the rate of correct results."
	})
	operation(s, http.MethodGet, "/searches", "list-searches", "List saved searches", s.listSearches)
	operation(s, http.MethodPut, "/searches/{name}", "save-search", "Save a search", s.saveSearch, status(http.StatusNoContent))
	operation(s, http.MethodDelete, "/searches/{name}", "delete-search", "Delete a saved search", s.deleteSearch, status(http.StatusNoContent))
	s.exampleOperations()
}

func (s *Server) search(ctx context.Context, in *searchInput) (*body[Found], error) {
	begin := time.Now()
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	q, err := s.query(ctx, x, in.SearchQuery)
	if err != nil {
		return nil, err
	}
	need := min(in.Offset+in.Limit, mostResults)
	labels, err := s.labelFilter(ctx, x, in.Label, &q.Filter)
	if err != nil {
		return nil, err
	}
	r, err := s.find(ctx, x, q, labels, need)
	if err != nil {
		return nil, err
	}
	out := Found{Results: []Moment{}, Matched: r.matched, Warnings: r.warnings, Query: printable(r.query), Took: milliseconds(begin)}
	if in.Offset < len(r.moments) {
		var changed bool
		if out.Results, changed = x.compared(r.moments[in.Offset:min(need, len(r.moments))]); changed {
			out.Warnings = append(slices.Clone(out.Warnings), changedResults)
		}
	}
	out.More = need < len(r.moments) || !r.complete && need < mostResults
	return &body[Found]{out}, nil
}

// notUnderstood tells people what a negation in a query does.
const notUnderstood = `Words such as "not" and "without" are not understood, so results may show what you want to leave out. A minus sign leaves it out: circle -red.`

// changedResults says what results with Changed are.
const changedResults = "Some of these videos have changed since they were indexed, and the results describe the old content. Look for changes in the library, or run clipcue index."

// find returns at least n results, as far as there are so many. Pages after the first come
// from memory.
// labels are the revisions of the labels of its filter.
func (s *Server) find(ctx context.Context, x *snapshot, q library.Query, labels []string, n int) (*searched, error) {
	key, err := json.Marshal([]any{x.current().Moments, labels, q})
	if err != nil {
		return nil, err
	}
	if r, ok := s.searches.Get(string(key)); ok && (r.complete || len(r.moments) >= n) {
		return r, nil
	}
	top := min(max(2*n, 120), mostResults)
	found, err := x.Find(ctx, s.o.Encoder, s.embedder, q, top)
	if _, ok := errors.AsType[*video.Error](err); ok {
		return nil, huma.Error422UnprocessableEntity("The uploaded example cannot be searched with: " + reason(err))
	}
	if err != nil {
		return nil, err
	}
	r := &searched{complete: len(found.Results) < top, matched: found.Matched, warnings: []string{}, query: describe(x, q)}
	for _, m := range found.Results {
		r.moments = append(r.moments, x.ofResult(m))
	}
	for _, w := range found.Warnings {
		switch w.Kind {
		case library.WarnNoMatch: // Matched says it
		case library.WarnChanged: // compared finds it at each request
		case library.WarnNegation:
			r.warnings = append(r.warnings, notUnderstood)
		default:
			r.warnings = append(r.warnings, w.Text)
		}
	}
	s.searches.Add(string(key), r)
	return r, nil
}

// labelFilter lets a filter pass what shows one of the labels, as far as their teachers
// know it, and returns what identifies that.
func (s *Server) labelFilter(ctx context.Context, x *snapshot, ids []int64, f *library.Filter) (revisions []string, err error) {
	f.Labels = nil // which the library would learn again
	for _, id := range ids {
		l, err := x.label(ctx, id)
		if err != nil {
			return nil, err
		}
		t, err := x.teacher(ctx, s.embedder, l)
		if err != nil {
			return nil, err
		}
		spans, err := t.spans(ctx)
		if err != nil && estimateProblem(err) == "" {
			return nil, err
		}
		if f.Spans == nil {
			f.Spans = map[string][]video.Span{}
		}
		for path, list := range spans {
			f.Spans[path] = append(f.Spans[path], list...)
		}
		revisions = append(revisions, fmt.Sprint(id, " ", t.revision, " ", t.moments))
	}
	return revisions, nil
}

// current returns the revision.
func (x *snapshot) current() library.Revision {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.revision
}

// describe returns a query in words, with names instead of paths.
func describe(x *snapshot, q library.Query) string {
	q.Like, q.Images, q.Videos = slices.Clone(q.Like), slices.Clone(q.Images), slices.Clone(q.Videos)
	for i, p := range q.Like {
		name, _ := x.place(p.Video)
		q.Like[i].Video = name
	}
	for _, list := range [][]string{q.Images, q.Videos} {
		for i := range list {
			list[i] = "the uploaded example"
		}
	}
	return q.String()
}

// query translates a search to one of the library.
func (s *Server) query(ctx context.Context, x *snapshot, in SearchQuery) (q library.Query, err error) {
	q.Without = in.Without
	if strings.TrimSpace(in.Q) != "" {
		q.Texts = []string{in.Q}
	}
	for _, like := range in.Like {
		id, at, _ := strings.Cut(like, "@")
		number, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return q, notFound("video", id)
		}
		v, err := x.video(number)
		if err != nil {
			return q, err
		}
		time, err := strconv.ParseFloat(at, 64)
		if err != nil || time > v.Seconds {
			return q, huma.Error422UnprocessableEntity(fmt.Sprintf("The time %s is not in the video, which has %.4g s.", at, v.Seconds))
		}
		q.Like = append(q.Like, library.Point{Video: v.Path, Time: time})
	}
	for _, id := range in.Example {
		e, ok := s.examples.find(id)
		switch {
		case !ok:
			return q, huma.Error404NotFound("The example was uploaded too long ago. Upload it again.")
		case e.Kind == imageExample:
			q.Images = append(q.Images, e.path)
		default:
			q.Videos = append(q.Videos, e.path)
		}
	}
	q.Filter, err = filterOf(ctx, x, in)
	return q, err
}

func filterOf(ctx context.Context, x *snapshot, in SearchQuery) (f library.Filter, err error) {
	f = library.Filter{Path: in.Path, MinSeconds: in.MinSeconds, MaxSeconds: in.MaxSeconds}
	for _, d := range []struct {
		text string
		into *time.Time
	}{{in.Since, &f.Since}, {in.Until, &f.Until}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.ParseInLocation(time.DateOnly, d.text, time.Local); err != nil {
			*d.into, err = time.Parse(time.RFC3339, d.text)
		}
		if err != nil {
			return f, huma.Error422UnprocessableEntity(fmt.Sprintf("%q is not a day such as 2026-01-31.", d.text))
		}
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return f, huma.Error422UnprocessableEntity("The first day is not before the last one.")
	}
	if sum := f.MinSeconds + f.MaxSeconds; math.IsNaN(sum) || math.IsInf(sum, 0) {
		return f, huma.Error422UnprocessableEntity("A length is a number of seconds.")
	}
	if f.MaxSeconds > 0 && f.MinSeconds > f.MaxSeconds {
		return f, huma.Error422UnprocessableEntity("The least length is greater than the greatest one.")
	}
	if in.Path != "" {
		if _, err := filepath.Match(in.Path, ""); err != nil {
			return f, huma.Error422UnprocessableEntity("The pattern of the path cannot be read.")
		}
	}
	if in.Folder != "" {
		if f.Folder, err = x.folder(in.Folder); err != nil {
			return f, err
		}
	}
	for _, id := range in.Label {
		l, err := x.label(ctx, id)
		if err != nil {
			return f, err
		}
		f.Labels = append(f.Labels, l.Name)
	}
	return f, nil
}

// folder returns the path of a folder that place names.
func (x *snapshot) folder(name string) (string, error) {
	clean := filepath.Clean(filepath.FromSlash(name))
	for i := range x.videos {
		_, folder := x.place(x.videos[i].Path)
		if rest, ok := strings.CutPrefix(filepath.FromSlash(printable(folder)), clean); ok && (rest == "" || rest[0] == filepath.Separator) {
			path := filepath.Dir(x.videos[i].Path)
			for range strings.Count(rest, string(filepath.Separator)) {
				path = filepath.Dir(path)
			}
			return path, nil
		}
	}
	return "", notFound("folder", strconv.Quote(name))
}

type savedSearches struct {
	Searches []SavedSearch `json:"searches"`
}

func (s *Server) listSearches(ctx context.Context, _ *struct{}) (*body[savedSearches], error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	all, err := x.SavedSearches(ctx)
	if err != nil {
		return nil, err
	}
	out := savedSearches{[]SavedSearch{}}
	for _, one := range all {
		if q, ok := x.saved(ctx, one.Query); ok {
			out.Searches = append(out.Searches, SavedSearch{Name: one.Name, Query: q, Created: one.Created})
		}
	}
	return &body[savedSearches]{out}, nil
}

// saved translates a query of the library back. It returns false for one that the API cannot
// express, because it has files of its own.
func (x *snapshot) saved(ctx context.Context, q library.Query) (out SearchQuery, ok bool) {
	if len(q.Images)+len(q.Videos) > 0 {
		return out, false
	}
	f := q.Filter
	out = SearchQuery{Q: strings.Join(q.Texts, " "), Without: q.Without, Path: f.Path, MinSeconds: f.MinSeconds, MaxSeconds: f.MaxSeconds}
	for _, p := range q.Like {
		v := x.byPath[p.Video]
		if v == nil {
			return out, false
		}
		out.Like = append(out.Like, fmt.Sprintf("%d@%g", v.ID, p.Time))
	}
	for _, d := range []struct {
		at   time.Time
		into *string
	}{{f.Since, &out.Since}, {f.Until, &out.Until}} {
		if !d.at.IsZero() {
			*d.into = d.at.Format(time.RFC3339)
		}
	}
	if f.Folder != "" {
		_, out.Folder = x.place(filepath.Join(f.Folder, "x"))
	}
	labels, err := x.Labels(ctx)
	for _, l := range labels {
		for _, name := range f.Labels {
			if l.Name == name {
				out.Label = append(out.Label, l.ID)
			}
		}
	}
	return out, err == nil && len(out.Label) == len(f.Labels)
}

type savedInput struct {
	Name string `path:"name" maxLength:"200"`
	Body SearchQuery
}

func (s *Server) saveSearch(ctx context.Context, in *savedInput) (*done, error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	if len(in.Body.Example) > 0 {
		return nil, huma.Error422UnprocessableEntity("A search with an uploaded example cannot be saved.")
	}
	q, err := s.query(ctx, x, in.Body)
	if err != nil {
		return nil, err
	}
	return &done{}, s.write(func() error { return library.SaveSearch(ctx, s.o.Library, in.Name, q) })
}

type nameInput struct {
	Name string `path:"name" maxLength:"200"`
}

func (s *Server) deleteSearch(ctx context.Context, in *nameInput) (*done, error) {
	return &done{}, s.write(func() error { return library.DeleteSearch(ctx, s.o.Library, in.Name) })
}

// write runs one change of the library at a time: others wait here instead of for the
// library's lock.
func (s *Server) write(change func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return change()
}
