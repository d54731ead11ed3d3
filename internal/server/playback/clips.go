package playback

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/server/attachment"
	"github.com/clipcue/clipcue/internal/tempfolder"
	"github.com/clipcue/clipcue/video"
)

// Clip is a part of a video that is exported.
type Clip struct {
	Path   string
	Folder string // of the clip in the ZIP file; "" = none
	video.Span
}

// Failure is a clip that could not be made.
type Failure struct {
	Clip
	Err error
}

// ClipsFolder begins the name of the temporary folder of WriteClips.
const ClipsFolder = "clipcue-clips-"

// WriteClips writes clips as a ZIP file, and returns those that failed because of their
// video. clips.csv lists the others: file, folder, video, start, end. done is called after
// each clip. Errors of the output, or the end of ctx, end it.
func WriteClips(ctx context.Context, to io.Writer, clips []Clip, done func()) (failed []Failure, err error) {
	dir, err := tempfolder.Make(os.TempDir(), ClipsFolder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // or the next process removes it
	z := zip.NewWriter(to)
	used := map[string]int{}
	list := [][]string{{"file", "folder", "video", "start", "end"}}
	for _, c := range clips {
		part := filepath.Join(dir.Path, "part.mp4")
		err := video.Cut(ctx, c.Path, c.Start, c.End, part)
		switch _, fault := errors.AsType[*video.Error](err); {
		case err == nil:
			name := unique(used, zipName(c))
			list = append(list, []string{name, c.Folder, filepath.Base(c.Path), strconv.FormatFloat(c.Start, 'f', -1, 64), strconv.FormatFloat(c.End, 'f', -1, 64)})
			err = addFile(z, name, part)
		case fault && ctx.Err() == nil:
			failed, err = append(failed, Failure{c, err}), nil
		}
		if err != nil {
			return failed, err
		}
		done()
	}
	w, err := z.Create("clips.csv")
	if err == nil {
		err = csv.NewWriter(w).WriteAll(list)
	}
	return failed, cmp.Or(err, z.Close())
}

// addFile copies a file without compression, which would gain nothing.
func addFile(z *zip.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// zipName returns a name that is valid on every system and stays in the folder in which the
// ZIP file is unpacked.
func zipName(c Clip) string {
	parts := append(strings.Split(c.Folder, "/"), clipName(filepath.Base(c.Path), c.Span))
	var kept []string
	for _, p := range parts {
		if p = strings.Trim(attachment.FileName(p), ". "); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "/")
}

// unique adds a number to a name that is used already.
func unique(used map[string]int, name string) string {
	key := strings.ToLower(name)
	used[key]++
	if n := used[key]; n > 1 {
		return unique(used, fmt.Sprintf("%s (%d).mp4", strings.TrimSuffix(name, ".mp4"), n))
	}
	return name
}
