package video

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is a video to process. Its ID does not depend on where the videos are stored: it
// is the slash-separated path below the folder that was searched, or the base name of a
// file that was given, including the extension.
type Source struct{ Path, ID string }

// extensions of the files that Discover returns.
var extensions = strings.Fields(`.3g2 .3gp .asf .avi .divx .f4v .flv .gif .h264 .h265 .hevc .ivf .m1v
	.m2t .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm
	.rmvb .ts .vob .webm .wmv .y4m`)

// Discover returns the videos among paths in natural order of their IDs (clip2 before
// clip10).
//
//   - A file is a video whatever its name.
//   - A folder is searched with its subfolders for files with the extension of a video
//     format, in upper or lower case. Hidden files and folders are skipped, and links
//     to folders are not followed.
//   - A pattern such as frames/%04d.png, if it is not the name of a file, is the video
//     that the numbered images form.
//
// Folders that cannot be read are returned as unreadable, and the search continues
// without them. The error is not nil for a path that does not exist, for two videos
// with the same ID ([ErrDuplicateID]), and if there are no videos at all
// ([ErrNoVideos], which then includes the first unreadable folder).
func Discover(paths []string) (videos []Source, unreadable []*Error, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		_, sequence := sequenceStart(path)
		switch {
		case err != nil && !sequence:
			return nil, nil, err
		case sequence || !info.IsDir():
			videos = append(videos, Source{path, filepath.Base(path)})
		default:
			found, failed, err := search(path)
			if err != nil {
				return nil, nil, err
			}
			videos, unreadable = append(videos, found...), append(unreadable, failed...)
		}
	}
	if len(videos) == 0 {
		err := fmt.Errorf("%w in %q: no files with the extensions %s", ErrNoVideos, paths, strings.Join(extensions, " "))
		if len(unreadable) > 0 {
			err = fmt.Errorf("%w in %q: %w", ErrNoVideos, paths, unreadable[0])
		}
		return nil, unreadable, err
	}
	slices.SortStableFunc(videos, func(a, b Source) int { return natural(a.ID, b.ID) })
	for i := range videos[1:] {
		if a, b := videos[i], videos[i+1]; a.ID == b.ID {
			return nil, unreadable, fmt.Errorf("%w: %q and %q are both named %q", ErrDuplicateID, a.Path, b.Path, a.ID)
		}
	}
	return videos, unreadable, nil
}

// search lists the videos below a folder, and the folders that cannot be read.
func search(root string) (videos []Source, unreadable []*Error, err error) {
	// The trailing slash makes WalkDir enter a root that is a link.
	err = filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if e, ok := errors.AsType[*fs.PathError](err); ok && d != nil {
			unreadable = append(unreadable, &Error{Path: filepath.Clean(path), Kind: e.Err, Reason: "cannot read the folder"})
			return nil
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil || below == "." {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !slices.Contains(extensions, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return nil // a link to a folder
		}
		videos = append(videos, Source{path, filepath.ToSlash(below)})
		return nil
	})
	return videos, unreadable, err
}

// natural compares strings, with runs of digits as numbers. Strings that are equal this
// way are compared byte by byte.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), cmp.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns the number of digits at the start of s.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
