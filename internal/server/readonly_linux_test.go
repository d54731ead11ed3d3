package server

import (
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/playback"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

// A library that cannot be written is served to readers.
func TestReadOnlyLibrary(t *testing.T) {
	written, _ := serve(t)
	if err := library.CreateLabel(t.Context(), written, library.Label{Name: "red", Texts: []string{"a red circle"}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, options := range [][]string{{"--bind", written, dir}, {"-o", "remount,ro,bind", dir}} {
		if out, err := exec.Command("mount", options...).CombinedOutput(); err != nil {
			t.Skipf("no disk can be mounted here: %v: %s", err, out)
		}
		t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	}
	m, err := model()
	if err != nil {
		t.Fatal(err)
	}
	guard, err := access.New(access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	player, err := playback.New(playback.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = player.Close() }()
	s, err := New(t.Context(), Options{Library: dir, Encoder: m, Embedder: retrieval.Baseline(m), Guard: guard, Player: player, Jobs: filepath.Join(dir, "jobs")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	site := httptest.NewServer(guard.Handler(s))
	defer site.Close()
	var found Found
	call(t, site, "GET", "/search?q=a+red+circle", nil, 200, &found)
	if len(found.Results) == 0 {
		t.Error("nothing is found")
	}
	for _, path := range []string{"/videos", "/labels", "/labels/1/feed", "/labels/1/segments", "/library", "/jobs", "/videos/1/thumbnail"} {
		call(t, site, "GET", path, nil, 200, nil)
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/labels", object{"name": "x"}}, {"POST", "/labels/1/marks", object{"marks": []object{{"video": 1, "start": 0, "end": 1, "positive": true}}}},
		{"PUT", "/searches/x", object{"q": "red"}}, {"DELETE", "/labels/1", nil}, {"POST", "/jobs", object{"kind": "index"}}, {"GET", "/library/duplicates", nil},
	} {
		var problem struct{ Detail string }
		call(t, site, c.method, c.path, c.body, 403, &problem)
		if !strings.Contains(problem.Detail, "cannot be written") {
			t.Errorf("%s %s: %s", c.method, c.path, problem.Detail)
		}
	}
}
