package main

import (
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
