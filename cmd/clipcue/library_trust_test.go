package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/library"
)

// A negation in a query is reported with what to do.
func TestNegationWarns(t *testing.T) {
	t.Parallel()
	_, lib := newLibrary(t)
	for query, warned := range map[string]bool{"not a red circle": true, "a circle without a ring": true, "a red circle": false, "a knot": false} {
		r := must(t, exitDone, "search", "--library", lib, query, "--top", "1")
		if strings.Contains(r.stderr, "negation") != warned || warned && !strings.Contains(r.stderr, "try=") {
			t.Errorf("%s: %s", query, r.stderr)
		}
	}
	r := decode[searchedJSON](t, must(t, exitDone, "search", "-q", "--library", lib, "--json", "circle, not red"))
	if !strings.Contains(strings.Join(r.Warnings, " "), "negation") {
		t.Errorf("%q", r.Warnings)
	}
}

// --prune lists and counts, requires --yes for a large part, and leaves what may exist.
func TestPruneAsks(t *testing.T) {
	t.Parallel()
	shown, _ := newLibrary(t)
	videos, lib := filepath.Join(t.TempDir(), "videos"), filepath.Join(t.TempDir(), "lib")
	if err := os.CopyFS(videos, os.DirFS(shown)); err != nil {
		t.Fatal(err)
	}
	must(t, exitDone, indexing(videos, lib)...)
	prune := []string{"index", "--library", lib, "--prune", "--json"}
	remove := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.Remove(filepath.Join(videos, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove("red_circle/000.mp4")
	r := must(t, exitDone, prune...)
	if got := decode[indexedJSON](t, r); got.Pruned != 1 || got.LibraryVideos != 8 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(r.stderr, filepath.Join(videos, "red_circle", "000.mp4")) || !strings.Contains(r.stderr, "videos=1 of=9") {
		t.Errorf("%s", r.stderr)
	}
	remove("red_circle/001.mp4", "red_circle/002.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4")
	refused := clipcue(t, prune...)
	checkError(t, refused, exitFailed, "4 of 8", "--yes")
	if !strings.Contains(refused.stderr, filepath.Join("blue_ring", "001.mp4")) {
		t.Errorf("%s", refused.stderr)
	}
	if info := decode[infoJSON](t, must(t, exitDone, "library", "info", "--library", lib, "--json")); info.Videos != 8 {
		t.Errorf("%+v", info)
	}
	if got := decode[indexedJSON](t, must(t, exitDone, append(prune, "--yes")...)); got.Pruned != 4 || got.LibraryVideos != 4 {
		t.Errorf("%+v", got)
	}
	if err := errors.Join(os.Rename(videos, videos+"-away"), os.Mkdir(videos, 0o777)); err != nil {
		t.Fatal(err)
	}
	empty := clipcue(t, append(prune, "--yes")...)
	if got := decode[indexedJSON](t, empty); got.Pruned != 0 || len(got.Missing) != 4 || !strings.Contains(empty.stderr, "may not be mounted") {
		t.Errorf("%+v %s", got, empty.stderr)
	}
	if err := os.Remove(videos); err != nil { // as an ejected disk's mount point is
		t.Fatal(err)
	}
	checkError(t, clipcue(t, prune...), exitFailed, "its disk may not be mounted", "--yes")
	if err := os.Rename(videos+"-away", videos); err != nil {
		t.Fatal(err)
	}
	if got := decode[indexedJSON](t, must(t, exitDone, "index", "--library", lib, "--json")); got.Present != 4 || got.LibraryVideos != 4 {
		t.Errorf("the folder is back: %+v", got)
	}
}

// A page shows only thumbnails of the library.
func TestPageOfPlantedThumbnail(t *testing.T) {
	t.Parallel()
	_, lib := newLibrary(t)
	dir := t.TempDir()
	page, secret := filepath.Join(dir, "page.html"), write(t, dir, "secret", "\xff\xd8\xffsecret")
	search := []string{"search", "-q", "--library", lib, "a blue ring", "--top", "1", "--json", "--html", page}
	thumbnail := decode[searchedJSON](t, must(t, exitDone, search...)).Results[0].Thumbnail
	for name, plant := range map[string]func() error{
		"a link":  func() error { return os.Symlink(secret, thumbnail) },
		"a file":  func() error { return os.Link(secret, thumbnail) },
		"a page":  func() error { return os.WriteFile(thumbnail, []byte("<script>"), 0o666) },
		"nothing": func() error { return nil },
	} {
		if err := errors.Join(os.RemoveAll(thumbnail), plant()); err != nil {
			t.Fatal(err)
		}
		must(t, exitDone, search...)
		html, err := os.ReadFile(page)
		if err != nil || strings.Contains(string(html), "data:image/jpeg") || !strings.Contains(string(html), "cannot be read") {
			t.Errorf("%s: %v %.300s", name, err, html)
		}
	}
}

// A library with its vectors on a server says what to type.
func TestServerIsGiven(t *testing.T) {
	e := &library.ServerError{Dir: "lib", Address: "http://elsewhere:8080"}
	if got := remedy(e); !strings.Contains(got, "--server http://elsewhere:8080") || !strings.Contains(got, "trust") {
		t.Errorf("%q", got)
	}
}

func TestShellArg(t *testing.T) {
	for s, want := range map[string]string{"lib": "lib", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "": "''", "ünï/x-1.mp4": "ünï/x-1.mp4"} {
		if got := shellArg(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
