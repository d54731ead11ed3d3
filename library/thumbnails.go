package library

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/progress"
)

// ExportThumbnails writes a track of thumbnails for each video, as web players show them above the
// timeline: VIDEO.vtt below dir, whose cues name images in the folder VIDEO.thumbnails next to it. VIDEO is the
// path below the folder that all videos share. It returns the number of videos.
func (l *Library) ExportThumbnails(ctx context.Context, dir string, p progress.Func) (n int, err error) {
	videos, err := l.Videos(ctx)
	if err != nil {
		return 0, err
	}
	o := markfile.Options{}
	for _, v := range videos {
		o.Folders = append(o.Folders, filepath.ToSlash(filepath.Dir(v.Path)))
	}
	bar := p.Start("export", int64(len(videos)), "videos")
	defer bar.Finish()
	for _, v := range videos {
		if err := l.exportThumbnails(ctx, dir, v, o); err != nil {
			return n, err
		}
		n++
		bar.Add(1)
	}
	return n, nil
}

// exportThumbnails writes the track of a video. Each moment's picture is shown until the next one starts.
func (l *Library) exportThumbnails(ctx context.Context, dir string, v Video, o markfile.Options) error {
	moments, err := l.VideoMoments(ctx, v.ID)
	if err != nil || len(moments) == 0 {
		return err
	}
	// Players may not decode the entity that a cue needs for "&".
	folder := strings.ReplaceAll(url.PathEscape(filepath.Base(v.Path)), "&", "%26") + ".thumbnails"
	var cues []markfile.Row
	for i, m := range moments {
		image := fmt.Sprintf("%d.jpg", m.Picture.Number)
		if i+1 < len(moments) {
			m.End = moments[i+1].Start
		}
		if m.End > m.Start {
			cues = append(cues, markfile.Row{Video: v.Path, Start: m.Start, End: m.End, Label: folder + "/" + image})
		}
	}
	files, err := markfile.Write(dir, markfile.VTT, cues, o)
	if err != nil {
		return err
	}
	images := strings.TrimSuffix(files[0], ".vtt") + ".thumbnails"
	if err := os.MkdirAll(images, 0o777); err != nil {
		return err
	}
	for _, m := range moments {
		picture, err := l.ReadPicture(ctx, m.Picture)
		if err == nil {
			err = atomicfile.WriteBytes(filepath.Join(images, fmt.Sprintf("%d.jpg", m.Picture.Number)), picture)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
