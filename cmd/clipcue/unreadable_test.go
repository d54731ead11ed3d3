package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/fixture"
)

// A folder that cannot be read is reported like a video that fails, and the videos
// around it are processed.
func TestUnreadableFolder(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	videos := filepath.Join(dir, "videos")
	data, err := os.ReadFile(filepath.Join(w.videos, "growing", "000.mp4"))
	if err == nil {
		err = os.MkdirAll(filepath.Join(videos, "z"), 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	good := write(t, videos, "z/good.mp4", string(data))
	bad := fixture.UnreadableFolder(t, videos)
	type item struct{ Path, Error string }

	named := func(r result) {
		t.Helper()
		if !strings.Contains(r.stderr, bad) {
			t.Errorf("the folder is not named:\n%s", r.stderr)
		}
	}
	r := must(t, exitPartial, "check", "--json", videos)
	if items := decode[[]item](t, r); len(items) != 2 || items[0] != (item{Path: good}) || items[1].Path != bad || items[1].Error == "" {
		t.Errorf("check: %+v", items)
	}
	r = must(t, exitPartial, "extract", "--model", w.model, "--out", filepath.Join(dir, "store"), "--json", videos)
	named(r)
	if e := decode[feature.Report](t, r); e.Videos != 2 || e.Done != 1 || len(e.Failed) != 1 || e.Failed[0].Path != bad {
		t.Errorf("extract: %+v", e)
	}
	r = must(t, exitPartial, "classify", "--model", w.model, "--classes", write(t, dir, "classes.txt", "growing\nshrinking\n"), "--json", videos)
	named(r)
	if items := decode[classifiedJSON](t, r); len(items) != 2 || items[0].Error != "" || items[1].Path != bad {
		t.Errorf("classify: %+v", items)
	}
	index := indexing(videos, filepath.Join(dir, "library"), "--json")
	for _, done := range []int{1, 0} {
		r = must(t, exitPartial, index...)
		named(r)
		if x := decode[feature.Report](t, r); x.Videos != 2 || x.Done != done || len(x.Failed) != 1 || x.Failed[0].Path != bad {
			t.Errorf("index: %+v", x)
		}
	}
}

// Training and evaluation on a folder of classes report such a folder, too.
func TestUnreadableClassFolder(t *testing.T) {
	w := newWorld(t)
	data := t.TempDir()
	for _, class := range []string{"growing", "shrinking"} {
		if err := os.Mkdir(filepath.Join(data, class), 0o777); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"000.mp4", "001.mp4", "002.mp4"} {
			write(t, filepath.Join(data, class), name, "")
		}
	}
	bad := fixture.UnreadableFolder(t, filepath.Join(data, "growing"))
	run := filepath.Join(t.TempDir(), "run")
	for _, args := range [][]string{
		{"train", "recognition", "--model", w.model, "--features", w.features, "--data", data, "--out", run, "--steps", "1", "--temporal-layers", "0"},
		{"eval", "recognition", "--run", run, "--model", w.model, "--features", w.features, "--data", data},
	} {
		if r := must(t, exitPartial, args...); !strings.Contains(r.stderr, bad) {
			t.Errorf("%s: the folder is not named:\n%s", args[0], r.stderr)
		}
	}
}
