package playback

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/semaphore"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/server/attachment"
	"github.com/clipcue/clipcue/video"
)

// Longest parts, in seconds.
const (
	MaxFragment = 60
	MaxClip     = 600
)

// ServeFile sends the original file of a video, with range requests, if browsers can play
// it.
func (p *Player) ServeFile(w http.ResponseWriter, r *http.Request, path string) {
	info, err := p.Info(r.Context(), path)
	if err == nil && info.BrowserType() == "" {
		err = errUnplayable
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	f, err := input.Open(path)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer f.Close()
	w.Header().Set("Cache-Control", "private, no-cache")
	send(w, r, f, info.BrowserType())
}

// ServeFragment sends a part of a video as an MP4 file that every browser plays. Its time 0
// is span.Start, which the header X-Clipcue-Start repeats.
func (p *Player) ServeFragment(w http.ResponseWriter, r *http.Request, path string, span video.Span) {
	w.Header().Set("X-Clipcue-Start", strconv.FormatFloat(span.Start, 'f', -1, 64))
	p.serve(w, r, "video/mp4", path, part{"fragment", span, MaxFragment, p.convert, func(ctx context.Context, info *video.Info, to string) error {
		return video.Preview(ctx, info, span.Start, span.End, to)
	}})
}

// ServeClip sends exactly a part of a video as an MP4 file to save.
func (p *Player) ServeClip(w http.ResponseWriter, r *http.Request, path string, span video.Span) {
	w.Header().Set("Content-Disposition", attachment.Header(clipName(filepath.Base(path), span)))
	p.serve(w, r, "video/mp4", path, part{"clip", span, MaxClip, p.convert, func(ctx context.Context, _ *video.Info, to string) error {
		return video.Cut(ctx, path, span.Start, span.End, to)
	}})
}

// ServePoster sends the frame that a player shows at a time as a JPEG image of at most 480
// pixels.
func (p *Player) ServePoster(w http.ResponseWriter, r *http.Request, path string, at float64) {
	p.serve(w, r, "image/jpeg", path, part{"poster", video.Span{Start: at, End: at + 1}, MaxClip, p.frames, func(ctx context.Context, info *video.Info, to string) error {
		return video.Still(ctx, info, at, to)
	}})
}

// part is a part of a video that is converted.
type part struct {
	kind  string
	span  video.Span
	limit float64 // seconds
	turn  *semaphore.Weighted
	build func(ctx context.Context, info *video.Info, to string) error
}

func (p *Player) serve(w http.ResponseWriter, r *http.Request, media, path string, part part) {
	f, err := p.part(r.Context(), path, part)
	if err != nil {
		w.Header().Del("Content-Disposition")
		w.Header().Del("X-Clipcue-Start")
		fail(w, r, err)
		return
	}
	defer f.Close()
	w.Header().Set("Cache-Control", "private, max-age=300")
	send(w, r, f, media)
}

func (p *Player) part(ctx context.Context, path string, part part) (*os.File, error) {
	if s := part.span; !(s.Start >= 0 && s.End > s.Start && s.End-s.Start <= part.limit) {
		return nil, &spanError{s, part.limit}
	}
	file, err := stat(path)
	if err != nil {
		return nil, err
	}
	info, err := p.Info(ctx, path)
	if err != nil {
		return nil, err
	}
	key := file.key(part.kind, part.span.Start, part.span.End)
	return p.get(ctx, key, part.turn, func(ctx context.Context, to string) error { return part.build(ctx, info, to) })
}

// send sends a file. Its tag changes with the file, so that a browser never joins parts of
// two versions.
func send(w http.ResponseWriter, r *http.Request, f *os.File, media string) {
	info, err := f.Stat()
	if err != nil {
		fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// clipName returns a name for a part of a video, such as "film 12.0-16.5s.mp4".
func clipName(name string, s video.Span) string {
	return fmt.Sprintf("%s %.1f-%.1fs.mp4", video.TrimExtension(name), s.Start, s.End)
}
