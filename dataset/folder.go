package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// videoExtensions are the endings of files that count as videos, in lower case.
var videoExtensions = []string{
	".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
	".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
}

// trimVideoExtension takes off the ending of a video file, and no other.
func trimVideoExtension(name string) string {
	ext := path.Ext(name)
	if len(ext) < len(name) && slices.Contains(videoExtensions, strings.ToLower(ext)) {
		return name[:len(name)-len(ext)]
	}
	return name
}

// loadFolder reads a folder with one folder a class. Hidden files, those that are
// no videos, and the depth below a class folder do not matter; links to folders
// are followed. A video outside any class, or a class without a video, is an
// error: either would silently be missing.
func loadFolder(root string, _ Options) (parsed, error) {
	info, err := os.Stat(root)
	if err != nil {
		return parsed{}, err
	}
	if !info.IsDir() {
		return parsed{}, fmt.Errorf("%s: not a folder", root)
	}
	w := folderWalk{root: root}
	if err := w.walk("", []fs.FileInfo{info}); err != nil {
		return parsed{}, err
	}
	return w.samples()
}

type folderWalk struct {
	root    string
	videos  []string // slash paths below root
	folders []string // the same, at most two deep: each may be a class
}

// walk visits the folder rel; above holds it and the folders around it, by which
// a link that leads back to one of them is found.
func (w *folderWalk) walk(rel string, above []fs.FileInfo) error {
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(rel)))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // .DS_Store, ._video.mp4 and the like
		}
		below := path.Join(rel, e.Name())
		full := filepath.Join(w.root, filepath.FromSlash(below))
		isDir := e.IsDir()
		var info fs.FileInfo
		if isDir || e.Type()&fs.ModeSymlink != 0 {
			info, err = os.Stat(full)
			isDir = err == nil && info.IsDir()
		}
		if !isDir {
			// A dead link named like a video counts: it shall be missed by name.
			if trimVideoExtension(below) != below {
				w.videos = append(w.videos, below)
			}
			continue
		}
		if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
			return fmt.Errorf("%s: this link leads back to a folder around it; remove it", full)
		}
		if strings.Count(below, "/") < 2 {
			w.folders = append(w.folders, below)
		}
		if err := w.walk(below, append(slices.Clip(above), info)); err != nil {
			return err
		}
	}
	return nil
}

// samples finds the split and the class in each path. A first folder named like
// a split is one if all videos in it lie at least one folder deeper.
func (w *folderWalk) samples() (parsed, error) {
	flat := map[string]bool{} // first folders with videos right in them
	for _, v := range w.videos {
		first, rest, ok := strings.Cut(v, "/")
		if !ok {
			return parsed{}, fmt.Errorf("%s: video %q lies outside any class; put it into a folder named after its class", w.root, v)
		}
		if !strings.Contains(rest, "/") {
			flat[first] = true
		}
	}
	var p parsed
	var inSplit, inClass string // one video of each layout
	filled := map[string]bool{}
	for _, v := range w.videos {
		first, rest, _ := strings.Cut(v, "/")
		class := first
		split, ok := splitName(first)
		if ok = ok && !flat[first]; ok {
			class, _, _ = strings.Cut(rest, "/")
			inSplit = v
		} else {
			split = ""
			inClass = v
		}
		label := underscores(class)
		if err := checkLabel(label); err != nil {
			return parsed{}, fmt.Errorf("%s: class folder of %q: %w", w.root, v, err)
		}
		filled[label] = true
		p.samples = append(p.samples, Sample{Path: v, Label: label, Split: split})
	}
	if inSplit != "" && inClass != "" {
		return parsed{}, fmt.Errorf("%s: %q lies in a split folder, %q in a class folder; use one layout for all", w.root, inSplit, inClass)
	}
	for _, f := range w.folders {
		first, second, deep := strings.Cut(f, "/")
		class := first
		if inSplit != "" {
			class = second
		}
		if deep == (inSplit != "") && !filled[underscores(class)] {
			return parsed{}, fmt.Errorf("%s: class folder %q holds no video (%s); fill or remove it", w.root, f, strings.Join(videoExtensions, " "))
		}
	}
	if p.samples == nil {
		return parsed{}, fmt.Errorf("%s: no class folders with videos (%s), and no list files of a known format", w.root, strings.Join(videoExtensions, " "))
	}
	return p, nil
}
