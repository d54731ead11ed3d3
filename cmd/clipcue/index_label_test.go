package main

import (
	"os"
	"path/filepath"
	"testing"
)

// index looks for a label in the videos that it adds, and only in these.
func TestIndexByLabel(t *testing.T) {
	t.Parallel()
	videos, lib := newLibrary(t)
	checkError(t, clipcue(t, "index", "-q", "--library", lib, "--label", "round"), exitFailed, "round", "label new")
	must(t, exitDone, "label", "new", "--library", lib, "round", "--text", "a red circle")
	for _, mark := range [][]string{{"red_circle/000.mp4"}, {"red_circle/001.mp4"}, {"blue_ring/000.mp4", "--not"}, {"green_cross/000.mp4", "--not"}} {
		must(t, exitDone, append([]string{"label", "mark", "--library", lib, "round", mark[0], "0", "2"}, mark[1:]...)...)
	}
	data, err := os.ReadFile(filepath.Join(videos, "red_circle", "002.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	added := write(t, t.TempDir(), "new.mp4", string(data))
	index := []string{"index", "-q", "--library", lib, "--label", "round", "--min-precision", "0.5", "--json", added}
	type report struct {
		Done     int
		Indexed  []string
		Segments []struct{ Video, Label string }
	}
	r := decode[report](t, must(t, exitDone, index...))
	if r.Done != 1 || len(r.Indexed) != 1 || r.Indexed[0] != added || len(r.Segments) != 1 || r.Segments[0].Video != added || r.Segments[0].Label != "round" {
		t.Errorf("%+v", r)
	}
	if r := decode[report](t, must(t, exitDone, index...)); r.Done != 0 || len(r.Indexed) != 0 || len(r.Segments) != 0 {
		t.Errorf("again: %+v", r)
	}
}
