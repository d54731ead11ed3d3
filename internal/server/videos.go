package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
	"github.com/danielgtaylor/huma/v2"
)

type videosInput struct {
	Q      string `query:"q" maxLength:"1000" doc:"a part of the name or the folder"`
	Sort   string `query:"sort" default:"name" enum:"name,added,length"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Offset int    `query:"offset" default:"0" minimum:"0" maximum:"1000000000"`
}

// VideoPath names a video.
type VideoPath struct {
	Video int64 `path:"video"`
}

type videoList struct {
	Videos []Video `json:"videos"`
	Total  int     `json:"total"`
}

type momentList struct {
	Moments []VideoMoment `json:"moments"`
}

type thumbnailInput struct {
	VideoPath
	Number  int    `path:"number" minimum:"0"`
	Version string `query:"v" maxLength:"40" doc:"as in the addresses of thumbnails; makes caches forget old ones"`
}

type thumbnailAtInput struct {
	VideoPath
	T float64 `query:"t" minimum:"0" doc:"seconds"`
}

// image is a response with a JPEG file.
type image struct {
	ContentType string `header:"Content-Type"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}

func (s *Server) videoOperations() {
	operation(s, http.MethodGet, "/videos", "list-videos", "List videos", s.listVideos)
	operation(s, http.MethodGet, "/videos/{video}", "get-video", "Describe a video", s.getVideo)
	operation(s, http.MethodGet, "/videos/{video}/moments", "list-moments", "List the moments of a video", s.listMoments)
	operation(s, http.MethodGet, "/videos/{video}/thumbnails/{number}", "get-thumbnail", "Get a thumbnail", s.thumbnail, func(o *huma.Operation) { o.Responses = content("image/jpeg") })
	operation(s, http.MethodGet, "/videos/{video}/thumbnail", "get-thumbnail-at", "Get the thumbnail closest to a time", s.thumbnailOf, func(o *huma.Operation) { o.Responses = content("image/jpeg") })
	operation(s, http.MethodGet, "/videos/{video}/tracks", "list-tracks", "Get what labels see in a video", s.tracks)
}

func (s *Server) listVideos(ctx context.Context, in *videosInput) (*body[videoList], error) {
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	var found []*library.Video
	wanted := text.Key(in.Q)
	for i := range x.videos {
		v := &x.videos[i]
		name, folder := x.place(v.Path)
		if wanted == "" || strings.Contains(strings.ToLower(text.Key(folder+"/"+name)), strings.ToLower(wanted)) {
			found = append(found, v)
		}
	}
	order := map[string]func(a, b *library.Video) int{
		"name":   func(a, b *library.Video) int { return 0 }, // by path, as they are
		"added":  func(a, b *library.Video) int { return cmp.Compare(b.ID, a.ID) },
		"length": func(a, b *library.Video) int { return cmp.Compare(b.Seconds, a.Seconds) },
	}
	slices.SortStableFunc(found, order[in.Sort])
	out := videoList{[]Video{}, len(found)}
	for _, v := range found[min(in.Offset, len(found)):min(in.Offset+in.Limit, len(found))] {
		one := x.describe(v)
		if one.Thumbnail, err = x.thumbnailAt(ctx, v.ID, v.Seconds/2); err != nil {
			return nil, err
		}
		out.Videos = append(out.Videos, one)
	}
	return &body[videoList]{out}, nil
}

func (x *snapshot) describe(v *library.Video) Video {
	name, folder := x.place(v.Path)
	return Video{Video: v.ID, Name: printable(name), Folder: printable(folder), Seconds: v.Seconds, Moments: v.Moments,
		Modified: v.Modified, Missing: v.Missing, Changed: v.Unchanged() != nil, Pending: v.Pending, Partial: x.problem(v.Path, v.Partial).Reason}
}

func (s *Server) getVideo(ctx context.Context, in *VideoPath) (*body[VideoDetails], error) {
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	v, err := x.video(in.Video)
	if err != nil {
		return nil, err
	}
	out := VideoDetails{Video: x.describe(v)}
	if out.Thumbnail, err = x.thumbnailAt(ctx, v.ID, v.Seconds/2); err != nil {
		return nil, err
	}
	if out.Changed {
		out.Problem = changedProblem
		return &body[VideoDetails]{out}, nil
	}
	info, err := s.o.Player.Info(ctx, v.Path)
	if err != nil {
		out.Problem = reason(err)
		return &body[VideoDetails]{out}, nil
	}
	out.Width, out.Height, out.FrameRate = info.Width, info.Height, info.FrameRate
	out.Playable = info.BrowserType() != ""
	return &body[VideoDetails]{out}, nil
}

// reason returns why a video cannot be read, without its path.
func reason(err error) string {
	if e, ok := errors.AsType[*video.Error](err); ok {
		why := []string{e.Kind.Error()}
		if e.Reason != "" {
			why = append(why, strings.NewReplacer("file:"+e.Path+": ", "", e.Path, "the file").Replace(e.Reason))
		}
		return printable(strings.Join(why, ": "))
	}
	return "The file cannot be read."
}

func (s *Server) listMoments(ctx context.Context, in *VideoPath) (*body[momentList], error) {
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	if _, err := x.video(in.Video); err != nil {
		return nil, err
	}
	all, err := x.VideoMoments(ctx, in.Video)
	if err != nil {
		return nil, err
	}
	out := momentList{[]VideoMoment{}}
	for _, m := range all {
		out.Moments = append(out.Moments, VideoMoment{Span: spanOf(m.Span), Thumbnail: x.address(m.Picture)})
	}
	return &body[momentList]{out}, nil
}

func (s *Server) thumbnail(ctx context.Context, in *thumbnailInput) (*image, error) {
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	if _, err := x.unchanged(in.Video); err != nil {
		return nil, err
	}
	data, err := x.ReadPicture(ctx, library.Picture{Video: in.Video, Number: in.Number})
	if err != nil {
		return nil, err
	}
	return &image{"image/jpeg", "private, max-age=31536000, immutable", data}, nil
}

func (s *Server) thumbnailOf(ctx context.Context, in *thumbnailAtInput) (*image, error) {
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	if _, err := x.unchanged(in.Video); err != nil {
		return nil, err
	}
	p, err := x.PictureAt(ctx, in.Video, in.T)
	if err != nil {
		return nil, err
	}
	data, err := x.ReadPicture(ctx, p)
	if err != nil {
		return nil, err
	}
	return &image{"image/jpeg", "private, max-age=3600", data}, nil
}

type tracksInput struct {
	VideoPath
	Label []int64 `query:"label,explode" maxItems:"50" doc:"default: all labels with marks"`
}

type trackList struct {
	Tracks []Track `json:"tracks"`
}

func (s *Server) tracks(ctx context.Context, in *tracksInput) (*body[trackList], error) {
	x, err := s.state.use(ctx, false)
	if err != nil {
		return nil, err
	}
	defer x.release()
	v, err := x.video(in.Video)
	if err != nil {
		return nil, err
	}
	labels, err := x.Labels(ctx)
	if err != nil {
		return nil, err
	}
	out := trackList{[]Track{}}
	for _, l := range labels {
		if len(in.Label) > 0 && !slices.Contains(in.Label, l.ID) || len(in.Label) == 0 && l.Positive == 0 {
			continue
		}
		t, err := s.track(ctx, x, l, v)
		if err != nil {
			return nil, fmt.Errorf("label %q: %w", l.Name, err)
		}
		out.Tracks = append(out.Tracks, t)
	}
	return &body[trackList]{out}, nil
}

func (s *Server) track(ctx context.Context, x *snapshot, l library.Label, v *library.Video) (Track, error) {
	out := Track{Label: l.ID, Name: l.Name, Scores: []Scored{}, Segments: []Segment{}}
	t, err := x.teacher(ctx, s.embedder, l)
	if err != nil {
		return out, err
	}
	for _, m := range t.Track(v.ID) {
		out.Scores = append(out.Scores, Scored{T: (m.Start + m.End) / 2, P: logistic(m.Score)})
	}
	f, err := t.at(ctx, pointOf(l))
	if err != nil {
		return out, err
	}
	out.Problem = f.problem
	for _, g := range f.segments {
		if g.Video == v.Path {
			out.Segments = append(out.Segments, x.ofSegment(g))
		}
	}
	out.Marks, err = x.marksOf(ctx, l, v)
	return out, err
}
