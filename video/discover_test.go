package video

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

// tree makes empty files below a new folder.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDiscover(t *testing.T) {
	root := tree(t, "run/clip10.MP4", "run/clip2.mp4", "run/clip02.mp4", "run/notes.txt", "run/.hidden.mp4", ".git/x.mp4", "a.webm", "run.mp4", "folder.mp4/b.mkv", "odd.name")
	found, err := Discover([]string{root, filepath.Join(root, "odd.name")})
	got := found.Videos
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range got {
		ids = append(ids, s.ID)
		if want := filepath.Join(root, filepath.FromSlash(s.ID)); s.Path != want {
			t.Errorf("%s is at %s, want %s", s.ID, s.Path, want)
		}
	}
	want := []string{"a.webm", "folder.mp4/b.mkv", "odd.name", "run.mp4", "run/clip02.mp4", "run/clip2.mp4", "run/clip10.MP4"}
	if !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}

func TestDiscoverFollowsLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	root, other := tree(t, "a.mp4"), tree(t, "b.mp4")
	for from, to := range map[string]string{"link.mp4": filepath.Join(other, "b.mp4"), "loop": root, "folder.mp4": root, "dangling.mp4": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root, filepath.Join(other, "in")); err != nil {
		t.Fatal(err)
	}
	found, err := Discover([]string{filepath.Join(other, "in")})
	got := found.Videos
	if err != nil {
		t.Fatal(err)
	}
	// A link to nothing is listed: it is to fail by name and not to vanish.
	if ids := []string{got[0].ID, got[1].ID, got[2].ID}; len(got) != 3 || !slices.Equal(ids, []string{"a.mp4", "dangling.mp4", "link.mp4"}) {
		t.Errorf("%v", got)
	}
}

func TestDiscoverRefuses(t *testing.T) {
	a, b := tree(t, "x/1.mp4"), tree(t, "x/1.mp4")
	if _, err := Discover([]string{a, b}); err == nil || !strings.Contains(err.Error(), a) || !strings.Contains(err.Error(), b) {
		t.Errorf("two videos of one ID: %v", err)
	}
	if _, err := Discover([]string{tree(t, "a.txt")}); err == nil || !strings.Contains(err.Error(), ".mp4") {
		t.Errorf("nothing found: %v", err)
	}
	if _, err := Discover(nil); err == nil {
		t.Error("nothing given: no error")
	}
	if _, err := Discover([]string{filepath.Join(a, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

func TestNatural(t *testing.T) {
	sorted := []string{"", "a", "a1", "a02", "a2", "a2b", "a10", "a010b", "a11", "b", "b/9", "b/10"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := natural(a, b), cmp.Compare(i, j); got != want {
				t.Errorf("natural(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// A folder that cannot be read is returned, and the others are searched.
func TestDiscoverPastUnreadableFolders(t *testing.T) {
	root := tree(t, "a.mp4", "z/b.mp4")
	folder := fixture.UnreadableFolder(t, root)
	found, err := Discover([]string{root})
	videos, unreadable := found.Videos, found.Unreadable
	if err != nil || len(videos) != 2 || videos[0].ID != "a.mp4" || videos[1].ID != "z/b.mp4" {
		t.Errorf("%v, error %v", videos, err)
	}
	if len(unreadable) != 1 || unreadable[0].Path != folder || !strings.Contains(unreadable[0].Error(), "cannot read the folder") {
		t.Errorf("unreadable: %v", unreadable)
	}
	bare := t.TempDir()
	fixture.UnreadableFolder(t, bare)
	found, err = Discover([]string{bare})
	unreadable = found.Unreadable
	if _, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrNoVideos) || len(unreadable) != 1 {
		t.Errorf("no videos: %v, error %v", unreadable, err)
	}
}

// One list of extensions: cameras, recorders and raw streams. Other files are counted.
func TestDiscoverExtensions(t *testing.T) {
	root := tree(t, "a.3g2", "b.QT", "c.insv", "d.dav", "e.264", "f.h265", "g.ps", "h.dv", "notes.txt", "cover.jpg", "LICENSE")
	got, err := Discover([]string{root})
	if err != nil || len(got.Videos) != 8 {
		t.Errorf("%v, error %v", got.Videos, err)
	}
	if want := map[string]int{".txt": 1, ".jpg": 1, "without extension": 1}; !maps.Equal(got.Skipped, want) {
		t.Errorf("skipped %v, want %v", got.Skipped, want)
	}
	if _, err := Discover([]string{tree(t, "a.txt", "b.txt")}); !errors.Is(err, ErrNoVideos) || !strings.Contains(err.Error(), "2 .txt") {
		t.Errorf("error %v", err)
	}
	for name, want := range map[string]string{"a.MP4": "a", "x/a.b.insv": "x/a.b", "a.txt": "a.txt", ".mp4": ".mp4"} {
		if got := TrimExtension(name); got != want {
			t.Errorf("TrimExtension(%q) = %q, want %q", name, got, want)
		}
	}
}

// A class folder that is a link to another place is searched like any folder.
func TestDiscoverLinkedFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	root, other := tree(t, "blue/a.mp4"), tree(t, "b.mp4")
	if err := errors.Join(os.Symlink(other, filepath.Join(root, "red")), os.Symlink("..", filepath.Join(root, "blue", "up"))); err != nil {
		t.Fatal(err)
	}
	got, err := Discover([]string{root})
	if err != nil || len(got.Videos) != 2 || got.Videos[1].ID != "red/b.mp4" || !slices.Equal(got.Folders, []string{"blue", "red"}) {
		t.Errorf("%+v, error %v", got, err)
	}
}
