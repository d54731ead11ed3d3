package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// index looks for a label in the videos that it adds, and only in these.
func TestIndexByLabel(t *testing.T) {
	t.Parallel()
	videos, lib := newLibrary(t)
	checkError(t, clipcue(t, "index", "-q", "--library", lib, "--label", "round"), exitFailed, "round", "label new")
	markRound(t, lib)
	must(t, exitDone, "label", "apply", "--library", lib, "round", "--min-precision", "0.5")
	data, err := os.ReadFile(filepath.Join(videos, "red_circle", "002.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	added := write(t, t.TempDir(), "new.mp4", string(data))
	index := []string{"index", "-q", "--library", lib, "--label", "round", "--json", added}
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

// markRound creates a label with enough marks for an estimate of its quality.
func markRound(t *testing.T, lib string) {
	t.Helper()
	must(t, exitDone, "label", "new", "--library", lib, "round", "--text", "a red circle")
	for _, mark := range [][]string{{"red_circle/000.mp4"}, {"red_circle/001.mp4"}, {"blue_ring/000.mp4", "--not"}, {"green_cross/000.mp4", "--not"}} {
		must(t, exitDone, append([]string{"label", "mark", "--library", lib, "round", mark[0], "0", "2"}, mark[1:]...)...)
	}
}

// The operating point of label apply stays with the label; label eval only uses it.
func TestOperatingPointIsStored(t *testing.T) {
	t.Parallel()
	_, lib := newLibrary(t)
	markRound(t, lib)
	type quality struct{ Target label.Target }
	eval := func(args ...string) label.Target {
		t.Helper()
		return decode[quality](t, must(t, exitDone, append([]string{"label", "eval", "--library", lib, "round", "--json"}, args...)...)).Target
	}
	if p := eval(); p != (label.Target{Precision: 0.8}) {
		t.Errorf("the default is %+v", p)
	}
	for _, point := range []struct {
		flag string
		want label.Target
	}{{"--min-recall", label.Target{Recall: 0.75}}, {"--min-precision", label.Target{Precision: 0.75}}} {
		must(t, exitDone, "label", "apply", "--library", lib, "round", point.flag, "0.75")
		eval("--min-precision", "0.25")
		if p := eval(); p != point.want {
			t.Errorf("%s: %+v", point.flag, p)
		}
		must(t, exitDone, "label", "apply", "--library", lib, "round")
		if p := eval(); p != point.want {
			t.Errorf("%s, after applying without flags: %+v", point.flag, p)
		}
	}
}

// A process that is killed while it indexes with a label leaves a whole library with all
// marks, and the same command continues.
func TestKilledIndexByLabel(t *testing.T) {
	videos, lib := newLibrary(t)
	markRound(t, lib)
	added := t.TempDir()
	for _, name := range []string{"red_circle", "blue_ring", "green_cross"} {
		data, err := os.ReadFile(filepath.Join(videos, name, "002.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, added, name+".mp4", string(data))
	}
	index := []string{"index", "-q", "--library", lib, "--label", "round", "--decoders", "1", "--json", added}
	for i := range 4 {
		c := program(t.Context(), t, index...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(100*i) * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait()
		must(t, exitDone, "library", "check", "--library", lib)
	}
	if r := decode[indexedJSON](t, must(t, exitDone, index...)); r.LibraryVideos != 12 {
		t.Errorf("%+v", r)
	}
	if n := len(decode[[]library.Mark](t, must(t, exitDone, "label", "list", "--library", lib, "--json", "round"))); n != 4 {
		t.Errorf("%d of 4 marks are left", n)
	}
}
