package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	w := newWorld(t)
	type item struct {
		Path    string
		Frames  int
		Width   int
		Decoded bool
		Notes   []string
		Error   string
	}
	items := decode[[]item](t, must(t, exitDone, "check", "-q", "--json", w.videos))
	if len(items) != 32 {
		t.Fatalf("%d videos", len(items))
	}
	for _, it := range items {
		if it.Frames < 2 || it.Width != 48 || it.Decoded || it.Notes == nil || it.Error != "" {
			t.Errorf("%+v", it)
		}
	}
	good := items[0]

	bad := write(t, t.TempDir(), "bad\n.mp4", "This is no video.\n")
	r := must(t, exitPartial, "check", "-q", "--json", "--decode", good.Path, bad)
	both := decode[[]item](t, r)
	if both[0].Frames != good.Frames || !both[0].Decoded || both[1].Path != bad || !strings.Contains(both[1].Error, "not a video") {
		t.Errorf("%+v", both)
	}
	table := must(t, exitPartial, "check", "-q", good.Path, bad)
	if n := strings.Count(table.stdout, "\n"); n != 3 || !strings.Contains(table.stdout, "FAILS: not a video") {
		t.Errorf("%d lines:\n%s", n, table.stdout)
	}
	if r := must(t, exitFailed, "check", "-q", bad); !strings.Contains(r.stderr, "none of 1 videos") {
		t.Error(r.stderr)
	}
	must(t, exitUsage, "check")
	must(t, exitFailed, "check", filepath.Join(t.TempDir(), "gone"))
}
