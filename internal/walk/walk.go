// Package walk lists the files below a folder, in the same way for videos, images and
// arrays.
package walk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
)

// Keys of [Tree.Skipped] for entries that were not skipped because of their extension.
const (
	Hidden      = "hidden"
	NoExtension = "without extension"
	Searched    = "links to folders that were searched already"
)

// Tree is what was found below a folder. Paths are slash-separated and relative to it.
type Tree struct {
	Files      []string        // the wanted files, sorted
	Folders    []string        // all folders that were found, sorted
	Unreadable []*fs.PathError // folders that cannot be read, and links without extension to nothing
	Skipped    map[string]int  // number of entries that were not wanted, by extension or one of the keys above
}

// Files lists the files below root whose names are wanted.
//
//   - Hidden files and folders, whose names start with a dot, are skipped.
//   - Links to folders are followed. A folder is searched once, so a loop of links ends:
//     a folder that has a path without links is found by that path.
//   - A folder that cannot be read is in Unreadable, and the search continues.
//
// The error is not nil if root does not exist.
func Files(root string, wanted func(name string) bool) (Tree, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return Tree{}, err
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return Tree{}, err
	}
	w := walker{root: root, wanted: wanted, visited: map[string]bool{}, Tree: Tree{Skipped: map[string]int{}}}
	w.folder("", real)
	for len(w.links) > 0 { // following a link can find more links
		link := w.links[0]
		w.links = w.links[1:]
		real, err := filepath.EvalSymlinks(filepath.Join(absolute, filepath.FromSlash(link)))
		if err != nil {
			w.unreadable(link, err)
			continue
		}
		w.enter(link, real)
	}
	slices.Sort(w.Tree.Files)
	slices.Sort(w.Folders)
	return w.Tree, nil
}

type walker struct {
	Tree
	root    string
	wanted  func(string) bool
	visited map[string]bool // by path without links
	links   []string        // to folders, which are searched last
}

// enter searches the folder rel, whose path without links is real, unless it was searched.
func (w *walker) enter(rel, real string) {
	if w.visited[real] {
		w.Skipped[Searched]++
		return
	}
	w.Folders = append(w.Folders, rel)
	w.folder(rel, real)
}

func (w *walker) folder(rel, real string) {
	w.visited[real] = true
	entries, err := os.ReadDir(w.path(rel))
	if err != nil {
		w.unreadable(rel, err)
	}
	for _, e := range entries { // also those before an error
		below := path.Join(rel, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
			w.Skipped[Hidden]++
		case e.IsDir():
			w.enter(below, filepath.Join(real, e.Name()))
		case e.Type()&fs.ModeSymlink != 0:
			w.link(below)
		default:
			w.file(below)
		}
	}
}

// link handles a link. One to nothing is a file, so that a wanted one fails by name; one
// without an extension was probably a folder.
func (w *walker) link(rel string) {
	info, err := os.Stat(w.path(rel))
	switch {
	case err == nil && info.IsDir():
		w.links = append(w.links, rel)
	case err != nil && path.Ext(rel) == "" && !w.wanted(path.Base(rel)):
		w.unreadable(rel, err)
	default:
		w.file(rel)
	}
}

func (w *walker) file(rel string) {
	if w.wanted(path.Base(rel)) {
		w.Tree.Files = append(w.Tree.Files, rel)
		return
	}
	w.Skipped[cmp.Or(strings.ToLower(path.Ext(rel)), NoExtension)]++
}

func (w *walker) path(rel string) string { return filepath.Join(w.root, filepath.FromSlash(rel)) }

func (w *walker) unreadable(rel string, err error) {
	fault := &fs.PathError{Op: "open", Path: w.path(rel), Err: err}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		fault.Op, fault.Err = e.Op, e.Err
	}
	w.Unreadable = append(w.Unreadable, fault)
}

// Describe returns the counts of [Tree.Skipped] as text, the largest first, such as
// "3 entries (2 .txt, 1 hidden)", or "" if there are none.
func Describe(skipped map[string]int) string {
	const shown = 8
	keys := slices.SortedFunc(maps.Keys(skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(skipped[b], skipped[a]), cmp.Compare(a, b))
	})
	if len(keys) == 0 {
		return ""
	}
	total := 0
	var parts []string
	for i, k := range keys {
		total += skipped[k]
		if i < shown {
			parts = append(parts, fmt.Sprintf("%d %s", skipped[k], k))
		}
	}
	if more := len(keys) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("%d other kinds", more))
	}
	return fmt.Sprintf("%s (%s)", english.Plural(total, "entry", "entries"), strings.Join(parts, ", "))
}
