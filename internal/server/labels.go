package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// defaultPrecision is that of labels without an operating point.
const defaultPrecision = 0.8

// pointOf returns the operating point of a label.
func pointOf(l library.Label) label.Target {
	if l.Point == (label.Target{}) {
		return label.Target{Precision: defaultPrecision}
	}
	return l.Point
}

type labelList struct {
	Labels []Label `json:"labels"`
}

// LabelPath names a label. Embedded structs must be exported for huma.
type LabelPath struct {
	Label int64 `path:"label"`
}

type newLabel struct {
	Body struct {
		Name  string   `json:"name" minLength:"1" maxLength:"300"`
		Texts []string `json:"texts,omitempty" maxItems:"50"`
	}
}

func (s *Server) labelOperations() {
	operation(s, http.MethodGet, "/labels", "list-labels", "List labels", s.listLabels)
	operation(s, http.MethodPost, "/labels", "create-label", "Create a label", s.createLabel, status(http.StatusCreated))
	operation(s, http.MethodGet, "/labels/{label}", "get-label", "Describe a label", s.getLabel)
	operation(s, http.MethodDelete, "/labels/{label}", "delete-label", "Delete a label with its marks", s.deleteLabel, status(http.StatusNoContent))
	operation(s, http.MethodGet, "/labels/{label}/feed", "get-feed", "Get moments to mark", s.feed)
	operation(s, http.MethodGet, "/labels/{label}/quality", "get-quality", "Estimate precision and recall", s.quality)
	operation(s, http.MethodGet, "/labels/{label}/boundary", "get-boundary", "Get examples on both sides of the operating point", s.boundary)
	operation(s, http.MethodPut, "/labels/{label}/point", "set-point", "Set the operating point", s.setPoint)
	operation(s, http.MethodGet, "/labels/{label}/segments", "list-segments", "List the segments that show a label", s.segments)
}

func describeLabel(l library.Label) Label {
	out := Label{Label: l.ID, Name: l.Name, Texts: append([]string{}, l.Texts...), Positives: l.Positive, Negatives: l.Negative, Trained: l.Trained, Revision: revisionOf(l)}
	if l.Point != (label.Target{}) {
		out.Point = &Point{Precision: l.Point.Precision, Recall: l.Point.Recall}
	}
	return out
}

func (s *Server) listLabels(ctx context.Context, _ *struct{}) (*body[labelList], error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	all, err := x.Labels(ctx)
	if err != nil {
		return nil, err
	}
	out := labelList{[]Label{}}
	for _, l := range all {
		out.Labels = append(out.Labels, describeLabel(l))
	}
	return &body[labelList]{out}, nil
}

func (s *Server) createLabel(ctx context.Context, in *newLabel) (*body[Label], error) {
	l := library.Label{Name: strings.TrimSpace(in.Body.Name), Texts: in.Body.Texts}
	err := s.write(func() error { return library.CreateLabel(ctx, s.o.Library, l) })
	if err != nil {
		return nil, err
	}
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	all, err := x.Labels(ctx)
	if err != nil {
		return nil, err
	}
	for _, have := range all {
		if have.Name == l.Name {
			return &body[Label]{describeLabel(have)}, nil
		}
	}
	return nil, notFound("label", l.Name) // deleted since
}

// labeled calls do with the snapshot as it is now and a label.
func labeled[T any](s *Server, ctx context.Context, id int64, do func(*snapshot, library.Label) (T, error)) (out T, err error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return out, err
	}
	defer x.release()
	l, err := x.label(ctx, id)
	if err != nil {
		return out, err
	}
	return do(x, l)
}

// taught calls do with the snapshot as it is now, a label, and its teacher.
func withTeacher[T any](s *Server, ctx context.Context, id int64, do func(*snapshot, library.Label, *taught) (T, error)) (T, error) {
	return labeled(s, ctx, id, func(x *snapshot, l library.Label) (out T, err error) {
		t, err := x.teacher(ctx, s.embedder, l)
		if err != nil {
			return out, err
		}
		return do(x, l, t)
	})
}

func (s *Server) getLabel(ctx context.Context, in *LabelPath) (*body[Label], error) {
	return labeled(s, ctx, in.Label, func(_ *snapshot, l library.Label) (*body[Label], error) {
		return &body[Label]{describeLabel(l)}, nil
	})
}

func (s *Server) deleteLabel(ctx context.Context, in *LabelPath) (*done, error) {
	return labeled(s, ctx, in.Label, func(_ *snapshot, l library.Label) (*done, error) {
		return &done{}, s.write(func() error { return library.DeleteLabel(ctx, s.o.Library, l.Name) })
	})
}

// FeedQuery selects moments to mark.
type FeedQuery struct {
	Feed   string `query:"feed" default:"likely" enum:"likely,uncertain,random,suspects"`
	Limit  int    `query:"limit" default:"24" minimum:"1" maximum:"200"`
	Seed   int64  `query:"seed" default:"1" minimum:"0" doc:"of the feed random"`
	Folder string `query:"folder" maxLength:"1000" doc:"only videos in this folder and below"`
	Video  int64  `query:"video" minimum:"0" doc:"only this video"`
}

type feedInput struct {
	LabelPath
	FeedQuery
}

func (s *Server) feed(ctx context.Context, in *feedInput) (*body[Feed], error) {
	return withTeacher(s, ctx, in.Label, func(x *snapshot, _ library.Label, t *taught) (*body[Feed], error) {
		f, err := x.feed(ctx, t, in.FeedQuery)
		return &body[Feed]{f}, err
	})
}

func (x *snapshot) feed(ctx context.Context, t *taught, q FeedQuery) (Feed, error) {
	out := Feed{Feed: q.Feed, Moments: []FeedMoment{}, Revision: t.revision}
	if q.Feed == "suspects" {
		suspects, err := t.Suspects(ctx)
		for _, m := range suspects[:min(q.Limit, len(suspects))] {
			one, err := x.ofMark(ctx, m.Mark)
			if err != nil {
				return out, err
			}
			out.Moments = append(out.Moments, FeedMoment{Moment: one, Mark: m.ID, Positive: m.Positive, Margin: m.Margin})
		}
		return out, err
	}
	match, err := x.matching(q)
	if err != nil {
		return out, err
	}
	for _, m := range x.ofSuggestions(t.Suggest(label.Feed(q.Feed), q.Limit, uint64(q.Seed), match)) {
		out.Moments = append(out.Moments, FeedMoment{Moment: m})
	}
	return out, nil
}

// matching returns whether a video of a path is in a feed. It is nil if all are.
func (x *snapshot) matching(q FeedQuery) (func(path string) bool, error) {
	if q.Video > 0 {
		v, err := x.video(q.Video)
		return func(path string) bool { return path == v.Path }, err
	}
	if q.Folder == "" {
		return nil, nil
	}
	folder, err := x.folder(q.Folder)
	return func(path string) bool { return below(path, folder) }, err
}

// PointQuery is an operating point, or that of the label.
type PointQuery struct {
	Precision float64 `query:"precision" minimum:"0" maximum:"1" doc:"lowest precision"`
	Recall    float64 `query:"recall" minimum:"0" maximum:"1" doc:"lowest recall, instead"`
}

// target returns the operating point of a request, or that of the label.
func (p PointQuery) target(l library.Label) (label.Target, error) {
	t := label.Target{Precision: p.Precision, Recall: p.Recall}
	if t == (label.Target{}) {
		return pointOf(l), nil
	}
	if err := t.Check(); err != nil {
		return t, huma.Error422UnprocessableEntity(err.Error())
	}
	return t, nil
}

type qualityInput struct {
	LabelPath
	PointQuery
}

func (s *Server) quality(ctx context.Context, in *qualityInput) (*body[Quality], error) {
	return withTeacher(s, ctx, in.Label, func(_ *snapshot, l library.Label, t *taught) (*body[Quality], error) {
		f, err := t.asked(ctx, in.PointQuery, l)
		if err != nil {
			return nil, err
		}
		return &body[Quality]{Quality{Quality: f.quality, Problem: f.problem, Unused: t.Unused}}, nil
	})
}

// asked returns the segments at the operating point of a request, or that of the label.
func (t *taught) asked(ctx context.Context, p PointQuery, l library.Label) (*found, error) {
	target, err := p.target(l)
	if err != nil {
		return nil, err
	}
	return t.at(ctx, target)
}

// at returns the segments at an operating point. They are computed once per point.
func (t *taught) at(ctx context.Context, target label.Target) (*found, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.segments[target]; f != nil {
		return f, nil
	}
	f := &found{}
	var err error
	f.quality, err = t.Quality(ctx, target)
	f.problem = estimateProblem(err)
	switch {
	case err != nil && f.problem == "":
		return nil, err
	case err != nil: // no estimate: the label's own threshold
		f.quality = label.Quality{Target: target, Threshold: t.Head().Threshold}
	}
	if f.problem != noPositives {
		if f.segments, err = t.Segments(t.Cut(f.quality.Threshold)); err != nil {
			return nil, err
		}
	} else {
		f.quality.Threshold = 0 // JSON has no infinity
	}
	if len(t.segments) >= 64 {
		clear(t.segments)
	}
	t.segments[target] = f
	return f, nil
}

const noPositives = "Mark moments that show the label first."

// estimateProblem returns why there is no estimate, as a sentence.
func estimateProblem(err error) string {
	for _, p := range []struct {
		err  error
		text string
	}{
		{label.ErrNoPositives, noPositives},
		{label.ErrNoNegatives, "Also mark moments that do not show the label: without them, nothing says how often it is wrong."},
		{label.ErrFewVideos, "Mark moments that show the label in at least two videos."},
	} {
		if errors.Is(err, p.err) {
			return p.text
		}
	}
	return ""
}

type boundaryInput struct {
	LabelPath
	PointQuery
	Limit int `query:"limit" default:"6" minimum:"1" maximum:"100"`
}

func (s *Server) boundary(ctx context.Context, in *boundaryInput) (*body[Boundary], error) {
	return withTeacher(s, ctx, in.Label, func(x *snapshot, l library.Label, t *taught) (*body[Boundary], error) {
		f, err := t.asked(ctx, in.PointQuery, l)
		if err != nil {
			return nil, err
		}
		out := Boundary{Threshold: f.quality.Threshold, Above: []Moment{}, Below: []Moment{}, Problem: f.problem}
		if f.problem != noPositives {
			above, below := t.Around(f.quality.Threshold, in.Limit)
			out.Above, out.Below = x.ofSuggestions(above), x.ofSuggestions(below)
		}
		return &body[Boundary]{out}, nil
	})
}

type pointInput struct {
	LabelPath
	Body Point
}

func (s *Server) setPoint(ctx context.Context, in *pointInput) (*body[Label], error) {
	target := label.Target{Precision: in.Body.Precision, Recall: in.Body.Recall}
	if err := target.Check(); err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	return labeled(s, ctx, in.Label, func(_ *snapshot, l library.Label) (*body[Label], error) {
		err := s.write(func() error { return library.SetPoint(ctx, s.o.Library, l.Name, target) })
		l.Point = target
		return &body[Label]{describeLabel(l)}, err
	})
}

type segmentsInput struct {
	LabelPath
	Video  int64 `query:"video" minimum:"0" doc:"only of this video"`
	Limit  int   `query:"limit" default:"200" minimum:"1" maximum:"10000"`
	Offset int   `query:"offset" default:"0" minimum:"0" maximum:"1000000000"`
}

func (x *snapshot) ofSegment(g library.Segment) Segment {
	name, folder := x.place(g.Video)
	out := Segment{Name: printable(name), Folder: printable(folder), Start: g.Start, End: g.End, Score: logistic(g.Score)}
	if v := x.byPath[g.Video]; v != nil {
		out.Video = v.ID
	}
	return out
}

func (s *Server) segments(ctx context.Context, in *segmentsInput) (*body[SegmentList], error) {
	return withTeacher(s, ctx, in.Label, func(x *snapshot, l library.Label, t *taught) (*body[SegmentList], error) {
		f, err := t.at(ctx, pointOf(l))
		if err != nil {
			return nil, err
		}
		out := SegmentList{Segments: []Segment{}, Problem: f.problem}
		videos := map[int64]bool{}
		for _, g := range f.segments {
			one := x.ofSegment(g)
			if in.Video != 0 && one.Video != in.Video {
				continue
			}
			videos[one.Video] = true
			out.Total++
			out.Seconds += one.End - one.Start
			if out.Total > in.Offset && len(out.Segments) < in.Limit {
				if one.Thumbnail, err = x.thumbnailAt(ctx, one.Video, (one.Start+one.End)/2); err != nil {
					return nil, err
				}
				out.Segments = append(out.Segments, one)
			}
		}
		out.Videos = len(videos)
		return &body[SegmentList]{out}, nil
	})
}

// thumbnailAt returns the address of the thumbnail of a video closest to a time, "" without
// moments.
func (x *snapshot) thumbnailAt(ctx context.Context, id int64, at float64) (string, error) {
	p, err := x.PictureAt(ctx, id, at)
	if errors.Is(err, library.ErrNoPicture) {
		return "", nil
	}
	return x.address(p), err
}
