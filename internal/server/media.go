package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/clipcue/clipcue/internal/server/playback"
	"github.com/clipcue/clipcue/video"
)

// SpanQuery is a part of a video.
type SpanQuery struct {
	Start float64 `query:"start" minimum:"0" required:"true" doc:"seconds"`
	End   float64 `query:"end" minimum:"0" required:"true" doc:"seconds"`
}

type fileInput struct {
	VideoPath
	Again int64 `query:"again" minimum:"0" doc:"any number; makes browsers request the file again"`
}

type partInput struct {
	VideoPath
	SpanQuery
}

type posterInput struct {
	VideoPath
	T float64 `query:"t" minimum:"0" required:"true" doc:"seconds"`
}

func (s *Server) mediaOperations() {
	media(s, "/videos/{video}/file", "play-file", "Play the original file", "video/*", func(in *fileInput) int64 { return in.Video },
		func(p *playback.Player, w http.ResponseWriter, r *http.Request, path string, _ *fileInput) {
			p.ServeFile(w, r, path)
		})
	media(s, "/videos/{video}/fragment", "play-fragment", "Play at most a minute, converted to what every browser plays", "video/mp4", func(in *partInput) int64 { return in.Video },
		func(p *playback.Player, w http.ResponseWriter, r *http.Request, path string, in *partInput) {
			p.ServeFragment(w, r, path, video.Span{Start: in.Start, End: in.End})
		})
	media(s, "/videos/{video}/clip", "save-clip", "Save exactly a part, at most ten minutes", "video/mp4", func(in *partInput) int64 { return in.Video },
		func(p *playback.Player, w http.ResponseWriter, r *http.Request, path string, in *partInput) {
			p.ServeClip(w, r, path, video.Span{Start: in.Start, End: in.End})
		})
	media(s, "/videos/{video}/poster", "get-poster", "Get the frame at a time", "image/jpeg", func(in *posterInput) int64 { return in.Video },
		func(p *playback.Player, w http.ResponseWriter, r *http.Request, path string, in *posterInput) {
			p.ServePoster(w, r, path, in.T)
		})
}

// media declares an operation that sends a part of the file of a video.
func media[I any](s *Server, path, id, summary, mediaType string, number func(*I) int64, send func(*playback.Player, http.ResponseWriter, *http.Request, string, *I)) {
	o := huma.Operation{OperationID: id, Method: http.MethodGet, Path: prefix + path, Summary: summary, Responses: content(mediaType)}
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		x, err := s.state.use(ctx, false)
		if err != nil {
			return nil, s.problem(err)
		}
		v, err := x.unchanged(number(in))
		x.release()
		if err != nil {
			return nil, s.problem(err)
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			send(s.o.Player, w, r, v.Path, in)
		}}, nil
	})
}
