package library

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/progress"
)

// ExportThumbnails writes a track of thumbnails for each video, as web players show them above the
// timeline, to the folder VIDEO.thumbnails below dir: the images, and then thumbnails.vtt (WebVTT), whose cues name
// them. VIDEO is the path below the folder that all videos share. It returns the number of videos. Those whose files
// have changed since they were indexed are left out; see [Library.Changed].
func (l *Library) ExportThumbnails(ctx context.Context, dir string, p progress.Func) (n int, err error) {
	videos, err := l.Videos(ctx)
	if err != nil {
		return 0, err
	}
	var folders []string
	for _, v := range videos {
		folders = append(folders, filepath.ToSlash(filepath.Dir(v.Path)))
	}
	common := markfile.CommonFolder(folders)
	bar := p.Start("export", int64(len(videos)), "videos")
	defer bar.Finish()
	for _, v := range videos {
		if v.Unchanged() != nil {
			continue
		}
		below := strings.TrimPrefix(filepath.ToSlash(v.Path), common)
		if err := l.exportThumbnails(ctx, v, filepath.Join(dir, filepath.FromSlash(path.Join("/", below)))+".thumbnails"); err != nil {
			return n, err
		}
		n++
		bar.Add(1)
	}
	return n, nil
}

// exportThumbnails writes the track of a video to a folder. Each moment's picture is shown until the next one starts.
func (l *Library) exportThumbnails(ctx context.Context, v Video, folder string) error {
	moments, err := l.VideoMoments(ctx, v.ID)
	if err != nil || len(moments) == 0 {
		return err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	var cues []markfile.Row
	for i, m := range moments {
		image := fmt.Sprintf("%d.jpg", m.Picture.Number)
		picture, err := l.ReadPicture(ctx, m.Picture)
		if err == nil {
			err = atomicfile.MemberBytes(filepath.Join(folder, image), picture)
		}
		if err != nil {
			return err
		}
		if i+1 < len(moments) {
			m.End = moments[i+1].Start
		}
		if m.End > m.Start {
			cues = append(cues, markfile.Row{Video: "thumbnails", Start: m.Start, End: m.End, Label: image}) // of thumbnails.vtt
		}
	}
	_, err = markfile.Write(folder, markfile.VTT, cues, markfile.Options{})
	return err
}
