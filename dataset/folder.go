package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/video"
)

// loadFolder reads a folder with one folder per class, as [video.Discover] finds its
// videos. The depth below a class folder does not matter. A video outside of any class and
// a class without a video are errors, because either would be missing without notice.
// Folders that cannot be read are skipped.
func loadFolder(root string, _ Options) (parsed, error) {
	info, err := os.Stat(root)
	if err != nil {
		return parsed{}, err
	}
	if !info.IsDir() {
		return parsed{}, fmt.Errorf("%s: not a folder", root)
	}
	found, err := video.Discover([]string{root})
	if errors.Is(err, video.ErrNoVideos) && len(found.Unreadable) == 0 {
		return parsed{}, fmt.Errorf("%s: no class folders with videos, and no list files of a known format: %w", root, err)
	}
	if err != nil {
		return parsed{}, err
	}
	f := folder{root: root, Listing: found, flat: map[string]bool{}}
	return f.samples()
}

// folder is a folder with one folder per class, or with split folders that have one folder
// per class.
type folder struct {
	video.Listing
	root             string
	flat             map[string]bool // first folders with videos directly in them
	inSplit, inClass string          // one video of each layout
}

// samples determines the split and the class of each video from its path. A first folder
// with the name of a split is one if all videos in it are at least one folder deeper.
func (f *folder) samples() (parsed, error) {
	for _, v := range f.Videos {
		first, rest, ok := strings.Cut(v.ID, "/")
		if !ok {
			return parsed{}, fmt.Errorf("%s: video %q is outside of any class folder", f.root, v.ID)
		}
		if !strings.Contains(rest, "/") {
			f.flat[first] = true
		}
	}
	var p parsed
	filled := map[string]bool{}
	for _, v := range f.Videos {
		s, err := f.sample(v.ID)
		if err != nil {
			return parsed{}, err
		}
		filled[Canonical(s.Label)] = true
		p.samples = append(p.samples, s)
	}
	if f.inSplit != "" && f.inClass != "" {
		return parsed{}, fmt.Errorf("%s: two layouts: %q is in a split folder, %q in a class folder", f.root, f.inSplit, f.inClass)
	}
	for _, e := range f.Unreadable {
		p.skipped = append(p.skipped, Skipped{e.Path, fmt.Sprintf("%s: %v", e.Reason, e.Kind)})
	}
	return p, f.checkFilled(filled)
}

// sample returns the sample of a video.
func (f *folder) sample(id string) (Sample, error) {
	class, rest, _ := strings.Cut(id, "/")
	split, ok := splitName(class)
	if ok && !f.flat[class] {
		class, _, _ = strings.Cut(rest, "/")
		f.inSplit = id
	} else {
		split = ""
		f.inClass = id
	}
	label := underscores(class)
	if err := checkLabel(label); err != nil {
		return Sample{}, fmt.Errorf("%s: class folder of %q: %w", f.root, id, err)
	}
	return Sample{Path: id, Label: label, Split: split}, nil
}

// checkFilled returns an error for a class folder without a video, unless a folder in it
// could not be read.
func (f *folder) checkFilled(filled map[string]bool) error {
	for _, e := range f.Unreadable {
		below, err := filepath.Rel(f.root, e.Path)
		if err != nil {
			return err
		}
		for _, name := range strings.Split(filepath.ToSlash(below), "/") {
			filled[Canonical(name)] = true
		}
	}
	for _, id := range f.Folders {
		class, second, deep := strings.Cut(id, "/")
		if f.inSplit != "" {
			class, _, deep = strings.Cut(second, "/")
		}
		if class != "" && !deep && !filled[Canonical(class)] {
			return fmt.Errorf("%s: class folder %q has no video", f.root, id)
		}
	}
	return nil
}
