package walk

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

func text(name string) bool { return strings.HasSuffix(name, ".txt") }

// tree creates files, and links written as "from -> to", below a new folder.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		name, to, link := strings.Cut(name, " -> ")
		path := filepath.Join(root, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if link {
			err = errors.Join(err, os.Symlink(filepath.FromSlash(to), path))
		} else {
			err = errors.Join(err, os.WriteFile(path, nil, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	for name, c := range map[string]struct {
		tree, want []string
		skipped    map[string]int
		unreadable int
	}{
		"extensions": {tree: []string{"a.txt", "b/c.txt", "d.PNG", "e", ".f.txt", ".g/h.txt"}, want: []string{"a.txt", "b/c.txt"},
			skipped: map[string]int{".png": 1, NoExtension: 1, Hidden: 2}},
		"link to a folder":        {tree: []string{"in/a.txt", "out/b.txt", "in/l -> ../out"}, want: []string{"in/a.txt", "out/b.txt"}, skipped: map[string]int{Searched: 1}},
		"link to itself":          {tree: []string{"a.txt", "l -> ."}, want: []string{"a.txt"}, skipped: map[string]int{Searched: 1}},
		"two links to each other": {tree: []string{"a/a.txt", "b/b.txt", "a/l -> ../b", "b/l -> ../a"}, want: []string{"a/a.txt", "b/b.txt"}, skipped: map[string]int{Searched: 2}},
		"link to a link":          {tree: []string{".x/a.txt", "l -> m", "m -> .x"}, want: []string{"l/a.txt"}, skipped: map[string]int{Hidden: 1, Searched: 1}},
		"link to a folder in a linked one": {tree: []string{".x/y/a.txt", ".x/b.txt", "l -> .x/y", "m -> .x"}, want: []string{"l/a.txt", "m/b.txt"},
			skipped: map[string]int{Hidden: 1, Searched: 1}},
		"links to nothing": {tree: []string{"a.txt -> no", "b.png -> no", "c -> no"}, want: []string{"a.txt"}, skipped: map[string]int{".png": 1}, unreadable: 1},
		"link in a circle": {tree: []string{"a -> b", "b -> a"}, skipped: map[string]int{}, unreadable: 2},
	} {
		root := tree(t, c.tree...)
		got, err := Files(root, text)
		if err != nil || !slices.Equal(got.Files, c.want) || c.skipped != nil && !maps.Equal(got.Skipped, c.skipped) || len(got.Unreadable) != c.unreadable {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}

// A linked folder outside the root is searched, and so is a root that is a link.
func TestLinkedRoot(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	elsewhere := tree(t, "a.txt")
	root := tree(t, "class -> "+elsewhere, "self -> .")
	for _, path := range []string{root, filepath.Join(root, "self")} {
		if got, err := Files(path, text); err != nil || !slices.Equal(got.Files, []string{"class/a.txt"}) || !slices.Equal(got.Folders, []string{"class"}) {
			t.Errorf("%s: %+v, error %v", path, got, err)
		}
	}
}

func TestUnreadableFolder(t *testing.T) {
	root := tree(t, "a.txt", "z/b.txt")
	folder := fixture.UnreadableFolder(t, root)
	got, err := Files(root, text)
	if err != nil || len(got.Files) != 2 || len(got.Unreadable) != 1 || got.Unreadable[0].Path != folder {
		t.Errorf("%+v, error %v", got, err)
	}
	if _, err := Files(filepath.Join(root, "none"), text); err == nil {
		t.Error("no error for a missing root")
	}
}

func TestDescribe(t *testing.T) {
	for want, skipped := range map[string]map[string]int{
		"":                               nil,
		"1 entry (1 .txt)":               {".txt": 1},
		"5 entries (3 .jpg, 1 .a, 1 .b)": {".b": 1, ".jpg": 3, ".a": 1},
	} {
		if got := Describe(skipped); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
