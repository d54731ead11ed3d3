package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/markfile"
)

// A query of several parts with filters finds what it says; saved, it does so again.
func TestSearchByParts(t *testing.T) {
	t.Parallel()
	videos, lib := newLibrary(t)
	ring := filepath.Join(videos, "blue_ring")
	search := func(args ...string) searchedJSON {
		t.Helper()
		return decode[searchedJSON](t, must(t, exitDone, append([]string{"search", "-q", "--library", lib, "--json"}, args...)...))
	}
	found := search(`a circle -"a red circle"`, "--text", "a ring", "--like", "blue_ring/000.mp4@0:01", "--folder", ring, "--min-length", "1s", "--until", "2999-01-01", "--save", "rings")
	if found.Kind != "combined" || len(found.Results) == 0 || found.Query != `a circle -"a red circle", a ring, like blue_ring/000.mp4 at 00:01` {
		t.Errorf("%+v", found)
	}
	for _, r := range found.Results {
		if filepath.Dir(r.Video) != ring {
			t.Errorf("%s is not in the folder", r.Video)
		}
	}
	table := filepath.Join(t.TempDir(), "found.parquet")
	search("a circle", "--segments", table)
	if rows, err := markfile.Read(table, "", markfile.Options{}); err != nil || len(rows) == 0 || rows[0].Label != "a circle" || rows[0].Score == nil {
		t.Errorf("%+v, error %v", rows, err)
	}
	if again := search("--saved", "rings"); len(again.Results) != len(found.Results) || again.Results[0] != found.Results[0] || again.Query != found.Query {
		t.Errorf("%+v, saved %+v", again, found)
	}
	if list := must(t, exitDone, "library", "searches", "--library", lib).stdout; !strings.Contains(list, "rings") || !strings.Contains(list, "in "+ring) {
		t.Errorf("%s", list)
	}
	must(t, exitDone, "library", "searches", "--library", lib, "--delete", "rings")
	if list := must(t, exitDone, "library", "searches", "--library", lib, "--json").stdout; strings.TrimSpace(list) != "[]" {
		t.Errorf("%s", list)
	}
	if tomorrow := time.Now().AddDate(0, 0, 1).Format(time.DateOnly); len(search("a ring", "--since", tomorrow).Results) > 0 {
		t.Error("files of tomorrow are found")
	}
}

// A video that was replaced after indexing is marked in results; nothing is cut, written or
// marked that would show the new content for the old one, until the video is indexed again.
func TestReplacedVideo(t *testing.T) {
	t.Parallel()
	newWorld(t) // for the folder
	shown, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lib := filepath.Join(dir, "lib")
	put := func(from, to string) string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(shown, filepath.FromSlash(from)))
		path := filepath.Join(dir, "videos", to)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := put("red_circle/000.mp4", "a.mp4"), put("blue_ring/000.mp4", "b.mp4")
	must(t, exitDone, indexing(filepath.Dir(a), lib)...)
	must(t, exitDone, "label", "new", "--library", lib, "red")
	for _, mark := range [][]string{{a, "0", "1"}, {b, "0", "1", "--not"}} {
		must(t, exitDone, append([]string{"label", "mark", "--library", lib, "red"}, mark...)...)
	}
	put("blue_ring/001.mp4", "a.mp4")

	search := []string{"search", "--library", lib, "a red circle", "--top", "4"}
	advice := "clipcue index --library"
	r := must(t, exitDone, search...)
	if !strings.Contains(r.stdout, a+" (changed)") || strings.Contains(r.stdout, b+" (changed)") || !strings.Contains(r.stderr, advice) {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	for _, args := range [][]string{{"search", "--library", lib, "--like", a + "@0:01"}, {"label", "mark", "--library", lib, "red", a, "1", "2"}} {
		if r := must(t, exitFailed, args...); !strings.Contains(r.stderr, a+": the file has changed") || !strings.Contains(r.stderr, advice) {
			t.Errorf("%v: %s", args, r.stderr)
		}
	}
	table := filepath.Join(dir, "found.csv")
	r = must(t, exitPartial, append(search, "--clips", filepath.Join(dir, "clips"), "--segments", table, "--json")...)
	found := decode[searchedJSON](t, r)
	for i, one := range found.Results {
		if replaced := one.Video == a; one.Changed != replaced || (found.Clips[i] == "") != replaced {
			t.Errorf("%+v, clip %q", one, found.Clips[i])
		}
	}
	marks := filepath.Join(dir, "marks.csv")
	if r := must(t, exitDone, "label", "export", "--library", lib, "--negatives", "--out", marks, "red"); !strings.Contains(r.stderr, advice) {
		t.Error(r.stderr)
	}
	for _, file := range []string{table, marks} {
		rows, err := markfile.Read(file, "", markfile.Options{})
		if err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", file, len(rows), err)
		}
		for _, row := range rows {
			if row.Video != b {
				t.Errorf("%s has %+v", file, row)
			}
		}
	}
	for _, command := range []string{"suggest", "apply"} {
		if r := must(t, exitDone, "label", command, "--library", lib, "red"); strings.Contains(r.stdout, a) != strings.Contains(r.stderr, "have changed") {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
	}

	must(t, exitDone, "index", "-q", "--library", lib)
	if r := must(t, exitDone, append(search, "--clips", filepath.Join(dir, "clips"))...); strings.Contains(r.stdout, "(changed)") {
		t.Error(r.stdout)
	}
	must(t, exitDone, "label", "mark", "--library", lib, "red", a, "1", "2")
}

// Clips replace earlier clips and no other file; the leftovers of a killed search are removed.
func TestClipsKeepForeignFiles(t *testing.T) {
	t.Parallel()
	_, lib := newLibrary(t)
	clips := t.TempDir()
	left := write(t, clips, ".01_000_0-00.mp4.ABCDEFGH.tmp", "left")
	args := []string{"search", "--library", lib, "a blue ring", "--top", "1", "--json", "--clips", clips}
	clip := decode[searchedJSON](t, must(t, exitDone, args...)).Clips[0]
	must(t, exitDone, args...)
	if _, err := os.Stat(left); err == nil {
		t.Errorf("%s is still there", left)
	}
	if err := os.WriteFile(clip, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	checkError(t, clipcue(t, args...), exitFailed, clip)
	if b, err := os.ReadFile(clip); string(b) != "mine" {
		t.Errorf("%q, error %v", b, err)
	}
}
