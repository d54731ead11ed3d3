package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/library"
)

type markList struct {
	Marks []Mark `json:"marks"`
}

type marksInput struct {
	LabelPath
	Video int64 `query:"video" minimum:"0" doc:"only of this video"`
}

type addInput struct {
	LabelPath
	FeedQuery
	WithFeed bool `query:"with_feed" doc:"also return the feed as it is after the change"`
	Body     struct {
		Marks   []NewMark `json:"marks" minItems:"1" maxItems:"1000"`
		Replace bool      `json:"replace,omitempty" doc:"take the place of marks that contradict or overlap"`
	}
}

type removeInput struct {
	LabelPath
	FeedQuery
	WithFeed bool `query:"with_feed" doc:"also return the feed as it is after the change"`
	Body     struct {
		IDs []int64 `json:"ids" minItems:"1" maxItems:"1000"`
	}
}

type changeInput struct {
	LabelPath
	Mark int64 `path:"mark"`
	Body struct {
		Start    *float64 `json:"start,omitempty" minimum:"0"`
		End      *float64 `json:"end,omitempty" minimum:"0"`
		Positive *bool    `json:"positive,omitempty"`
	}
}

func (s *Server) markOperations() {
	operation(s, http.MethodGet, "/labels/{label}/marks", "list-marks", "List marks", s.listMarks)
	operation(s, http.MethodPost, "/labels/{label}/marks", "add-marks", "Add marks, all or none", s.addMarks)
	operation(s, http.MethodDelete, "/labels/{label}/marks", "remove-marks", "Remove marks, all or none", s.removeMarks)
	operation(s, http.MethodPatch, "/labels/{label}/marks/{mark}", "change-mark", "Change a mark; it gets another number if a value is another", s.changeMark)
}

func (s *Server) listMarks(ctx context.Context, in *marksInput) (*body[markList], error) {
	return labeled(s, ctx, in.Label, func(x *snapshot, l library.Label) (*body[markList], error) {
		var v *library.Video
		if in.Video != 0 {
			var err error
			if v, err = x.video(in.Video); err != nil {
				return nil, err
			}
		}
		marks, err := x.marksOf(ctx, l, v)
		return &body[markList]{markList{marks}}, err
	})
}

// marksOf returns the marks of a label, of one video if v is not nil.
func (x *snapshot) marksOf(ctx context.Context, l library.Label, v *library.Video) ([]Mark, error) {
	all, err := x.Marks(ctx, l.Name)
	out := []Mark{}
	for _, m := range all {
		if v != nil && m.VideoID != v.ID {
			continue
		}
		name, folder := x.place(m.Video)
		out = append(out, Mark{ID: m.ID, Video: m.VideoID, Name: printable(name), Folder: printable(folder), Start: m.Start, End: m.End, Positive: m.Positive, Author: printable(m.Author), Time: m.Time})
	}
	return out, err
}

// ofMark describes the part of a video that is marked as a moment.
func (x *snapshot) ofMark(ctx context.Context, m library.Mark) (out Moment, err error) {
	name, folder := x.place(m.Video)
	out = Moment{Name: printable(name), Folder: printable(folder), Start: m.Start, End: m.End, Best: m.Start}
	if v := x.byID[m.VideoID]; v != nil {
		out.Video, out.Missing, out.Changed = v.ID, v.Missing, v.Unchanged() != nil
		out.Thumbnail, err = x.thumbnailAt(ctx, v.ID, (m.Start+m.End)/2)
	}
	return out, err
}

func (s *Server) addMarks(ctx context.Context, in *addInput) (*body[Changed], error) {
	return s.change(ctx, in.Label, in.FeedQuery, in.WithFeed, func(x *snapshot, l library.Label) ([]int64, error) {
		if len(in.Body.Marks) == 0 { // null
			return nil, huma.Error422UnprocessableEntity("There are no marks to add.")
		}
		var marks []library.Mark
		for _, m := range in.Body.Marks {
			v, err := x.video(m.Video)
			if err != nil {
				return nil, err
			}
			if m.End <= m.Start {
				return nil, huma.Error422UnprocessableEntity("A mark ends after its start.")
			}
			marks = append(marks, library.Mark{Label: l.Name, Video: v.Path, Start: m.Start, End: m.End, Positive: m.Positive, Author: access.Of(ctx).User})
		}
		return library.ChangeMarks(ctx, s.o.Library, nil, marks, in.Body.Replace)
	})
}

func (s *Server) removeMarks(ctx context.Context, in *removeInput) (*body[Changed], error) {
	return s.change(ctx, in.Label, in.FeedQuery, in.WithFeed, func(x *snapshot, l library.Label) ([]int64, error) {
		have, err := x.Marks(ctx, l.Name)
		if err != nil {
			return nil, err
		}
		for _, id := range in.Body.IDs {
			if !slices.ContainsFunc(have, func(m library.Mark) bool { return m.ID == id }) {
				return nil, notFound("mark", id)
			}
		}
		return library.ChangeMarks(ctx, s.o.Library, in.Body.IDs, nil, false)
	})
}

func (s *Server) changeMark(ctx context.Context, in *changeInput) (*body[Changed], error) {
	return s.change(ctx, in.Label, FeedQuery{}, false, func(x *snapshot, l library.Label) ([]int64, error) {
		have, err := x.Marks(ctx, l.Name)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(have, func(m library.Mark) bool { return m.ID == in.Mark })
		if i < 0 {
			return nil, notFound("mark", in.Mark)
		}
		m := have[i]
		if in.Body.Start != nil {
			m.Start = *in.Body.Start
		}
		if in.Body.End != nil {
			m.End = *in.Body.End
		}
		if in.Body.Positive != nil {
			m.Positive = *in.Body.Positive
		}
		switch {
		case m == have[i]: // it keeps its number, author and time
			return []int64{m.ID}, nil
		case m.VideoID == 0:
			return nil, huma.Error409Conflict("The video of the mark is not in the library now.")
		case m.End <= m.Start:
			return nil, huma.Error422UnprocessableEntity("A mark ends after its start.")
		}
		m.Author, m.Time = access.Of(ctx).User, time.Time{}
		return library.ChangeMarks(ctx, s.o.Library, []int64{m.ID}, []library.Mark{m}, false)
	})
}

// change changes the marks of a label and describes it afterwards.
func (s *Server) change(ctx context.Context, id int64, q FeedQuery, withFeed bool, do func(*snapshot, library.Label) ([]int64, error)) (*body[Changed], error) {
	ids, err := labeled(s, ctx, id, func(x *snapshot, l library.Label) (ids []int64, err error) {
		err = s.write(func() error {
			ids, err = do(x, l)
			return err
		})
		return ids, err
	})
	if err != nil {
		return nil, err
	}
	return labeled(s, ctx, id, func(x *snapshot, l library.Label) (*body[Changed], error) {
		out := Changed{IDs: append([]int64{}, ids...), Positives: l.Positive, Negatives: l.Negative, Revision: revisionOf(l)}
		if withFeed {
			t, err := x.teacher(ctx, s.embedder, l)
			if err != nil {
				return nil, err
			}
			f, err := x.feed(ctx, t, q)
			if err != nil {
				return nil, err
			}
			out.Feed = &f
		}
		return &body[Changed]{out}, nil
	})
}
