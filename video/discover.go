package video

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/walk"
)

// Source is a video to process. Its ID does not depend on where the videos are stored: it
// is the slash-separated path below the folder that was searched, or the base name of a
// file that was given, including the extension.
type Source struct{ Path, ID string }

// extensions of files that are videos, in lower case: the one list for all commands.
var extensions = strings.Fields(`.264 .265 .3g2 .3gp .3gp2 .3gpp .amv .asf .avi .avs2 .cavs .cmfv .dav .dif
	.divx .drc .dv .dvr-ms .evo .f4v .flv .gif .h261 .h263 .h264 .h265 .h266 .hevc .insv .ismv .ivf .m1v
	.m2p .m2t .m2ts .m2v .m4v .mj2 .mjpeg .mjpg .mk3d .mkv .mov .mp2v .mp4 .mp4v .mpe .mpeg .mpeg4 .mpg
	.mpv .mts .mxf .nsv .nut .obu .ogm .ogv .ogx .ps .qt .rm .rmvb .roq .tod .tp .trp .ts .vc1 .vob
	.vro .webm .wm .wmv .wtv .y4m`)

// TrimExtension returns a file name without the extension of a video format, in upper or
// lower case. A name with another extension, or with nothing before it, is unchanged.
func TrimExtension(name string) string {
	ext := filepath.Ext(name)
	if len(ext) < len(name) && slices.Contains(extensions, strings.ToLower(ext)) {
		return name[:len(name)-len(ext)]
	}
	return name
}

// Listing is what [Discover] found.
type Listing struct {
	Videos     []Source       // in natural order of their IDs: clip2 before clip10
	Folders    []string       // subfolders, as slash-separated paths below the folder that was searched
	Unreadable []*Error       // folders that cannot be read, and links to missing ones
	Skipped    map[string]int // number of other files and folders, by extension or reason
}

// Discover returns the videos among paths.
//
//   - A file is a video whatever its name.
//   - A folder is searched with its subfolders for files with the extension of a video
//     format, in upper or lower case. Hidden files and folders are skipped. Links to
//     folders are followed; each folder is searched once, so loops of links end.
//   - A pattern such as frames/%04d.png, if it is not the name of a file, is the video
//     that the numbered images form.
//
// The search continues without folders that cannot be read. The error is not nil for a
// path that does not exist, for two videos with the same ID ([ErrDuplicateID]), and if
// there are no videos at all ([ErrNoVideos], which then includes the first unreadable
// folder). The other fields of the listing are valid with ErrNoVideos, too.
func Discover(paths []string) (Listing, error) {
	l := Listing{Skipped: map[string]int{}}
	for _, path := range paths {
		info, err := os.Stat(path)
		_, sequence := sequenceStart(path)
		switch {
		case err != nil && !sequence:
			return Listing{}, err
		case sequence || !info.IsDir():
			l.Videos = append(l.Videos, Source{path, filepath.Base(path)})
		default:
			if err := l.search(path); err != nil {
				return Listing{}, err
			}
		}
	}
	if len(l.Videos) == 0 {
		return l, l.none(paths)
	}
	slices.SortStableFunc(l.Videos, func(a, b Source) int { return natural(a.ID, b.ID) })
	for i := range l.Videos[1:] {
		if a, b := l.Videos[i], l.Videos[i+1]; a.ID == b.ID {
			return Listing{Unreadable: l.Unreadable}, fmt.Errorf("%w: %q and %q are both named %q", ErrDuplicateID, a.Path, b.Path, a.ID)
		}
	}
	return l, nil
}

// search adds the content of a folder.
func (l *Listing) search(root string) error {
	tree, err := walk.Files(root, func(name string) bool { return TrimExtension(name) != name })
	if err != nil {
		return err
	}
	for _, id := range tree.Files {
		l.Videos = append(l.Videos, Source{filepath.Join(root, filepath.FromSlash(id)), id})
	}
	l.Folders = append(l.Folders, tree.Folders...)
	for _, e := range tree.Unreadable {
		l.Unreadable = append(l.Unreadable, &Error{Path: e.Path, Kind: e.Err, Reason: "cannot read the folder"})
	}
	for reason, n := range tree.Skipped {
		l.Skipped[reason] += n
	}
	return nil
}

// none returns the error for paths without videos.
func (l *Listing) none(paths []string) error {
	if len(l.Unreadable) > 0 {
		return fmt.Errorf("%w in %q: %w", ErrNoVideos, paths, l.Unreadable[0])
	}
	what := "empty"
	if len(l.Skipped) > 0 {
		what = "skipped " + walk.Describe(l.Skipped)
	}
	return fmt.Errorf("%w in %q: no files with the extensions %s; %s", ErrNoVideos, paths, strings.Join(extensions, " "), what)
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
