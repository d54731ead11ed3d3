package video

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is a video to work on. ID names it among its siblings and stays the
// same wherever their folder is: the slash-separated path below the folder that
// was searched, or the base name of a file that was given itself, extension
// included.
type Source struct{ Path, ID string }

// Extensions are those of the files that Discover takes for videos.
var Extensions = strings.Fields(`.3g2 .3gp .asf .avi .divx .f4v .flv .gif .h264 .h265 .hevc .ivf .m1v
	.m2t .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm
	.rmvb .ts .vob .webm .wmv .y4m`)

// Discover lists the videos among paths in natural order of their IDs (clip2
// before clip10). A file is taken whatever its name; a folder is searched, with
// those below it, for files with one of the Extensions in upper or lower case.
// Hidden files and folders are passed over, and links to folders not followed.
// A path that is no file but a pattern for the numbered pictures of a sequence,
// such as frames/%04d.png, is a video too.
// Two videos of the same ID are an error, and so is finding none.
func Discover(paths []string) ([]Source, error) {
	var found []Source
	for _, path := range paths {
		info, err := os.Stat(path)
		_, sequence := sequenceStart(path)
		switch {
		case err != nil && !sequence:
			return nil, err
		case sequence || !info.IsDir():
			found = append(found, Source{path, filepath.Base(path)})
		default:
			if found, err = search(found, path); err != nil {
				return nil, err
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no videos in %q: looked for files that end in %s",
			paths, strings.Join(Extensions, " "))
	}
	slices.SortStableFunc(found, func(a, b Source) int { return natural(a.ID, b.ID) })
	for i := range found[1:] {
		if a, b := found[i], found[i+1]; a.ID == b.ID {
			return nil, fmt.Errorf("two videos would both be called %q: %q and %q; give a folder above both", a.ID, a.Path, b.Path)
		}
	}
	return found, nil
}

func search(found []Source, root string) ([]Source, error) {
	// The slash at the end makes WalkDir enter a root that is a link.
	err := filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
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
		if d.IsDir() || !slices.Contains(Extensions, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return nil // a link to a folder
		}
		found = append(found, Source{path, filepath.ToSlash(below)})
		return nil
	})
	return found, err
}

// natural compares texts with their runs of digits as numbers; equal numbers
// and what else it calls equal fall back to plain order.
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

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
